# Keys mode: the API once more, at an address that anybody can reach, where nobody gets in without an API key of
# Clapper's own. For apps that have no identity of Google's, and for code written for Google's APIs that knows keys only.
#
# A function cannot do without the check of its invoker (the provider has no argument for it), and giving the API to
# everybody would open it to tokens of anybody. So this is a Cloud Run service of its own: the API's image, account and
# environment, but for who is let in.

locals {
  key_services = var.api_keys ? toset(["keys"]) : toset([])
  keys_url     = one([for service in local.key_services : "https://${var.name}-${service}-${data.google_project.this.number}.${var.region}.run.app"])

  key_environment = merge(local.environment, {
    CLAPPER_CALLERS = "key"
    FUNCTION_TARGET = "api"
  })
}

# What Google has built of the API's sources.
data "google_cloud_run_v2_service" "api" {
  for_each = local.key_services

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this["api"].name
}

resource "google_cloud_run_v2_service" "keys" {
  for_each = local.key_services

  project     = var.project_id
  location    = var.region
  name        = "${var.name}-${each.key}"
  description = "Clapper: api, for callers with an API key"
  labels      = var.labels
  ingress     = "INGRESS_TRAFFIC_ALL"
  # Google asks nobody who they are; the code does, and takes nothing but keys.
  invoker_iam_disabled = true
  # Holds nothing.
  deletion_protection = false

  template {
    service_account                  = google_service_account.function["api"].email
    timeout                          = "${local.functions.api.timeout}s"
    max_instance_request_concurrency = local.functions.api.concurrency

    # What strangers can cost: this many instances, and no more.
    scaling {
      max_instance_count = lookup(var.max_instances, each.key, local.functions.api.max)
    }

    containers {
      # Were there none, the name says in Cloud Run's refusal what is missing.
      image = try(
        data.google_cloud_run_v2_service.api[each.key].template[0].containers[0].image,
        "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/no-image-of-the-api",
      )

      resources {
        limits = { cpu = "1", memory = local.functions.api.memory }
        # Where limits are given, an instance is paid for as long as it lives unless this says otherwise, and strangers'
        # knocking would keep one alive day and night.
        cpu_idle = true
      }

      dynamic "env" {
        for_each = local.key_environment

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.gemini_key_version > 0 ? [var.gemini_key_version] : []

        content {
          name = "CLAPPER_GEMINI_API_KEY"

          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.gemini_key.secret_id
              version = tostring(env.value)
            }
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.gemini_key]
}
