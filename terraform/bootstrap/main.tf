# Everything that gives rights: the accounts, the custom role, the grants on the project and on accounts, the secret, and
# the repository of the images. Who applies this needs the role Owner. Who applies the rest does not.
#
# The deployment's module calls this module. With delivery by Cloud Build, terraform/delivery calls it instead
# (`bootstrap = false` in the deployment), so that no build can change a role, an account or a grant on the project.

locals {
  functions = toset(["api", "batch", "landed", "notify", "poll", "submit", "sweep", "upload"])

  accounts = merge(google_service_account.function, {
    build    = google_service_account.build
    tasks    = google_service_account.tasks
    triggers = google_service_account.events
  })

  # The functions that call models, including those that only ask one to stop.
  gemini_key_users = toset(["api", "batch", "poll", "submit", "sweep"])

  # The key of a repository is permanent, so that each key has a repository of its own. main.tf and encryption.tf of the
  # deployment know its name.
  key_suffix = var.kms_key == null ? "" : "-${substr(sha256(var.kms_key), 0, 8)}"
}

# The account that each function runs as.
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "Clapper ${each.key}"
  description  = "Account of the function ${each.key}."
}

# The identity of tasks, schedules and budget notices. `submit`, `poll`, `notify`, `batch` and `sweep` accept no other.
resource "google_service_account" "tasks" {
  project      = var.project_id
  account_id   = "${var.name}-tasks"
  display_name = "Clapper tasks"
  description  = "Calls the functions on behalf of Cloud Tasks, Cloud Scheduler and Pub/Sub."
}

# The identity of the buckets' events.
resource "google_service_account" "events" {
  project      = var.project_id
  account_id   = "${var.name}-triggers"
  display_name = "Clapper triggers"
  description  = "Calls upload and landed on behalf of Eventarc."
}

# The account that builds the functions.
resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "Clapper build"
  description  = "Builds the functions from the source bucket."
}

# Only the secret, without a value. Versions are added by hand, so that no state and no plan ever holds a key.
resource "google_secret_manager_secret" "gemini_key" {
  project   = var.project_id
  secret_id = "${var.name}-gemini-key"
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = var.gemini_key_location == null ? ["anywhere"] : []

      content {}
    }

    dynamic "user_managed" {
      for_each = var.gemini_key_location[*]

      content {
        replicas {
          location = user_managed.value

          dynamic "customer_managed_encryption" {
            for_each = var.kms_key[*]

            content {
              kms_key_name = customer_managed_encryption.value
            }
          }
        }
      }
    }
  }

  lifecycle {
    # Google sets location and key of a secret once. Without this, a change would replace the secret and lose the key in it.
    # With it, the plan fails.
    ignore_changes = [replication]

    postcondition {
      condition = (
        try(self.replication[0].user_managed[0].replicas[0].location, null) == var.gemini_key_location &&
        try(self.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name, null) == (var.gemini_key_location == null ? null : var.kms_key)
      )
      error_message = "The secret ${self.secret_id} is in ${try(self.replication[0].user_managed[0].replicas[0].location, "automatic replication")} ${try("with the key ${self.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name}", "without a key of yours")}, which differs from gemini_key_location and kms_key. Google sets both only when a secret is created, so nothing was changed. To change them, delete the secret (gcloud secrets delete ${self.secret_id}), apply, and add its version again."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.this]
}

resource "google_secret_manager_secret_iam_member" "gemini_key" {
  for_each = local.gemini_key_users

  project   = var.project_id
  secret_id = google_secret_manager_secret.gemini_key.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.key].member
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = "${var.name}-functions${local.key_suffix}"
  kms_key_name  = var.kms_key
  format        = "DOCKER"
  description   = "Images that Google builds from Clapper's functions."
  labels        = var.labels

  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
  cleanup_policies {
    id     = "recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  lifecycle {
    # With another key there is another repository. The functions move to it before the old one is deleted.
    create_before_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.this]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
