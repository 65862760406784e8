# Both schedules carry the identity of the tasks, the only one that these functions accept.

resource "google_cloud_scheduler_job" "sweep" {
  project     = var.project_id
  region      = var.region
  name        = "${var.name}-sweep"
  description = "Re-enqueues lost wakes, and ends jobs past their deadline."
  schedule    = local.settings.sweep.schedule
  time_zone   = "Etc/UTC"
  # No retries: the next run is a minute away.
  attempt_deadline = "300s"

  retry_config {
    retry_count = 0
  }

  http_target {
    uri         = local.url.sweep
    http_method = "POST"

    oidc_token {
      service_account_email = local.accounts.tasks.email
      audience              = local.url.sweep
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker, google_project_service.this]
}

resource "google_cloud_scheduler_job" "batch" {
  for_each = var.schedules

  project          = var.project_id
  region           = var.region
  name             = "${var.name}-batch-${each.key}"
  description      = "Starts the batch ${each.key}."
  schedule         = each.value.cron
  time_zone        = try(each.value.timeZone, "Etc/UTC")
  attempt_deadline = "600s"

  # A missed call may be a whole day's batch, so it is retried five times, up to 15 minutes apart.
  retry_config {
    retry_count          = 5
    min_backoff_duration = "60s"
    max_backoff_duration = "900s"
  }

  http_target {
    uri         = local.url.batch
    http_method = "POST"
    headers     = { "content-type" = "application/json" }
    body        = base64encode(jsonencode({ schedule = each.key }))

    oidc_token {
      service_account_email = local.accounts.tasks.email
      audience              = local.url.batch
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker, google_project_service.this]
}
