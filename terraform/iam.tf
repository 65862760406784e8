# Grants on the deployment's own resources; bootstrap/iam.tf has those on the project and on accounts. README.md,
# "Permissions", lists all of them with their reasons; a test compares that table with the plan.

locals {
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

  # Who writes the videos at `storageUri`, and who reads the `gs://` inputs of a request: the caller's account (`submit`,
  # above) or Vertex AI's service agent? The documents allow both readings, and only a real project shows it. With the
  # wrong one every video would be paid and never land, so both accounts may.
  vertex_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
  vertex_agent_roles = {
    input  = "roles/storage.objectViewer"
    output = "roles/storage.objectUser"
  }

  event_publishers = toset(["api", "batch", "landed", "poll", "submit", "sweep"])

  # The account that calls each function. `callers` lists who may call the API.
  invokers = merge(
    { for name in ["batch", "notify", "poll", "submit", "sweep"] : name => local.accounts.tasks.member },
    { for name in keys(local.triggers) : name => local.accounts.triggers.member },
  )
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
  member = local.accounts[each.value.name].member
}

resource "google_storage_bucket_iam_member" "vertex_agent" {
  for_each = local.vertex_agent_roles

  bucket = { input = google_storage_bucket.input.name, output = google_storage_bucket.output.name }[each.key]
  role   = each.value
  member = local.vertex_agent

  # A grant fails while its member does not exist.
  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = local.accounts.build.member
}
