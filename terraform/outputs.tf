output "api_url" {
  description = "URL of the API and the console."
  value       = local.url.api
}

output "call" {
  description = "A first request, to be run by one of the callers."
  value       = "curl -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" -H 'content-type: application/json' -d '{\"prompt\": \"a calico kitten\"}' ${local.url.api}/v1/jobs"
}

output "console" {
  description = "Command that opens the console on http://localhost:8080 with your own identity."
  value       = "gcloud run services proxy ${google_cloudfunctions2_function.this["api"].name} --project ${var.project_id} --region ${var.region}"
}

output "events_topic" {
  description = "Topic of the events: ends of jobs and batches, and schedules that failed."
  value       = local.events_topic
}

output "firestore_database" {
  description = "Name of the database."
  value       = google_firestore_database.this.name
}

output "gemini_key_secret" {
  description = "Secret that holds the Gemini API key."
  value       = local.gemini_key_secret
}

output "input_bucket" {
  description = "Bucket for inputs: images, videos, manifests."
  value       = google_storage_bucket.input.url
}

output "keys_url" {
  description = "URL of the API for callers with an API key; null without `api_keys`."
  value       = local.keys_url
}

output "output_bucket" {
  description = "Bucket where videos land."
  value       = google_storage_bucket.output.url
}

output "outside_region" {
  description = "What stores or processes data outside `data_locations`, or outside `region` if that is empty: resources, and models of the catalogue. With `data_locations`, requests for these models are refused."
  value       = local.outside
}

output "service_accounts" {
  description = "Account of each function, to grant it roles on your own buckets."
  value       = { for name in keys(local.functions) : name => local.accounts[name].email }
}

output "services" {
  description = "Cloud Run services that a load balancer can serve: `api`, and `keys` with `api_keys`."
  value = merge(
    { api = google_cloudfunctions2_function.this["api"].name },
    { for key, service in google_cloud_run_v2_service.keys : key => service.name },
  )
}
