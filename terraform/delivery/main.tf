# Two builds: one plans every push, the other applies the plan after an approval. Each has its own account. Any push starts
# the first build, so its account can only read.

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
}

resource "google_project_service" "this" {
  for_each = toset(["cloudbuild", "cloudresourcemanager", "iam", "pubsub", "storage"])

  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-ci-${each.key}"
  display_name = "Clapper ${each.key}"
  description  = each.value

  depends_on = [google_project_service.this]
}

# Each object is one plan with the Terraform sources and the zip that it deploys.
resource "google_storage_bucket" "plans" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-plans"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A plan this old is outdated.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }

  depends_on = [google_project_service.this]
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
  project = var.project_id
  name    = "cloud-builds"

  depends_on = [google_project_service.this]
}

# Starts when a plan build succeeds. The plan account cannot start it: an account that could would have all of its rights.
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

  git_file_source {
    path       = "cloudbuild.apply.yaml"
    repository = var.repository
    revision   = "refs/heads/${trim(var.branch, "^$")}"
    repo_type  = "UNKNOWN"
  }

  substitutions = {
    _PLANS_BUCKET = google_storage_bucket.plans.name
    _PLAN         = "$(body.message.data.id)"
    _STATUS       = "$(body.message.data.status)"
    _TRIGGER      = "$(body.message.data.buildTriggerId)"
  }
}
