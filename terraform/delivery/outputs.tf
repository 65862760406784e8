output "plans_bucket" {
  description = "Where plans wait for their approval."
  value       = google_storage_bucket.plans.name
}

output "service_accounts" {
  description = "What the builds run as. For a budget, on the billing account: `plan` needs roles/billing.viewer, `apply` roles/billing.costsManager."
  value       = { for name, account in google_service_account.this : name => account.email }
}
