# The effect of variables, and the values that they refuse.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_cloud_run_v2_service" {
    defaults = { template = [{ containers = [{ image = "us-central1-docker.pkg.dev/p/r/api:version_7" }] }] }
  }
  mock_data "google_storage_project_service_account" {
    defaults = { member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "my-videos-1"
  source_zip = "tests/fixtures/functions.zip"
}

run "a_quota_sets_the_rate_of_both_lanes_and_reaches_the_functions" {
  command = plan
  variables {
    catalogue_overrides = { "vertex/veo-3.1-generate-001" = { requestsPerMinute = 240 } }
  }

  assert {
    condition     = google_cloud_tasks_queue.this["submit-vertex-veo-3-1-generate-001"].rate_limits[0].max_dispatches_per_second == 4 && google_cloud_tasks_queue.this["submit-vertex-veo-3-1-generate-001-batch"].rate_limits[0].max_dispatches_per_second == 4
    error_message = "240 a minute must become 4 a second in both lanes."
  }
  assert {
    condition     = jsondecode(google_cloudfunctions2_function.this["submit"].service_config[0].environment_variables.CLAPPER_CATALOGUE_OVERRIDES)["vertex/veo-3.1-generate-001"].requestsPerMinute == 240
    error_message = "The functions must get the same quota."
  }
  assert {
    condition     = google_cloud_tasks_queue.this["submit-vertex-veo-3-1-fast-generate-001"].rate_limits[0].max_dispatches_per_second == 0.833
    error_message = "Other models must keep their quotas."
  }
}

run "a_restored_database_is_used_by_functions_grants_indexes_and_backups" {
  command = plan
  variables {
    firestore_database = "clapper-20261130"
    restored           = { copied_at = "2026-11-30T10:00:00Z", resumed_at = "2026-11-30T12:00:00Z" }
    backups            = { daily_days = 0, weekly_weeks = 14 }
  }

  assert {
    condition     = google_firestore_database.this.name == "clapper-20261130" && alltrue([for each in google_firestore_index.this : each.database == "clapper-20261130"])
    error_message = "The database must have the given name."
  }
  assert {
    condition     = alltrue([for each in google_cloudfunctions2_function.this : each.service_config[0].environment_variables.CLAPPER_FIRESTORE_DATABASE == "clapper-20261130" && each.service_config[0].environment_variables.CLAPPER_RESTORED == "2026-11-30T10:00:00Z/2026-11-30T12:00:00Z"])
    error_message = "Every function must use it, and know when it was copied."
  }
  assert {
    condition     = length(google_firestore_backup_schedule.this) == 1 && google_firestore_backup_schedule.this["weekly"].retention == "8467200s"
    error_message = "There must be only a weekly backup, kept for 14 weeks."
  }
}

run "pausing_submissions_pauses_the_submit_queues_only" {
  command = plan
  variables {
    submissions = "PAUSED"
  }

  assert {
    condition     = alltrue([for name, queue in google_cloud_tasks_queue.this : queue.desired_state == (startswith(name, "submit-") ? "PAUSED" : "RUNNING")])
    error_message = "Exactly the submit queues must be paused."
  }
}

run "a_budget_notifies_the_sweep_which_stops_at_stop_at" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 500, stop_at = 0.9 }
  }

  assert {
    condition     = google_pubsub_subscription.budget["monthly"].push_config[0].push_endpoint == "https://clapper-sweep-123456789012.us-central1.run.app"
    error_message = "Budget notices must go to sweep."
  }
  assert {
    condition     = google_cloudfunctions2_function.this["sweep"].service_config[0].environment_variables.CLAPPER_BUDGET_STOP == "0.9"
    error_message = "sweep must get CLAPPER_BUDGET_STOP."
  }
}

run "a_budget_with_stop_at_0_only_notifies" {
  command = plan
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 500, stop_at = 0 }
  }

  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.this["sweep"].service_config[0].environment_variables), "CLAPPER_BUDGET_STOP")
    error_message = "With stop_at = 0, CLAPPER_BUDGET_STOP must be absent."
  }
}

run "the_functions_that_call_models_get_the_gemini_key_at_its_version" {
  command = plan
  variables {
    gemini_key_version = 2
  }

  assert {
    condition = toset([
      for name, function in google_cloudfunctions2_function.this : name
      if try(function.service_config[0].secret_environment_variables[0].version, "") == "2"
    ]) == toset(["api", "batch", "poll", "submit", "sweep"])
    error_message = "Exactly api, batch, poll, submit and sweep must get version 2 of the key."
  }
}

