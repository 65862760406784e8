locals {
  # Written out, because the functions and the plan are to know it before it exists.
  events_topic = "projects/${var.project_id}/topics/${google_pubsub_topic.events.name}"
}

# What becomes of jobs, for whoever subscribes.
resource "google_pubsub_topic" "events" {
  project = var.project_id
  name    = "${var.name}-events"
  labels  = var.labels
  # A subscription that is made late can still look back a day.
  message_retention_duration = "86400s"

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "events_publisher" {
  for_each = local.event_publishers

  project = var.project_id
  topic   = google_pubsub_topic.events.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.key].member
}
