locals {
  origins = sort(concat([local.url.api], compact([local.keys_url]), tolist(var.console_origins)))

  # A browser that follows the API's redirect to a signed link sends "Origin: null", which only "*" matches. Uploads go
  # to the link directly, with the page's own origin. The link is the permission either way: browsers have no credentials
  # of their own for these buckets.
  reader_origins = length(var.cors_origins) > 0 ? ["*"] : local.origins
  writer_origins = (
    anytrue([for origin in var.cors_origins : strcontains(origin, "*")])
    ? ["*"]
    : sort(distinct(concat(local.origins, tolist(var.cors_origins))))
  )
}

# Inputs of requests: images, videos, manifests.
resource "google_storage_bucket" "input" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-input"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels
  force_destroy               = !var.deletion_protection

  # An upload is one generation of an object. Its event may arrive after the next generation has replaced it.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 7
      with_state                 = "ARCHIVED"
    }
  }

  # Incomplete uploads.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.input_days == null ? [] : [var.input_days]

    content {
      action {
        type = "Delete"
      }
      condition {
        age        = lifecycle_rule.value
        with_state = "LIVE"
      }
    }
  }

  # The console and the pages of cors_origins upload files here, through signed links.
  cors {
    origin          = local.writer_origins
    method          = ["PUT"]
    response_header = local.settings.corsHeaders
    max_age_seconds = 3600
  }

  dynamic "encryption" {
    for_each = local.kms_keys

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, module.bootstrap]
}

# Results. Every name is written once, so versions would keep nothing. Deleted objects can be restored for seven days
# (Google's soft delete, on by default).
resource "google_storage_bucket" "output" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-output"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels
  force_destroy               = !var.deletion_protection

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  # Notes of claims. A restored database needs them; the oldest backup is at most 14 weeks old.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 100
      matches_prefix = ["claims/"]
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.result_days == null ? [] : [var.result_days]

    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  cors {
    origin          = local.reader_origins
    method          = ["GET", "HEAD"]
    response_header = local.settings.corsHeaders
    max_age_seconds = 3600
  }

  dynamic "encryption" {
    for_each = local.kms_keys

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, module.bootstrap]
}
