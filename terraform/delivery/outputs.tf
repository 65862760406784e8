output "plans_bucket" {
  description = "Where plans wait for their approval."
  value       = google_storage_bucket.plans.name
}

output "service_accounts" {
  description = "What the builds run as. To manage a budget, `apply` needs roles/billing.costsManager on the billing account."
  value       = { for name, account in google_service_account.this : name => account.email }
}
