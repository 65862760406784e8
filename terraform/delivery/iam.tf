locals {
  # To refresh the state. No role here reads the content of a bucket, a secret or the database.
  plan_roles = toset([
    "roles/artifactregistry.reader",
    "roles/cloudfunctions.viewer",
    "roles/cloudscheduler.viewer",
    "roles/cloudtasks.viewer",
    "roles/iam.securityReviewer",
    "roles/logging.logWriter",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
  ])

  # To create, change and delete the resources of the module, service by service.
  apply_roles = toset([
    "roles/artifactregistry.admin",
    "roles/cloudfunctions.developer",
    "roles/cloudscheduler.admin",
    "roles/cloudtasks.queueAdmin",
    "roles/datastore.owner",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.editor",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ])

  # The roles that the module grants for the project. The apply account can grant these and no others, not even to itself.
  grantable_roles = [
    "projects/${var.project_id}/roles/${replace(var.name, "-", "_")}_queue_pauser",
    "roles/aiplatform.user",
    "roles/cloudtasks.enqueuer",
    "roles/cloudtasks.viewer",
    "roles/datastore.user",
    "roles/eventarc.eventReceiver",
    "roles/logging.logWriter",
    "roles/pubsub.publisher",
    "roles/storage.objectViewer",
  ]
}

resource "google_project_iam_custom_role" "plan" {
  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_planner"
  title       = "Clapper planner"
  description = "Reads the settings of buckets, database and roles, not their content."
  permissions = [
    "datastore.databases.getMetadata",
    "datastore.indexes.get",
    "datastore.indexes.list",
    "iam.roles.get",
    "resourcemanager.projects.get",
    "storage.buckets.get",
  ]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "plan" {
  for_each = local.plan_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.this["plan"].member
}

resource "google_project_iam_member" "planner" {
  project = var.project_id
  role    = google_project_iam_custom_role.plan.name
  member  = google_service_account.this["plan"].member
}

# The deployed zip is the only object that is a Terraform resource, so the plan has to read it.
resource "google_project_iam_member" "plan_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.this["plan"].member

  condition {
    title      = "${var.name}-source"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.project_id}-${var.name}-source\")"
  }
}

resource "google_project_iam_member" "apply" {
  for_each = local.apply_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.this["apply"].member
}

resource "google_project_iam_member" "apply_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.this["apply"].member

  condition {
    title      = "${var.name}-grants"
    expression = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for role in local.grantable_roles : "'${role}'"])}])"
  }
}

# Both accounts lock the state while they work.
resource "google_storage_bucket_iam_member" "state" {
  for_each = local.accounts

  bucket = var.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.this[each.key].member
}

# `plan` creates plans and cannot replace them; `apply` reads them. `plan` reads too, because gcloud looks for an existing
# object before it writes.
resource "google_storage_bucket_iam_member" "plans" {
  for_each = {
    "apply/read"  = { account = "apply", role = "roles/storage.objectViewer" }
    "plan/create" = { account = "plan", role = "roles/storage.objectCreator" }
    "plan/read"   = { account = "plan", role = "roles/storage.objectViewer" }
  }

  bucket = google_storage_bucket.plans.name
  role   = each.value.role
  member = google_service_account.this[each.value.account].member
}
