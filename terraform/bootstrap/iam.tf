# Grants on the project and on accounts. README.md of the deployment's module, "Permissions", lists them with their
# reasons; a test compares that table with the plan.

locals {
  # Roles that are granted for the whole project. Cloud Tasks has no conditions, and one grant per queue, function and role
  # would be hundreds. In a project of Clapper's own the difference is small.
  project_roles = {
    "roles/datastore.user"      = ["api", "batch", "landed", "notify", "poll", "submit", "sweep", "upload"]
    "roles/cloudtasks.enqueuer" = ["api", "batch", "landed", "notify", "poll", "submit", "sweep", "upload"]
    "roles/cloudtasks.viewer"   = ["api", "sweep"]
    "roles/aiplatform.user"     = ["api", "batch", "poll", "submit", "sweep"]
    (local.queue_pauser)        = ["sweep"]
  }
  # Only a key of this map. The role's id is longer: see there.
  queue_pauser = "projects/${var.project_id}/roles/${replace(var.name, "-", "_")}_queue_pauser"

  # Limits the role to this deployment's database.
  conditions = {
    "roles/datastore.user" = {
      title      = "${var.name}-database"
      expression = "resource.name == \"projects/${var.project_id}/databases/${coalesce(var.firestore_database, var.name)}\""
    }
  }

  # Google's own accounts in the project. A new project lacks them. The README's first command creates them, since the
  # resource that does (google_project_service_identity) exists only in the provider google-beta, and waiting does not
  # help: hashicorp/terraform-provider-google#25294. An agent that is created on request gets no role by itself.
  service_agents = {
    aiplatform = { address = "gcp-sa-aiplatform", role = "roles/aiplatform.serviceAgent" }
    eventarc   = { address = "gcp-sa-eventarc", role = "roles/eventarc.serviceAgent" }
    pubsub     = { address = "gcp-sa-pubsub", role = "roles/pubsub.serviceAgent" }
  }

  deployer_accounts = merge([
    for name, member in var.deployers : { for key in keys(local.accounts) : "${name}/${key}" => { member = member, account = key } }
  ]...)
}

# Google keeps the id of a deleted role for 37 days and refuses it for 30 of them, so every new deployment takes an id of
# its own: the minute of its first plan. Roles that exist keep their ids.
resource "google_project_iam_custom_role" "queue_pauser" {
  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_queue_pauser_${formatdate("YYYYMMDDhhmm", plantimestamp())}"
  title       = "Clapper queue pauser"
  description = "Pauses task queues. Cannot resume, purge or delete them."
  permissions = ["cloudtasks.queues.get", "cloudtasks.queues.pause"]

  lifecycle {
    ignore_changes = [role_id]
  }
}

resource "google_project_iam_member" "function" {
  for_each = merge([
    for role, names in local.project_roles : { for name in names : "${name}/${role}" => { name = name, role = role } }
  ]...)

  project = var.project_id
  role = (
    each.value.role == local.queue_pauser
    ? "projects/${var.project_id}/roles/${google_project_iam_custom_role.queue_pauser.role_id}"
    : each.value.role
  )
  member = google_service_account.function[each.value.name].member

  dynamic "condition" {
    for_each = contains(keys(local.conditions), each.value.role) ? [local.conditions[each.value.role]] : []

    content {
      title      = condition.value.title
      expression = condition.value.expression
    }
  }

  depends_on = [google_project_iam_custom_role.queue_pauser]
}

# A function that creates a task names the account whose token the task carries, and must be allowed to use it.
resource "google_service_account_iam_member" "tasks_user" {
  for_each = toset(local.project_roles["roles/cloudtasks.enqueuer"])

  service_account_id = google_service_account.tasks.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function[each.key].member
}

# The API's account signs video and upload links through IAM, without a key.
resource "google_service_account_iam_member" "api_signs" {
  service_account_id = google_service_account.function["api"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.function["api"].member
}

# Deploying a function, a schedule or a subscription requires the right to act as its account.
resource "google_service_account_iam_member" "deployer" {
  for_each = local.deployer_accounts

  service_account_id = local.accounts[each.value.account].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}

resource "google_project_iam_member" "event_receiver" {
  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.events.member
}

resource "google_project_iam_member" "service_agent" {
  for_each = local.service_agents

  project = var.project_id
  role    = each.value.role
  member  = "serviceAccount:service-${var.project_number}@${each.value.address}.iam.gserviceaccount.com"
}

# Cloud Storage publishes its events to a topic that Eventarc creates. Reading this creates Cloud Storage's agent.
data "google_storage_project_service_account" "this" {
  project = var.project_id
}

resource "google_project_iam_member" "storage_events" {
  project = var.project_id
  role    = "roles/pubsub.publisher"
  # Not from the data source: with a pending change of an API it is read late, and the grant would be replaced.
  member = "serviceAccount:service-${var.project_number}@gs-project-accounts.iam.gserviceaccount.com"

  depends_on = [data.google_storage_project_service_account.this]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# The build reads a copy: Cloud Functions copies the source into its own bucket, which it creates with the first function
# of a region. Before that nothing can be granted on the bucket, hence a grant for the project with a condition.
resource "google_project_iam_member" "build_copy" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "${var.name}-function-sources"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${var.project_number}-${var.region}\")"
  }
}
