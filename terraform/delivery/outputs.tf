output "plans_bucket" {
  description = "Bucket where plans wait for approval."
  value       = google_storage_bucket.plans.name
}

output "service_accounts" {
  description = "Accounts of the two builds. With a budget, grant them roles on the billing account: `plan` roles/billing.viewer, `apply` roles/billing.costsManager."
  value       = { for name, account in google_service_account.this : name => account.email }
}
