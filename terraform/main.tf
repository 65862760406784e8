# What the other files share. Each of those is named after what it creates.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  # Queues, rates, the sweep's schedule, and how long jobs are kept. The local cloud reads the same file.
  settings = jsondecode(file("${path.module}/settings.json"))

  # Cloud Run's deterministic URL of a service. The functions call one another, so their URLs must be known before any of
  # them exists.
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
  # Others may use the API too, and leaving it enabled costs nothing.
  disable_on_destroy = false
}
