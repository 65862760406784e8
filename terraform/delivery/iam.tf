# What the two accounts may do. Neither can change a grant on the project, a role, an account, or what it may act as:
# test/terraform/reach.test.ts walks from each account through every grant of this plan.

locals {
  # To refresh the state. No role here reads the content of a bucket, a secret or the database.
  plan_roles = toset([
    "roles/cloudfunctions.viewer",
    "roles/cloudscheduler.viewer",
    "roles/cloudtasks.viewer",
    "roles/logging.logWriter",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/serviceusage.serviceUsageConsumer",
  ])

  # To create, change and delete the resources of the module, service by service. No role here contains setIamPolicy.
  # Hence not `pubsub.admin`, `run.admin` or `cloudtasks.queueAdmin`.
  apply_roles = toset([
    "roles/cloudfunctions.developer",
    "roles/cloudscheduler.admin",
    "roles/datastore.backupSchedulesAdmin",
    "roles/datastore.indexAdmin",
    "roles/logging.logWriter",
    "roles/monitoring.alertPolicyEditor",
    "roles/monitoring.dashboardEditor",
    "roles/monitoring.notificationChannelEditor",
    "roles/monitoring.viewer",
    "roles/run.developer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
  ])

  custom_roles = {
    plan = {
      id          = "planner"
      title       = "Clapper planner"
      description = "Reads the settings of buckets, database and grants, not their content."
      permissions = [
        "datastore.backupSchedules.get",
        "datastore.backupSchedules.list",
        "datastore.databases.getMetadata",
        "datastore.schemas.get",
        "datastore.schemas.list",
        "pubsub.topics.getIamPolicy",
        "resourcemanager.projects.get",
        "storage.buckets.get",
        "storage.buckets.getIamPolicy",
      ]
    }
    # The two setIamPolicy are for the publishers of the module's topics and for the invokers of its functions. They give
    # no right to anything else. Cloud Run and Pub/Sub know no conditions on resource names.
    apply = {
      id          = "applier"
      title       = "Clapper applier"
      description = "Creates and changes what no predefined role covers without more rights than needed."
      permissions = [
        "cloudtasks.queues.create",
        "cloudtasks.queues.delete",
        "cloudtasks.queues.get",
        "cloudtasks.queues.list",
        "cloudtasks.queues.pause",
        "cloudtasks.queues.resume",
        "cloudtasks.queues.update",
        "datastore.databases.create",
        "datastore.databases.getMetadata",
        "datastore.databases.update",
        "logging.logMetrics.create",
        "logging.logMetrics.delete",
        "logging.logMetrics.get",
        "logging.logMetrics.list",
        "logging.logMetrics.update",
        "pubsub.subscriptions.create",
        "pubsub.subscriptions.delete",
        "pubsub.subscriptions.get",
        "pubsub.subscriptions.update",
        "pubsub.topics.attachSubscription",
        "pubsub.topics.create",
        "pubsub.topics.delete",
        "pubsub.topics.get",
        "pubsub.topics.getIamPolicy",
        "pubsub.topics.setIamPolicy",
        "pubsub.topics.update",
        "resourcemanager.projects.get",
        "run.services.setIamPolicy",
        "storage.buckets.create",
      ]
    }
  }

  # Conditions on the module's buckets, and on single objects of the state bucket.
  bucket_names = { for bucket in ["input", "output", "source"] : bucket => "projects/_/buckets/${var.project_id}-${var.name}-${bucket}" }
  state_object = "projects/_/buckets/${var.state_bucket}/objects/clapper/"
}

# An id of its own for every new delivery: Google refuses the id of a deleted role for a month.
resource "google_project_iam_custom_role" "this" {
  for_each = local.custom_roles

  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_${each.value.id}_${formatdate("YYYYMMDDhhmm", plantimestamp())}"
  title       = each.value.title
  description = each.value.description
  permissions = each.value.permissions

  lifecycle {
    ignore_changes = [role_id]
  }

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "custom" {
  for_each = local.accounts

  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.this[each.key].role_id}"
  member  = google_service_account.this[each.key].member

  depends_on = [google_project_iam_custom_role.this]
}

moved {
  from = google_project_iam_custom_role.plan
  to   = google_project_iam_custom_role.this["plan"]
}

moved {
  from = google_project_iam_member.planner
  to   = google_project_iam_member.custom["plan"]
}

resource "google_project_iam_member" "plan" {
  for_each = local.plan_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.this["plan"].member
}

# The deployed zip is the only object that is a Terraform resource, so the plan has to read it.
resource "google_project_iam_member" "plan_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.this["plan"].member

  condition {
    title      = "${var.name}-source"
    expression = "resource.name.startsWith(\"${local.bucket_names.source}/\")"
  }
}

resource "google_project_iam_member" "apply" {
  for_each = local.apply_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.this["apply"].member
}

# The module's three buckets, which do not exist yet at the first apply. Not the buckets of the state and of the plans.
resource "google_project_iam_member" "apply_buckets" {
  project = var.project_id
  role    = "roles/storage.admin"
  member  = google_service_account.this["apply"].member

  condition {
    title      = "${var.name}-buckets"
    expression = join(" || ", [for name in values(local.bucket_names) : "resource.name == \"${name}\" || resource.name.startsWith(\"${name}/\")"])
  }
}

# Both read the state and clapper.tfvars. `plan` writes nothing there but the lock: its build runs whatever is pushed.
resource "google_storage_bucket_iam_member" "state_reader" {
  for_each = local.accounts

  bucket = var.state_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.this[each.key].member
}

resource "google_storage_bucket_iam_member" "state" {
  for_each = {
    plan  = "resource.name == \"${local.state_object}default.tflock\""
    apply = "resource.name.startsWith(\"${local.state_object}\")"
  }

  bucket = var.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.this[each.key].member

  condition {
    title      = "${var.name}-state-${each.key}"
    expression = each.value
  }
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
