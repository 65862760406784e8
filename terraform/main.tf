# What every other file refers to. Each file is named by what it makes.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  # Queues, rates, the sweep's schedule and how long jobs are kept: the local cloud reads the same file.
  settings = jsondecode(file("${path.module}/settings.json"))

  # Cloud Run's second address of a service follows from its name. The functions call one another, so their addresses
  # have to be known before any of them exists.
  url = {
    for name in keys(local.functions) :
    name => "https://${var.name}-${name}-${data.google_project.this.number}.${var.region}.run.app"
  }

  apis = toset([
    "aiplatform",
    "artifactregistry",
    "billingbudgets",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "cloudscheduler",
    "cloudtasks",
    "eventarc",
    "firestore",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
  ])
}

resource "google_project_service" "this" {
  for_each = local.apis

  project = var.project_id
  service = "${each.value}.googleapis.com"
  # Others may use them too; leaving an API on costs nothing.
  disable_on_destroy = false
}
