# All grants. README.md, "Permissions", lists them with their reasons; a test compares that table with the plan.

# The account that each function runs as.
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "Clapper ${each.key}"
  description  = "Account of the function ${each.key}."

  depends_on = [google_project_service.this]
}

# The identity of tasks, schedules and budget notices. `submit`, `poll`, `notify`, `batch` and `sweep` accept no other.
resource "google_service_account" "tasks" {
  project      = var.project_id
  account_id   = "${var.name}-tasks"
  display_name = "Clapper tasks"
  description  = "Calls the functions on behalf of Cloud Tasks, Cloud Scheduler and Pub/Sub."

  depends_on = [google_project_service.this]
}

# The identity of the buckets' events.
resource "google_service_account" "events" {
  project      = var.project_id
  account_id   = "${var.name}-triggers"
  display_name = "Clapper triggers"
  description  = "Calls upload and landed on behalf of Eventarc."

  depends_on = [google_project_service.this]
}

# The account that builds the functions.
resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "Clapper build"
  description  = "Builds the functions from the source bucket."

  depends_on = [google_project_service.this]
}

locals {
  # Roles that are granted for the whole project. Cloud Tasks has no conditions, and one grant per queue, function and role
  # would be hundreds. In a project of Clapper's own the difference is small.
  project_roles = {
    "roles/datastore.user"         = ["api", "batch", "landed", "notify", "poll", "submit", "sweep", "upload"]
    "roles/cloudtasks.enqueuer"    = ["api", "batch", "landed", "notify", "poll", "submit", "sweep", "upload"]
    "roles/cloudtasks.viewer"      = ["api", "sweep"]
    "roles/aiplatform.user"        = ["api", "batch", "poll", "submit", "sweep"]
    (local.queue_pauser_role_name) = ["sweep"]
  }
  queue_pauser_role_name = "projects/${var.project_id}/roles/${local.queue_pauser_role_id}"
  queue_pauser_role_id   = "${replace(var.name, "-", "_")}_queue_pauser"

  # Limits the role to this deployment's database.
  conditions = {
    "roles/datastore.user" = {
      title      = "${var.name}-database"
      expression = "resource.name == \"projects/${var.project_id}/databases/${var.name}\""
    }
  }

  bucket_roles = {
    input = {
      # Each name is written once, so `api` only creates. `upload`, `batch` and `sweep` also replace error reports, and
      # `poll` copies videos to callers' own folders.
      "roles/storage.objectCreator" = ["api"]
      "roles/storage.objectUser"    = ["batch", "poll", "sweep", "upload"]
      "roles/storage.objectViewer"  = ["api", "submit"]
    }
    output = {
      # Downloads, images and reports are written here, and a damaged copy is moved aside under another name.
      "roles/storage.objectUser"   = ["batch", "poll", "submit"]
      "roles/storage.objectViewer" = ["api"]
    }
  }

  event_publishers = toset(["api", "batch", "landed", "poll", "submit", "sweep"])

  # The account that calls each function. `callers` lists who may call the API.
  invokers = merge(
    { for name in ["batch", "notify", "poll", "submit", "sweep"] : name => google_service_account.tasks.member },
    { for name in keys(local.triggers) : name => google_service_account.events.member },
  )
}

resource "google_project_iam_custom_role" "queue_pauser" {
  project     = var.project_id
  role_id     = local.queue_pauser_role_id
  title       = "Clapper queue pauser"
  description = "Pauses task queues. Cannot resume, purge or delete them."
  permissions = ["cloudtasks.queues.get", "cloudtasks.queues.pause"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "function" {
  for_each = merge([
    for role, names in local.project_roles : { for name in names : "${name}/${role}" => { name = name, role = role } }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.function[each.value.name].member

  dynamic "condition" {
    for_each = contains(keys(local.conditions), each.value.role) ? [local.conditions[each.value.role]] : []

    content {
      title      = condition.value.title
      expression = condition.value.expression
    }
  }

  depends_on = [google_project_iam_custom_role.queue_pauser]
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = merge(flatten([
    for bucket, roles in local.bucket_roles : [
      for role, names in roles : {
        for name in names : "${bucket}/${name}/${role}" => { bucket = bucket, name = name, role = role }
      }
    ]
  ])...)

  bucket = { input = google_storage_bucket.input.name, output = google_storage_bucket.output.name }[each.value.bucket]
  role   = each.value.role
  member = google_service_account.function[each.value.name].member
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

resource "google_project_iam_member" "event_receiver" {
  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.events.member
}

# Cloud Storage publishes its events to a topic that Eventarc creates.
data "google_storage_project_service_account" "this" {
  project = var.project_id

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "storage_events" {
  project = var.project_id
  role    = "roles/pubsub.publisher"
  member  = data.google_storage_project_service_account.this.member
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# The build reads a copy: Cloud Functions copies the source into its own bucket, which it creates with the first function
# of a region. Before that nothing can be granted on the bucket, hence a grant for the project with a condition.
resource "google_project_iam_member" "build_copy" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "${var.name}-function-sources"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
