# The module with project_id alone.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_storage_project_service_account" {
    defaults = { member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "my-videos-1"
  source_zip = "tests/fixtures/functions.zip"
}

run "plans" {
  command = plan

  assert {
    condition     = length(google_cloudfunctions2_function.this) == 8
    error_message = "There must be eight functions."
  }
  assert {
    condition     = output.api_url == "https://clapper-api-123456789012.us-central1.run.app"
    error_message = "api_url must follow from project number and region; it is ${output.api_url}."
  }
  assert {
    condition     = google_firestore_database.this.location_id == "us-central1" && google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "The database must be in the region and protected from deletion."
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.caller) == 0
    error_message = "Without callers no invoker may be granted on the API."
  }
  assert {
    condition     = length(google_billing_budget.this) + length(google_pubsub_subscription.budget) == 0
    error_message = "Without budget there must be no budget resources."
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : length(function.service_config[0].secret_environment_variables) == 0])
    error_message = "Without gemini_key_version no function may have the key."
  }
}

run "rates_are_the_quotas" {
  command = plan

  assert {
    condition     = google_cloud_tasks_queue.this["submit-vertex-veo-3-1-generate-001"].rate_limits[0].max_dispatches_per_second == 0.833
    error_message = "50 a minute must become 0.833 a second."
  }
  assert {
    condition     = google_cloud_tasks_queue.this["submit-vertex-veo-3-1-generate-001-batch"].rate_limits[0].max_dispatches_per_second == 0.833
    error_message = "The batch lane must have the model's rate too."
  }
}

run "applies" {
  command = apply

  assert {
    condition     = output.input_bucket != output.output_bucket
    error_message = "Input and output must be different buckets, or every landed video would be an upload."
  }
}
