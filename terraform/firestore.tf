resource "google_firestore_database" "this" {
  project     = var.project_id
  name        = local.database
  location_id = coalesce(var.firestore_location, var.region)
  type        = "FIRESTORE_NATIVE"

  # While enabled, Google refuses every attempt to delete the database.
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = "DELETE"
  # Any minute of the last seven days can be read again.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  dynamic "cmek_config" {
    for_each = local.firestore_kms_key[*]

    content {
      kms_key_name = cmek_config.value
    }
  }

  lifecycle {
    # Google sets the key of a database once, when it is created. Without this, a change of the variable would replace the
    # database. With it, the plan fails.
    ignore_changes = [cmek_config]

    postcondition {
      condition     = try(self.cmek_config[0].kms_key_name, null) == local.firestore_kms_key
      error_message = "The database ${self.name} ${try("has the key ${self.cmek_config[0].kms_key_name}", "has no key")}, and the variables ask for ${local.firestore_kms_key == null ? "none" : local.firestore_kms_key}. Google sets the key of a database only when it is created, so nothing was changed. Set firestore_kms_key to ${try("\"${self.cmek_config[0].kms_key_name}\"", "\"\"")} to keep the database as it is. For another key, clone or restore it into a new database that has the key."
    }
  }

  depends_on = [google_project_service.this, module.bootstrap]
}

# Copies from which a new database can be made (docs/operate.md, "Restoring the database"). Unlike point-in-time recovery
# they survive the database. Google allows one schedule of each kind.
resource "google_firestore_backup_schedule" "this" {
  for_each = { for kind, days in { daily = var.backups.daily_days, weekly = 7 * var.backups.weekly_weeks } : kind => days if days > 0 }

  project   = var.project_id
  database  = google_firestore_database.this.name
  retention = "${each.value * 86400}s"

  dynamic "daily_recurrence" {
    for_each = each.key == "daily" ? [true] : []

    content {}
  }

  dynamic "weekly_recurrence" {
    for_each = each.key == "weekly" ? [true] : []

    content {
      day = "SUNDAY"
    }
  }
}

locals {
  # Exactly what the queries need. Firestore merges indexes that end in the same fields, so three of these serve the seven
  # combinations of filters on a list of jobs.
  indexes = {
    jobs_by_caller = { collection = "jobs", fields = [["caller", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_by_model  = { collection = "jobs", fields = [["model", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_by_status = { collection = "jobs", fields = [["status", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    # Queries by status use the second of these: merged with a status index, the first would not end in the same fields.
    jobs_of_batch           = { collection = "jobs", fields = [["batchId", "ASCENDING"], ["row", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    jobs_of_batch_by_status = { collection = "jobs", fields = [["batchId", "ASCENDING"], ["status", "ASCENDING"], ["row", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    batches_by_caller       = { collection = "batches", fields = [["caller", "ASCENDING"], ["createdAt", "DESCENDING"]] }
    # The submit queues. The stored field name `line` is older than the word.
    jobs_in_line = { collection = "jobs", fields = [["line", "ASCENDING"], ["caller", "ASCENDING"], ["createdAt", "ASCENDING"]] }
  }

  # Stored whole and never queried. If indexed, each of their fields would add to the cost of every write.
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

  # A grant takes a minute or two to take effect; until then the first functions cannot be built or triggered. The
  # functions wait for the indexes, which take minutes to build. So the indexes wait for the grants.
  depends_on = [
    google_storage_bucket_iam_member.build_source,
    module.bootstrap,
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

# Firestore deletes finished jobs, and batches that have released theirs, within a day after `expireAt`. The field needs
# no index.
resource "google_firestore_field" "expiry" {
  for_each = toset(["batches", "jobs"])

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value
  field      = "expireAt"

  ttl_config {}
  index_config {}
}
