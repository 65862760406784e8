# The API and keys mode behind an external Application Load Balancer with Cloud Armor. Their own addresses (run.app) then
# answer only calls from the project's networks.
#
# After the apply, point both names at output `address`. The certificate becomes active within an hour of that. A caller
# sends an ID token with the audience `api_url`, as before, to the new name:
#
#   TOKEN=$(gcloud auth print-identity-token); curl -H "Authorization: Bearer $TOKEN" https://clapper.example.com/v1/models

variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "domain" {
  description = "Domain name of the API. Keys mode is at `keys.` of it."
  type        = string
  default     = "clapper.example.com"
}

variable "requests_per_minute" {
  description = "Requests a minute from one address; more get 429 before they reach Cloud Run."
  type        = number
  default     = 600
}

locals {
  labels = { app = "clapper", deployment = "clapper" }
  region = "us-central1"
  hosts  = { api = var.domain, keys = "keys.${var.domain}" }
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
  region     = local.region
  ingress    = "internal-and-cloud-load-balancing"

  api_keys  = true
  callers   = ["user:ann@example.com"]
  operators = ["ann@example.com"]

  # The console uploads files from this origin and plays videos there.
  console_origins = [for host in values(local.hosts) : "https://${host}"]
}

resource "google_project_service" "compute" {
  project            = var.project_id
  service            = "compute.googleapis.com"
  disable_on_destroy = false
}

resource "google_compute_region_network_endpoint_group" "this" {
  for_each = local.hosts

  project               = var.project_id
  region                = local.region
  name                  = "clapper-${each.key}"
  network_endpoint_type = "SERVERLESS"

  # A function is a Cloud Run service.
  cloud_run {
    service = module.clapper.services[each.key]
  }

  depends_on = [google_project_service.compute]
}

# Without Google's preconfigured rules against injection: they would refuse prompts that look like code.
resource "google_compute_security_policy" "this" {
  project     = var.project_id
  name        = "clapper"
  description = "Limits the requests of each address."

  rule {
    action      = "throttle"
    priority    = 1000
    description = "Limits each address."

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = var.requests_per_minute
        interval_sec = 60
      }
    }
  }

  # Google requires a rule for everything, with the last priority. Narrow it to your own ranges if you can.
  rule {
    action      = "allow"
    priority    = 2147483647
    description = "Default"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [google_project_service.compute]
}

# No timeout_sec: Google refuses it for serverless backends, whose own time-out applies.
resource "google_compute_backend_service" "this" {
  for_each = local.hosts

  project               = var.project_id
  name                  = "clapper-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.this.id

  backend {
    group = google_compute_region_network_endpoint_group.this[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "this" {
  project         = var.project_id
  name            = "clapper"
  default_service = google_compute_backend_service.this["api"].id

  dynamic "host_rule" {
    for_each = local.hosts

    content {
      hosts        = [host_rule.value]
      path_matcher = host_rule.key
    }
  }

  dynamic "path_matcher" {
    for_each = local.hosts

    content {
      name            = path_matcher.key
      default_service = google_compute_backend_service.this[path_matcher.key].id
    }
  }
}

# Another domain needs another certificate, and the proxy needs one at any time: hence the hash, and the order.
resource "google_compute_managed_ssl_certificate" "this" {
  project = var.project_id
  name    = "clapper-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = values(local.hosts)
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.compute]
}

resource "google_compute_target_https_proxy" "this" {
  project          = var.project_id
  name             = "clapper"
  url_map          = google_compute_url_map.this.id
  ssl_certificates = [google_compute_managed_ssl_certificate.this.id]
}

resource "google_compute_global_address" "this" {
  project = var.project_id
  name    = "clapper"
  labels  = local.labels

  depends_on = [google_project_service.compute]
}

resource "google_compute_global_forwarding_rule" "this" {
  project               = var.project_id
  name                  = "clapper"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  target                = google_compute_target_https_proxy.this.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  labels                = local.labels
}

output "address" {
  description = "IP address for the A records of both names."
  value       = google_compute_global_address.this.address
}

output "api_url" {
  description = "Audience of the callers' ID tokens."
  value       = module.clapper.api_url
}