run "keys_mode_serves_the_apis_image_to_callers_with_keys_only" {
  command = apply
  variables {
    api_keys      = true
    operators     = ["ann@example.com"]
    max_instances = { keys = 3 }
  }

  assert {
    condition     = google_cloud_run_v2_service.keys["keys"].invoker_iam_disabled && google_cloud_run_v2_service.keys["keys"].template[0].scaling[0].max_instance_count == 3
    error_message = "The service must be public and have at most three instances."
  }
  assert {
    condition     = google_cloud_run_v2_service.keys["keys"].template[0].containers[0].image == "us-central1-docker.pkg.dev/p/r/api:version_7"
    error_message = "The service must run the image of the API."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.keys["keys"].template[0].containers[0].env : env.value if env.name == "CLAPPER_CALLERS"]) == "key"
    error_message = "The service must accept only API keys."
  }
  assert {
    condition     = contains(google_storage_bucket.output.cors[0].origin, output.keys_url)
    error_message = "The output bucket must allow the origin of keys_url, so that the console plays videos."
  }
}

run "the_pages_of_cors_origins_may_call_the_api_follow_its_links_and_upload" {
  command = plan
  variables {
    api_keys     = true
    operators    = ["ann@example.com"]
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition     = google_cloudfunctions2_function.this["api"].service_config[0].environment_variables.CLAPPER_CORS_ORIGINS == "https://app.example.com"
    error_message = "The functions must get the origins."
  }
  assert {
    condition     = tolist(google_storage_bucket.output.cors[0].origin) == tolist(["*"]) && contains(google_storage_bucket.output.cors[0].response_header, "x-goog-api-key")
    error_message = "A redirected request has the origin null and repeats the key."
  }
  assert {
    condition     = contains(google_storage_bucket.input.cors[0].origin, "https://app.example.com") && !contains(google_storage_bucket.input.cors[0].origin, "*")
    error_message = "Uploads come from the pages' own origins."
  }
}

run "cors_origins_need_keys_mode" {
  command = plan
  variables {
    cors_origins = ["https://app.example.com"]
  }
  expect_failures = [var.cors_origins]
}

run "cors_origins_refuse_a_path" {
  command = plan
  variables {
    api_keys     = true
    operators    = ["ann@example.com"]
    cors_origins = ["https://app.example.com/"]
  }
  expect_failures = [var.cors_origins]
}

run "without_keys_mode_there_is_no_public_address" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.keys) == 0 && output.keys_url == null
    error_message = "Without api_keys there must be no service and no keys_url."
  }
}

run "refuses_keys_mode_without_an_operator" {
  command = plan
  variables {
    api_keys = true
  }
  expect_failures = [var.api_keys]
}

run "without_deletion_protection_everything_can_be_destroyed" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = google_firestore_database.this.delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_storage_bucket.output.force_destroy && google_cloud_tasks_queue.this["poll"].deletion_policy == "DELETE"
    error_message = "Database, buckets and queues must be destroyable."
  }
}

run "schedules_call_batch" {
  command = plan
  variables {
    schedules = {
      dailies = { cron = "0 6 * * 1-5", timeZone = "Europe/Berlin", manifest = "gs://b/m.csv" }
      nightly = { cron = "0 2 * * *", manifest = "gs://b/{dd}.csv", maxSpendUsd = 20 }
    }
  }

  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.batch["dailies"].http_target[0].body)) == { schedule = "dailies" }
    error_message = "The call must name the schedule."
  }
  assert {
    condition     = google_cloud_scheduler_job.batch["dailies"].time_zone == "Europe/Berlin" && google_cloud_scheduler_job.batch["nightly"].time_zone == "Etc/UTC"
    error_message = "A schedule must run in its time zone, by default UTC."
  }
  assert {
    condition     = jsondecode(google_cloudfunctions2_function.this["batch"].service_config[0].environment_variables.CLAPPER_SCHEDULES).nightly.maxSpendUsd == 20
    error_message = "The function must get every field of the schedules."
  }
}

run "refuses_a_missing_zip_before_anything_is_created" {
  command = plan
  variables {
    source_zip = "tests/fixtures/nothing.zip"
  }
  expect_failures = [google_storage_bucket_object.source]
}

