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

  # False means that terraform/delivery has enabled the APIs and created the accounts.
  apis = toset(var.bootstrap ? concat(jsondecode(file("${path.module}/bootstrap/apis.json")), local.vpc_apis, local.kms_apis) : [])

  # With the accounts as outputs of the module, whatever uses one is created after it.
  accounts = var.bootstrap ? module.bootstrap[0].accounts : {
    for key in concat(keys(local.functions), ["build", "tasks", "triggers"]) : key => {
      email  = "${var.name}-${key}@${var.project_id}.iam.gserviceaccount.com"
      member = "serviceAccount:${var.name}-${key}@${var.project_id}.iam.gserviceaccount.com"
      name   = "projects/${var.project_id}/serviceAccounts/${var.name}-${key}@${var.project_id}.iam.gserviceaccount.com"
    }
  }

  # A restored database has another name than the one that it replaces.
  database = coalesce(var.firestore_database, var.name)

  # On everything that takes labels. delivery/main.tf has the same two.
  labels = merge({ app = "clapper", deployment = var.name }, var.labels)

  gemini_key_secret = "${var.name}-gemini-key"
  # The repository of the images; bootstrap/main.tf makes it.
  images = "projects/${var.project_id}/locations/${var.region}/repositories/${var.name}-functions${local.key_suffix}"
}

resource "google_project_service" "this" {
  for_each = local.apis

  project = var.project_id
  service = "${each.value}.googleapis.com"
  # Others may use the API too, and leaving it enabled costs nothing.
  disable_on_destroy = false
}

module "bootstrap" {
  count  = var.bootstrap ? 1 : 0
  source = "./bootstrap"

  project_id     = var.project_id
  project_number = data.google_project.this.number
  name           = var.name
  region         = var.region
  labels         = local.labels

  firestore_database  = local.database
  firestore_kms_key   = var.firestore_kms_key
  gemini_key_location = var.gemini_key_location
  kms_grants          = var.kms_grants
  kms_key             = var.kms_key
  previous_kms_keys   = var.previous_kms_keys

  depends_on = [google_project_service.this]
}
