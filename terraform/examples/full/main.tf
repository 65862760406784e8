# Sets every variable.

variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "billing_account" {
  description = "The billing account that pays."
  type        = string
  default     = "012345-6789AB-CDEF01"
}

module "clapper" {
  source = "../.."

  project_id         = var.project_id
  region             = "europe-west4"
  firestore_database = "studio-2"
  firestore_location = "eur3"
  vertex_location    = "us-central1"
  name               = "studio"
  labels             = { team = "film", stage = "production" }

  # Where data may be. The database is in a multi-region, and Veo in another region.
  data_locations      = ["europe-west4", "eur3", "us-central1"]
  gemini_key_location = "europe-west4"

  # Keys of the company. That of the database is in the key location of its multi-region.
  kms_key           = "projects/company-keys/locations/europe-west4/keyRings/clapper/cryptoKeys/data"
  firestore_kms_key = "projects/company-keys/locations/europe/keyRings/clapper/cryptoKeys/database"
  previous_kms_keys = ["projects/company-keys/locations/europe-west4/keyRings/clapper/cryptoKeys/data-2025"]
  kms_grants        = true

  # The ways in and out.
  ingress = "all"
  vpc     = { network = "default", subnetwork = "default", tags = ["clapper"], egress = "private-ranges-only" }

  # Who may call, and who operates the deployment.
  callers   = ["group:film@example.com", "serviceAccount:app@${var.project_id}.iam.gserviceaccount.com"]
  operators = ["ann@example.com"]
  api_keys  = true

  # What requests may name.
  readable_prefixes    = ["gs://film-assets/plates/"]
  pubsub_topics        = ["projects/${var.project_id}/topics/veo"]
  console_origins      = ["https://studio.example.com"]
  cors_origins         = ["https://studio.example.com"]
  delivery_prefixes    = ["gs://film-deliveries/"]
  uploads              = [{ prefix = "incoming/", caller = "upload" }]
  provider_webhook_url = "https://hooks.example.com/v1/provider-events"

  # How models are called.
  gemini_key_version   = 3
  vertex_pictures      = "inline"
  alias_retired_models = true
  compat_aliases       = true
  restricted_region    = true
  unknown_outcome      = "resubmit"
  catalogue_overrides = {
    "vertex/veo-3.1-generate-001" = { requestsPerMinute = 200 }
  }

  # How long things are kept.
  job_ttl_days           = 30
  input_days             = 30
  result_days            = 365
  signed_url_ttl_seconds = 3600
  deletion_protection    = true
  backups                = { daily_days = 7, weekly_weeks = 14 }

  # Only after the database was restored: docs/operate.md.
  restored = { copied_at = "2026-11-30T10:00:00Z", resumed_at = "2026-11-30T12:00:00Z" }

  # A batch every working day, from a manifest in the input bucket.
  schedules = {
    dailies = {
      cron     = "0 6 * * 1-5"
      timeZone = "Europe/Berlin"
      manifest = "gs://film-assets/dailies/{yyyy}-{MM}-{dd}.csv"
    }
  }

  # Limits, budget and alerts.
  max_instances = { api = 5, keys = 1 }
  submissions   = "RUNNING"
  log_prompts   = false
  alert_email   = "ops@example.com"
  alerts        = { spend_usd_per_hour = 200, oldest_unfinished_hours = 12 }
  budget        = { billing_account = var.billing_account, amount = 5000, stop_at = 0.9 }
}

output "clapper" {
  description = "What an app needs to know."
  value = {
    api_url          = module.clapper.api_url
    keys_url         = module.clapper.keys_url
    input_bucket     = module.clapper.input_bucket
    output_bucket    = module.clapper.output_bucket
    events_topic     = module.clapper.events_topic
    service_accounts = module.clapper.service_accounts
  }
}
