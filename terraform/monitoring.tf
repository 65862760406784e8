# All metrics come from what the functions log: one JSON line per event, with the fields named here.

locals {
  # Numeric log fields, as distributions. Only lines that have the field count; the others would be noise.
  measures = {
    done_to_landed_ms = { field = "doneToLandedMs", unit = "ms", description = "Time from the end of an operation until its videos have landed." }
    oldest_open_ms    = { field = "oldestOpenMs", unit = "ms", description = "Age of the oldest unfinished job, measured once a minute." }
    spent_usd         = { field = "spentUsd", unit = "{USD}", description = "Catalogue price of attempts that were charged or may have been charged." }
  }

  counters = {
    uncertain_attempts = {
      filter      = "jsonPayload.uncertain=true"
      description = "Paid calls whose outcome is unknown."
    }
    jobs_failed = {
      # A line without `job` is a failed batch. A line with from="failed" is a job that had already failed and whose
      # attempt is still followed.
      filter      = "jsonPayload.to=\"failed\" AND jsonPayload.job:* AND NOT jsonPayload.from=\"failed\""
      description = "Jobs that failed."
    }
    jobs_succeeded = {
      filter      = "jsonPayload.to=\"succeeded\" AND jsonPayload.job:*"
      description = "Jobs that succeeded."
    }
    webhook_failures = {
      # `webhook` is the URL. No line has it until notify is implemented. Severity alone would also count refused calls of
      # notify.
      filter      = "resource.labels.service_name=\"${var.name}-notify\" AND severity>=WARNING AND jsonPayload.webhook:*"
      description = "Webhook deliveries that failed."
    }
  }

  # Only the functions' standard output. Google's request log has the same resource: with it a failed call would count
  # twice, and calls that Google refuses would count as ours.
  of_functions = "logName=\"projects/${var.project_id}/logs/run.googleapis.com%2Fstdout\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.name}-(${join("|", concat(keys(local.functions), tolist(local.key_services)))})$\""

  # PromQL's name of a log-based metric. The label selects one of the metric's resource types.
  series = { for name in concat(keys(local.measures), keys(local.counters)) : name => "logging_googleapis_com:user_${replace(var.name, "-", "_")}_${name}" }
  run    = "monitored_resource=\"cloud_run_revision\""

  # What a counter has counted in a window. Log-based metrics are deltas: each point is what one minute added. Google counts
  # a point by its time range, so the first point of a new series counts, and one line is enough to fire
  # (docs/unverified.md, "Alerts").
  added = "increase"

  # The age is logged once a minute, so the mean over 20 minutes is the age. A quantile would be as coarse as the
  # buckets, which is hours off. Points arrive up to 10 minutes late: a window of 10 minutes could be empty every time.
  oldest_open_ms = "sum(${local.added}(${local.series.oldest_open_ms}_sum{${local.run}}[20m])) / sum(${local.added}(${local.series.oldest_open_ms}_count{${local.run}}[20m]))"

  alerts = {
    uncertain_attempts = {
      severity = "ERROR"
      summary  = "A paid call has an unknown outcome"
      query    = "sum(${local.added}(${local.series.uncertain_attempts}{${local.run}}[15m])) > ${var.alerts.uncertain_attempts_per_15m}"
      todo     = "Clapper looks for evidence until the model's longest latency has passed. `GET /v1/at-stake` lists every such attempt with its amount. An operator can decide with `POST /v1/jobs/{id}/resolve`. If there are many at once, check the status of Vertex AI."
    }
    oldest_unfinished_job = {
      severity = "WARNING"
      summary  = "A job has been unfinished for ${var.alerts.oldest_unfinished_hours} hours"
      query    = "${local.oldest_open_ms} > ${var.alerts.oldest_unfinished_hours * 3600000}"
      todo     = "The sweep's log line with `jsonPayload.oldestOpenMs` names the job (`jsonPayload.job`). Usual reasons: paused queues, a model's quota, or a large batch. Every job ends by its deadline."
    }
    done_to_landed_p95 = {
      severity = "WARNING"
      summary  = "Finished videos take more than ${var.alerts.done_to_landed_seconds} s to land"
      query    = "histogram_quantile(0.95, sum by (le) (${local.added}(${local.series.done_to_landed_ms}_bucket{${local.run}}[1h]))) > ${var.alerts.done_to_landed_seconds * 1000}"
      todo     = "Check the errors of `${var.name}-poll`. Usual reasons: missing permissions on the output bucket, the maximum number of instances reached, or slow downloads from the Developer API."
    }
    spend = {
      severity = "CRITICAL"
      summary  = "More than ${var.alerts.spend_usd_per_hour} US dollars spent in an hour"
      query    = "sum(${local.added}(${local.series.spent_usd}_sum{${local.run}}[1h])) > ${var.alerts.spend_usd_per_hour}"
      todo     = "To stop every paid call: `terraform apply -var submissions=PAUSED`. Jobs are still accepted, and wait."
    }
    webhook_failures = {
      severity = "WARNING"
      summary  = "More than ${var.alerts.webhook_failures_per_hour} webhook deliveries failed in an hour"
      query    = "sum(${local.added}(${local.series.webhook_failures}{${local.run}}[1h])) > ${var.alerts.webhook_failures_per_hour}"
      todo     = "Check the warnings of `${var.name}-notify`: they name the URL and its response."
    }
    sweep_not_running = {
      severity = "CRITICAL"
      summary  = "The sweep has not run for ${var.alerts.sweep_not_running_minutes} minutes"
      # A served request shows up to four minutes later. Five of the minutes are the alert's duration, not its window: they
      # give a newly created sweep time for its first run.
      query    = "absent_over_time(run_googleapis_com:request_count{${local.run},service_name=\"${var.name}-sweep\",response_code_class=\"2xx\"}[${var.alerts.sweep_not_running_minutes - 5}m])"
      duration = "300s"
      todo     = "Without the sweep, lost wakes are not re-enqueued. Check the schedule `${var.name}-sweep` in Cloud Scheduler and the log of the function `${var.name}-sweep`."
    }
  }
}

resource "google_logging_metric" "measure" {
  for_each = local.measures

  project         = var.project_id
  name            = "${replace(var.name, "-", "_")}_${each.key}"
  description     = each.value.description
  filter          = "${local.of_functions} AND jsonPayload.${each.value.field}>0"
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  # Buckets start at 0.01 (US dollars or milliseconds), grow by a factor of 1.5 and reach past a month.
  bucket_options {
    exponential_buckets {
      scale              = 0.01
      growth_factor      = 1.5
      num_finite_buckets = 65
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  project     = var.project_id
  name        = "${replace(var.name, "-", "_")}_${each.key}"
  description = each.value.description
  filter      = "${local.of_functions} AND ${each.value.filter}"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_email == null ? {} : { operator = var.alert_email }

  project      = var.project_id
  display_name = "Clapper: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  user_labels  = local.labels

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "Clapper: ${each.value.summary}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = local.labels
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.summary

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = try(each.value.duration, "0s")
      evaluation_interval = "60s"
      # A log-based metric exists only after its first value: without this the first apply would fail.
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = "Clapper: ${each.value.summary}"
    content   = "${each.value.todo}\n\nRunbook: docs/operate.md#alert-${replace(each.key, "_", "-")}"
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  # The sweep's schedule comes first: without it `sweep_not_running` would fire at every first apply.
  depends_on = [google_logging_metric.counter, google_logging_metric.measure, google_cloud_scheduler_job.sweep]
}
