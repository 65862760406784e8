locals {
  # CPU is always set: from 512 MiB Google would derive a third of a CPU, and it refuses more than one request at a time
  # below a whole CPU. A new project may have 20 CPUs and 40 GiB in a region, and 10 instances of a service: all maxima,
  # with the 2 of keys mode (keys.tf), add up to 20 CPUs and 21.5 GiB. docs/operate.md, "Quotas", has what they can do.
  # Time-outs are at least the tasks' dispatch deadlines (functions/adapters/cloud-task-queue.ts).
  functions = {
    # Time: an image call that is passed on may take 180 s, and is charged even if it is cut off. Memory: bodies of 32 MB
    # are parsed.
    api = { memory = "1Gi", concurrency = 40, timeout = 240, max = 4, ingress = "ALLOW_ALL" }
    # Images are sent inline to some models: 20 MiB, three copies, several calls at a time.
    submit = { memory = "1Gi", concurrency = 8, timeout = 180, max = 3, ingress = "ALLOW_INTERNAL_ONLY" }
    # Streams videos from the Developer API to the bucket; each takes at most 95 MiB of memory.
    poll   = { memory = "2Gi", concurrency = 16, timeout = 600, max = 4, ingress = "ALLOW_INTERNAL_ONLY" }
    notify = { memory = "512Mi", concurrency = 50, timeout = 60, max = 1, ingress = "ALLOW_INTERNAL_ONLY" }
    # An event may take 9 minutes at most.
    upload = { memory = "512Mi", concurrency = 8, timeout = 300, max = 2, ingress = "ALLOW_INTERNAL_ONLY" }
    landed = { memory = "512Mi", concurrency = 40, timeout = 60, max = 1, ingress = "ALLOW_INTERNAL_ONLY" }
    # The first task of a batch may have to unzip its manifest.
    batch = { memory = "1Gi", concurrency = 5, timeout = 1800, max = 2, ingress = "ALLOW_INTERNAL_ONLY" }
    # One run a minute, and an occasional budget notice.
    sweep = { memory = "512Mi", concurrency = 4, timeout = 300, max = 1, ingress = "ALLOW_INTERNAL_ONLY" }
  }

  triggers = {
    upload = google_storage_bucket.input
    landed = google_storage_bucket.output
  }

  # The functions that call models, including those that only ask one to stop.
  gemini_key_users = toset(["api", "batch", "poll", "submit", "sweep"])

  # Named as in functions/config.ts. Every function parses all variables, so every function gets all of them.
  environment = merge(
    {
      GOOGLE_CLOUD_PROJECT           = var.project_id
      CLAPPER_REGION                 = var.region
      CLAPPER_INPUT_BUCKET           = google_storage_bucket.input.name
      CLAPPER_OUTPUT_BUCKET          = google_storage_bucket.output.name
      CLAPPER_FIRESTORE_DATABASE     = google_firestore_database.this.name
      CLAPPER_SUBMIT_URL             = local.url.submit
      CLAPPER_POLL_URL               = local.url.poll
      CLAPPER_BATCH_URL              = local.url.batch
      CLAPPER_TASKS_SERVICE_ACCOUNT  = local.accounts.tasks.email
      CLAPPER_TASKS_AUDIENCES        = join(",", [local.url.batch, local.url.notify, local.url.sweep])
      CLAPPER_CALLERS                = "id-token"
      CLAPPER_API_AUDIENCES          = local.url.api
      CLAPPER_TOKEN_SIGNATURE        = "platform"
      CLAPPER_EVENTS_TOPIC           = local.events_topic
      CLAPPER_VERTEX_LOCATION        = var.vertex_location
      CLAPPER_DATA_LOCATIONS         = join(",", var.data_locations)
      CLAPPER_VERTEX_PICTURES        = var.vertex_pictures
      CLAPPER_READABLE_PREFIXES      = join(",", var.readable_prefixes)
      CLAPPER_ALLOWED_PUBSUB_TOPICS  = join(",", var.pubsub_topics)
      CLAPPER_SIGNED_URL_TTL_SECONDS = tostring(var.signed_url_ttl_seconds)
      CLAPPER_JOB_TTL_DAYS           = tostring(coalesce(var.job_ttl_days, local.settings.jobTtlDays))
      CLAPPER_CORS_ORIGINS           = join(",", var.cors_origins)
      CLAPPER_OPERATORS              = join(",", var.operators)
      CLAPPER_UNKNOWN_OUTCOME        = var.unknown_outcome
      CLAPPER_LOG_PROMPTS            = tostring(var.log_prompts)
      CLAPPER_ALIAS_RETIRED_MODELS   = tostring(var.alias_retired_models)
      CLAPPER_RESTRICTED_REGION      = tostring(var.restricted_region)
      CLAPPER_CATALOGUE_OVERRIDES    = jsonencode(var.catalogue_overrides)
      CLAPPER_COMPAT_ALIASES         = tostring(var.compat_aliases)
      CLAPPER_DELIVERY_PREFIXES      = join(",", var.delivery_prefixes)
      CLAPPER_SCHEDULES              = jsonencode(var.schedules)
      CLAPPER_UPLOADS                = jsonencode(var.uploads)
    },
    var.provider_webhook_url == null ? {} : { CLAPPER_PROVIDER_WEBHOOK_URL = var.provider_webhook_url },
    var.restored == null ? {} : { CLAPPER_RESTORED = "${var.restored.copied_at}/${var.restored.resumed_at}" },
    try(var.budget.stop_at, 0) == 0 ? {} : { CLAPPER_BUDGET_STOP = tostring(var.budget.stop_at) },
  )
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  project     = var.project_id
  location    = var.region
  name        = "${var.name}-${each.key}"
  description = "Clapper: ${each.key}"
  labels      = local.labels
  # Google requires the key of the repository of the images.
  kms_key_name = var.kms_key

  build_config {
    runtime           = "nodejs24"
    entry_point       = each.key
    service_account   = local.accounts.build.name
    docker_repository = local.images

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = local.accounts[each.key].email
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    max_instance_request_concurrency = each.value.concurrency
    max_instance_count               = lookup(var.max_instances, each.key, each.value.max)
    timeout_seconds                  = each.value.timeout
    ingress_settings                 = each.key == "api" ? local.ingress.function : each.value.ingress
    direct_vpc_egress                = local.direct_vpc == null ? null : local.vpc_egress.function
    vpc_connector                    = try(var.vpc.connector, null)
    vpc_connector_egress_settings    = try(var.vpc.connector, null) == null ? null : local.vpc_egress.connector
    environment_variables = merge(
      local.environment,
      # Without a limit V8 lets garbage pile up: a million rows would take twice the memory that they need.
      contains(keys(local.settings.nodeOptions), each.key) ? { NODE_OPTIONS = local.settings.nodeOptions[each.key] } : {},
    )

    dynamic "direct_vpc_network_interface" {
      for_each = local.direct_vpc[*]

      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }

    dynamic "secret_environment_variables" {
      for_each = var.gemini_key_version > 0 && contains(local.gemini_key_users, each.key) ? [var.gemini_key_version] : []

      content {
        key        = "CLAPPER_GEMINI_API_KEY"
        project_id = var.project_id
        secret     = local.gemini_key_secret
        version    = tostring(secret_environment_variables.value)
      }
    }
  }

  dynamic "event_trigger" {
    for_each = contains(keys(local.triggers), each.key) ? [local.triggers[each.key]] : []

    content {
      event_type = "google.cloud.storage.object.v1.finalized"
      # Eventarc requires the region of the bucket.
      trigger_region        = var.region
      retry_policy          = "RETRY_POLICY_RETRY"
      service_account_email = local.accounts.triggers.email

      event_filters {
        attribute = "bucket"
        value     = event_trigger.value.name
      }
    }
  }

  # A function is created only after it can be built, started and triggered. New code runs only after the indexes of its
  # queries exist.
  depends_on = [
    google_firestore_index.this,
    google_project_service.this,
    google_storage_bucket_iam_member.build_source,
    google_storage_bucket_iam_member.function,
    module.bootstrap,
  ]
}

# roles/run.invoker must be granted on the Cloud Run service; on the function Google refuses it. A function that is
# created again has a new service without the grant, hence replace_triggered_by.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this[each.key].id]
  }
}

resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = var.callers

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this["api"].name
  role     = "roles/run.invoker"
  member   = each.key

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this["api"].id]
  }
}
