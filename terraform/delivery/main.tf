# Two builds: one plans every push, the other applies the plan after an approval. Each has its own account. Any push starts
# the first build, so its account can only read. A person with the role Owner applies this module. It also creates what
# the builds may not: the APIs, the functions' accounts and their grants (../bootstrap).

locals {
  accounts = {
    plan  = "Plans Clapper. Reads settings and changes nothing."
    apply = "Applies approved plans."
  }

  build_files = {
    plan  = file("${path.module}/../../cloudbuild.yaml")
    apply = file("${path.module}/../../cloudbuild.apply.yaml")
  }
  builds = { for name, text in local.build_files : name => yamldecode(text) }

  # As in the deployment's main.tf.
  labels = merge({ app = "clapper", deployment = var.name }, var.labels)
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    jsondecode(file("${path.module}/../bootstrap/apis.json")),
    var.kms_key == null && var.firestore_kms_key == null ? [] : ["cloudkms"],
  ))

  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
}

module "bootstrap" {
  source = "../bootstrap"

  project_id         = var.project_id
  project_number     = data.google_project.this.number
  name               = var.name
  region             = var.region
  labels             = local.labels
  firestore_database = var.firestore_database

  firestore_kms_key   = var.firestore_kms_key
  gemini_key_location = var.gemini_key_location
  kms_grants          = var.kms_grants
  kms_key             = var.kms_key
  previous_kms_keys   = var.previous_kms_keys

  deployers = { ci = google_service_account.this["apply"].member }

  depends_on = [google_project_service.this]
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-ci-${each.key}"
  display_name = "Clapper ${each.key}"
  description  = each.value

  depends_on = [google_project_service.this]
}

# Each object is one plan with the zip that it deploys.
resource "google_storage_bucket" "plans" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-plans"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  # A plan this old is outdated.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }

  depends_on = [google_project_service.this, module.bootstrap]
}

resource "google_cloudbuild_trigger" "plan" {
  project         = var.project_id
  location        = var.region
  name            = "${var.name}-plan"
  description     = "Checks, builds and plans every push."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.this["plan"].id

  repository_event_config {
    repository = var.repository
    push {
      branch = var.branch
    }
  }

  substitutions = {
    _STATE_BUCKET = var.state_bucket
    _PLANS_BUCKET = google_storage_bucket.plans.name
  }

  lifecycle {
    precondition {
      condition     = alltrue([for build in local.builds : build.options.logging == "CLOUD_LOGGING_ONLY"])
      error_message = "options.logging must be CLOUD_LOGGING_ONLY in cloudbuild.yaml and cloudbuild.apply.yaml: a build with its own service account must say where it logs."
    }
  }
}

# Cloud Build publishes the status of every build to this topic. Google prescribes the name.
resource "google_pubsub_topic" "builds" {
  project      = var.project_id
  name         = "cloud-builds"
  labels       = local.labels
  kms_key_name = var.kms_key

  depends_on = [google_project_service.this, module.bootstrap]
}

# Starts when a plan build succeeds. The plan account cannot start it: an account that could would have all of its rights.
#
# The steps are part of the trigger, not read from the repository: otherwise a push could change what runs with the rights
# of `apply`. They change when a person applies this module.
resource "google_cloudbuild_trigger" "apply" {
  project         = var.project_id
  location        = var.region
  name            = "${var.name}-apply"
  description     = "Applies a plan after its approval."
  service_account = google_service_account.this["apply"].id
  filter          = "_STATUS == \"SUCCESS\" && _TRIGGER == \"${google_cloudbuild_trigger.plan.trigger_id}\""

  approval_config {
    approval_required = true
  }

  pubsub_config {
    topic = google_pubsub_topic.builds.id
  }

  source_to_build {
    repository = var.repository
    ref        = "refs/heads/${trim(var.branch, "^$")}"
    repo_type  = "UNKNOWN"
  }

  build {
    substitutions = local.builds.apply.substitutions
    timeout       = local.builds.apply.timeout

    dynamic "step" {
      for_each = local.builds.apply.steps

      content {
        id         = step.value.id
        name       = step.value.name
        entrypoint = lookup(step.value, "entrypoint", null)
        dir        = lookup(step.value, "dir", null)
        args       = step.value.args
        env        = lookup(step.value, "env", null)
      }
    }

    options {
      logging = local.builds.apply.options.logging
    }
  }

  substitutions = {
    _STATE_BUCKET = var.state_bucket
    _PLANS_BUCKET = google_storage_bucket.plans.name
    _PLAN         = "$(body.message.data.id)"
    _COMMIT       = "$(body.message.data.substitutions.COMMIT_SHA)"
    _STATUS       = "$(body.message.data.status)"
    _TRIGGER      = "$(body.message.data.buildTriggerId)"
  }
}