run "refuses_a_project_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "refuses_a_zone" {
  command = plan
  variables {
    region = "us-central1-a"
  }
  expect_failures = [var.region]
}

run "refuses_a_name_that_is_invalid_for_a_service_account" {
  command = plan
  variables {
    name = "Clapper_1"
  }
  expect_failures = [var.name]
}

run "refuses_a_model_that_is_not_in_the_catalogue" {
  command = plan
  variables {
    catalogue_overrides = { "vertex/veo-9" = { requestsPerMinute = 1 } }
  }
  expect_failures = [var.catalogue_overrides]
}

run "refuses_everybody_as_a_caller" {
  command = plan
  variables {
    callers = ["allUsers"]
  }
  expect_failures = [var.callers]
}

run "refuses_an_operator_written_as_a_member" {
  command = plan
  variables {
    operators = ["user:ann@example.com"]
  }
  expect_failures = [var.operators]
}

run "refuses_a_budget_without_a_billing_account_id" {
  command = plan
  variables {
    budget = { billing_account = "my account", amount = 500 }
  }
  expect_failures = [var.budget]
}

run "refuses_a_schedule_without_a_manifest" {
  command = plan
  variables {
    schedules = { dailies = { cron = "0 6 * * 1-5" } }
  }
  expect_failures = [var.schedules]
}

run "refuses_a_schedule_that_is_never_due" {
  command = plan
  variables {
    schedules = { dailies = { cron = "0 0 31 2 *", manifest = "gs://b/{dd}.csv" } }
  }
  expect_failures = [var.schedules]
}

run "accepts_a_schedule_on_the_31st_and_on_leap_days" {
  command = plan
  variables {
    schedules = {
      month-end = { cron = "0 0 31 * *", manifest = "gs://b/{dd}.csv" }
      leap-day  = { cron = "0 0 29 2 *", manifest = "gs://b/{dd}.csv" }
      weekly    = { cron = "0 0 31 2 1", manifest = "gs://b/{dd}.csv" }
    }
  }
}

run "refuses_an_upload_rule_without_a_prefix" {
  command = plan
  variables {
    uploads = [{ caller = "film" }]
  }
  expect_failures = [var.uploads]
}

run "refuses_an_upload_rule_over_clappers_own_folders" {
  command = plan
  variables {
    uploads = [{ prefix = "incoming/" }, { prefix = "" }]
  }
  expect_failures = [var.uploads]
}

run "refuses_a_negative_key_version" {
  command = plan
  variables {
    gemini_key_version = -1
  }
  expect_failures = [var.gemini_key_version]
}

run "refuses_to_delete_inputs_before_their_jobs_end" {
  command = plan
  variables {
    input_days = 1
  }
  expect_failures = [var.input_days]
}

run "refuses_instances_of_an_unknown_function" {
  command = plan
  variables {
    max_instances = { apis = 3 }
  }
  expect_failures = [var.max_instances]
}

run "refuses_links_that_outlive_the_signing_key" {
  command = plan
  variables {
    signed_url_ttl_seconds = 604800
  }
  expect_failures = [var.signed_url_ttl_seconds]
}

run "refuses_an_alert_without_a_window" {
  command = plan
  variables {
    alerts = { sweep_not_running_minutes = 0 }
  }
  expect_failures = [var.alerts]
}

run "the_sweep_alert_fires_after_the_given_minutes" {
  command = plan
  variables {
    alerts = { sweep_not_running_minutes = 15 }
  }

  assert {
    condition     = endswith(google_monitoring_alert_policy.this["sweep_not_running"].conditions[0].condition_prometheus_query_language[0].query, "[10m])") && google_monitoring_alert_policy.this["sweep_not_running"].conditions[0].condition_prometheus_query_language[0].duration == "300s"
    error_message = "15 minutes must be a window of 10 and a duration of 5."
  }
}

run "refuses_a_restoration_before_its_copy_and_backups_and_names_that_google_refuses" {
  command = plan
  variables {
    restored           = { copied_at = "2026-11-30T12:00:00Z", resumed_at = "2026-11-30T10:00:00Z" }
    backups            = { daily_days = 8, weekly_weeks = 15 }
    firestore_database = "db"
  }
  expect_failures = [var.restored, var.backups, var.firestore_database]
}
