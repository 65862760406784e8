# A budget by itself only sends notices. These go to `sweep`, which pauses the submit queues at `stop_at`. Costs reach a
# budget hours late; the alert `spend`, from Clapper's own log, is faster.

locals {
  budgets = var.budget == null ? {} : { monthly = var.budget }
}

resource "google_pubsub_topic" "budget" {
  for_each = local.budgets

  project      = var.project_id
  name         = "${var.name}-budget"
  labels       = local.labels
  kms_key_name = var.kms_key

  depends_on = [google_project_service.this, module.bootstrap]
}

resource "google_pubsub_topic_iam_member" "budget_publisher" {
  for_each = local.budgets

  project = var.project_id
  topic   = google_pubsub_topic.budget[each.key].name
  role    = "roles/pubsub.publisher"
  # The account of Cloud Billing.
  member = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
}

resource "google_billing_budget" "this" {
  for_each = local.budgets

  billing_account = each.value.billing_account
  display_name    = "Clapper in ${var.project_id}"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
    # Counts costs before credits: a credit must not hide a mistake.
    credit_types_treatment = "EXCLUDE_ALL_CREDITS"
  }

  amount {
    specified_amount {
      units = tostring(each.value.amount)
    }
  }

  # One e-mail at each. With `stop_at` among them, one arrives when the sweep pauses the queues.
  dynamic "threshold_rules" {
    for_each = sort(distinct([for part in [0.5, 0.9, 1, each.value.stop_at] : format("%.4f", part) if part > 0]))

    content {
      threshold_percent = tonumber(threshold_rules.value)
    }
  }

  all_updates_rule {
    pubsub_topic                     = google_pubsub_topic.budget[each.key].id
    schema_version                   = "1.0"
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  }

  depends_on = [google_project_service.this, google_pubsub_topic_iam_member.budget_publisher]
}

resource "google_pubsub_subscription" "budget" {
  for_each = local.budgets

  project = var.project_id
  name    = "${var.name}-budget-to-sweep"
  topic   = google_pubsub_topic.budget[each.key].id
  labels  = local.labels
  # The time-out of the sweep.
  ack_deadline_seconds = 300

  push_config {
    push_endpoint = local.url.sweep

    oidc_token {
      service_account_email = local.accounts.tasks.email
      audience              = local.url.sweep
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # By default Google deletes a subscription that has been idle for 31 days.
  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}
