# Keys mode: the API a second time, at a public address that accepts only Clapper's own API keys. It serves apps without a
# Google identity, and code written for Google's APIs that can send only a key.
#
# The check of the invoker cannot be switched off for a function (the provider has no argument for it), and granting the
# API to everybody would admit anybody's tokens. So this is a separate Cloud Run service. It has the API's image, account
# and environment, except CLAPPER_CALLERS.

locals {
  key_services = var.api_keys ? toset(["keys"]) : toset([])
  keys_url     = one([for service in local.key_services : "https://${var.name}-${service}-${data.google_project.this.number}.${var.region}.run.app"])

  key_environment = merge(local.environment, {
    CLAPPER_CALLERS = "key"
    FUNCTION_TARGET = "api"
  })
}

# The image that Google built from the API's source.
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
  labels      = local.labels
  ingress     = local.ingress.service
  # Google does not check the invoker. The code does, and accepts only API keys.
  invoker_iam_disabled = true
  # The service holds no data.
  deletion_protection = false

  template {
    service_account                  = local.accounts.api.email
    timeout                          = "${local.functions.api.timeout}s"
    max_instance_request_concurrency = local.functions.api.concurrency
    encryption_key                   = var.kms_key

    # Limits what calls without a valid key can cost.
    scaling {
      max_instance_count = lookup(var.max_instances, each.key, 2)
    }

    dynamic "vpc_access" {
      for_each = var.vpc[*]

      content {
        connector = vpc_access.value.connector
        egress    = local.vpc_egress.service

        dynamic "network_interfaces" {
          for_each = local.direct_vpc[*]

          content {
            network    = network_interfaces.value.network
            subnetwork = network_interfaces.value.subnetwork
            tags       = network_interfaces.value.tags
          }
        }
      }
    }

    containers {
      # If there is no image, Cloud Run's error shows this name, which says what is missing.
      image = try(
        data.google_cloud_run_v2_service.api[each.key].template[0].containers[0].image,
        "${var.region}-docker.pkg.dev/${var.project_id}/${basename(local.images)}/no-image-of-the-api",
      )

      resources {
        limits = { cpu = "1", memory = local.functions.api.memory }
        # With limits set, Google bills an idle instance too unless this is true, and stray requests would keep an instance
        # alive day and night.
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
              secret  = local.gemini_key_secret
              version = tostring(env.value)
            }
          }
        }
      }
    }
  }

  depends_on = [module.bootstrap]
}
