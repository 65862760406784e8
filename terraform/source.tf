locals {
  source_zip = coalesce(var.source_zip, "${path.module}/../dist/functions.zip")
}

resource "google_storage_bucket" "source" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels
  # Everything in the bucket can be built again.
  force_destroy = true

  dynamic "encryption" {
    for_each = local.kms_keys

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, module.bootstrap]
}

# The name contains a hash of the content: Google builds again only for a new name. The same sources give the same bytes.
resource "google_storage_bucket_object" "source" {
  name   = "functions-${try(filemd5(local.source_zip), "missing")}.zip"
  bucket = google_storage_bucket.source.name
  source = local.source_zip

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = fileexists(local.source_zip)
      error_message = "${local.source_zip} does not exist. Build it first: npm ci && npm run build."
    }
  }
}
