locals {
  # Built from the name: the functions and the plan need it before the topic exists.
  events_topic = "projects/${var.project_id}/topics/${google_pubsub_topic.events.name}"
}

# CloudEvents: ends of jobs and batches, and schedules that failed.
resource "google_pubsub_topic" "events" {
  project      = var.project_id
  name         = "${var.name}-events"
  labels       = local.labels
  kms_key_name = var.kms_key
  # A subscription created later can still read the last day.
  message_retention_duration = "86400s"

  depends_on = [google_project_service.this, module.bootstrap]
}

resource "google_pubsub_topic_iam_member" "events_publisher" {
  for_each = local.event_publishers

  project = var.project_id
  topic   = google_pubsub_topic.events.name
  role    = "roles/pubsub.publisher"
  member  = local.accounts[each.key].member
}
