output "api_url" {
  description = "Address of the API and the console."
  value       = local.url.api
}

output "call" {
  description = "A first call, for one of the callers."
  value       = "curl -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" -H 'content-type: application/json' -d '{\"prompt\": \"a calico kitten\"}' ${local.url.api}/v1/jobs"
}

output "console" {
  description = "Opens the console on http://localhost:8080 with your own identity."
  value       = "gcloud run services proxy ${google_cloudfunctions2_function.this["api"].name} --project ${var.project_id} --region ${var.region}"
}

output "events_topic" {
  description = "Topic of what becomes of jobs."
  value       = local.events_topic
}

output "firestore_database" {
  description = "Name of the database."
  value       = google_firestore_database.this.name
}

output "gemini_key_secret" {
  description = "Secret that a Gemini API key goes into."
  value       = google_secret_manager_secret.gemini_key.secret_id
}

output "input_bucket" {
  description = "Where inputs go."
  value       = google_storage_bucket.input.url
}

output "keys_url" {
  description = "Address of the API for callers with an API key; null without `api_keys`."
  value       = local.keys_url
}

output "output_bucket" {
  description = "Where videos land."
  value       = google_storage_bucket.output.url
}

output "service_accounts" {
  description = "What each function runs as, to be given rights to buckets of your own."
  value       = { for name, account in google_service_account.function : name => account.email }
}
