resource "google_firestore_database" "this" {
  project     = var.project_id
  name        = var.name
  location_id = coalesce(var.firestore_location, var.region)
  type        = "FIRESTORE_NATIVE"

  # Google refuses to delete it, whoever asks, until this is switched off.
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = "DELETE"
  # Any minute of the last seven days can be read again.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  depends_on = [google_project_service.this]
}

locals {
  # Exactly what the queries need. Several equalities are answered by joining indexes that end alike, so three serve the
  # seven ways in which a list of jobs can be filtered.
  indexes = {
    jobs_by_caller = { collection = "jobs", fields = [["caller", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_by_model  = { collection = "jobs", fields = [["model", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_by_status = { collection = "jobs", fields = [["status", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    # The second one stands in where statuses are asked for; joined with it, the first would not end alike.
    jobs_of_batch           = { collection = "jobs", fields = [["batchId", "ASCENDING"], ["row", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_of_batch_by_status = { collection = "jobs", fields = [["batchId", "ASCENDING"], ["status", "ASCENDING"], ["row", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    batches_by_caller       = { collection = "batches", fields = [["caller", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_in_line            = { collection = "jobs", fields = [["line", "ASCENDING"], ["caller", "ASCENDING"], ["createdAt", "ASCENDING"]] }
  }

  # Maps that are stored whole and never searched: indexed, each of their fields would be paid for on every write.
  unindexed = {
    batch_record = { collection = "batches", field = "record" }
    job_record   = { collection = "jobs", field = "record" }
  }
}

resource "google_firestore_index" "this" {
  for_each = local.indexes

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = fields.value[0]
      order      = fields.value[1]
    }
  }

  # A grant takes a minute or two to be in force, and the first functions are refused before: they cannot be built, or
  # not be triggered. They wait for the indexes, which are minutes in the making; so the indexes wait for the grants.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_copy,
    google_project_iam_member.build_logs,
    google_project_iam_member.event_receiver,
    google_project_iam_member.storage_events,
    google_storage_bucket_iam_member.build_source,
  ]
}

resource "google_firestore_field" "unindexed" {
  for_each = local.unindexed

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}
}

# Finished jobs, and batches that have let theirs go, are deleted within a day of `expireAt`. The field needs no index of
# its own.
resource "google_firestore_field" "expiry" {
  for_each = toset(["batches", "jobs"])

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value
  field      = "expireAt"

  ttl_config {}
  index_config {}
}
