variable "alert_email" {
  description = "Address that receives alerts by e-mail. Null: alerts show only in Cloud Monitoring."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an address like ops@example.com."
  }
}

variable "alerts" {
  description = "Thresholds of the alerts: age in hours of the oldest unfinished job, seconds from the end of an operation until its videos have landed (95th percentile), US dollars spent in an hour, failed webhook deliveries in an hour, minutes without a sweep (10 or more), paid calls with an unknown outcome in 15 minutes."
  type = object({
    oldest_unfinished_hours    = optional(number, 6)
    done_to_landed_seconds     = optional(number, 120)
    spend_usd_per_hour         = optional(number, 50)
    webhook_failures_per_hour  = optional(number, 20)
    sweep_not_running_minutes  = optional(number, 10)
    uncertain_attempts_per_15m = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for value in values(var.alerts) : value >= 0])
    error_message = "Every threshold in alerts must be 0 or more."
  }
  validation {
    condition     = var.alerts.sweep_not_running_minutes >= 10 && floor(var.alerts.sweep_not_running_minutes) == var.alerts.sweep_not_running_minutes
    error_message = "alerts.sweep_not_running_minutes must be a whole number of 10 or more: Cloud Monitoring shows a served request minutes later."
  }
}

variable "alias_retired_models" {
  description = "Run jobs that name a retired model on its successor instead of refusing them."
  type        = bool
  default     = false
  nullable    = false
}

variable "api_keys" {
  description = "Keys mode: also serve the API at a public address (output `keys_url`), to callers with an API key that an operator has created (`POST /v1/keys`). Requires at least one operator."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.api_keys || length(var.operators) > 0
    error_message = "api_keys requires at least one address in operators: only operators create keys."
  }
}

variable "backups" {
  description = "Backups of the database: `daily_days` keeps a daily one for 1 to 7 days, `weekly_weeks` a weekly one for 1 to 14 weeks. 0: none. Besides them, every minute of the last 7 days can be restored while the database exists."
  type = object({
    daily_days   = optional(number, 7)
    weekly_weeks = optional(number, 8)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([0, 1, 2, 3, 4, 5, 6, 7], var.backups.daily_days)
    error_message = "backups.daily_days must be a whole number from 0 (none) to 7, which is Google's maximum for daily backups."
  }
  validation {
    condition     = var.backups.weekly_weeks >= 0 && var.backups.weekly_weeks <= 14 && floor(var.backups.weekly_weeks) == var.backups.weekly_weeks
    error_message = "backups.weekly_weeks must be a whole number from 0 (none) to 14, which is Google's maximum."
  }
}

variable "bootstrap" {
  description = "Enable the APIs and create what gives rights: accounts, the custom role, grants on the project, the secret. False: `terraform/delivery` has done it, and this module needs no right to."
  type        = bool
  default     = true
  nullable    = false
}

variable "budget" {
  description = "A monthly budget of this project, in the billing account's currency. When spending reaches the fraction `stop_at` of it (1 is all), the submit queues are paused until an operator resumes them; with 0 the budget only notifies. Null: no budget."
  type = object({
    billing_account = string
    amount          = number
    stop_at         = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must look like 0X0X0X-0X0X0X-0X0X0X. To list yours: gcloud billing accounts list."
  }
  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount, false)
    error_message = "budget.amount must be a whole number of 1 or more."
  }
  validation {
    condition     = var.budget == null || try(var.budget.stop_at >= 0 && var.budget.stop_at <= 10, false)
    error_message = "budget.stop_at must be a fraction of the amount, from 0 to 10: 0.9 stops at nine tenths, 1 at the whole amount, 0 never."
  }
}

variable "callers" {
  description = "Who may call the API, as IAM members: `user:`, `group:`, `serviceAccount:`, `domain:`, `principal://` or `principalSet://`. Google refuses all other calls before they reach the function."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(user|group|serviceAccount|domain):.+|^principal(Set)?://.+", member))])
    error_message = "callers must be IAM members like user:ann@example.com; allUsers is not allowed."
  }
}

variable "catalogue_overrides" {
  description = "Values that differ from the built-in catalogue, by `provider/model`: `requestsPerMinute`, `pricePerSecondUsd`, `pricePerImageUsd`, `stage`, `retirementDate`, `locations` (a list, tried in order when one is over its quota). `requestsPerMinute` also sets the rate of the model's queues."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(
      keys(var.catalogue_overrides),
      [for queue in local.settings.submit.models : queue.model],
    )) == 0
    error_message = "catalogue_overrides names a model that is not in the catalogue: ${join(", ", setsubtract(keys(var.catalogue_overrides), [for queue in local.settings.submit.models : queue.model]))}. Keys look like vertex/veo-3.1-generate-001."
  }
}

variable "compat_aliases" {
  description = "On Google's own surfaces, run requests for a retired model on its successor: code from Google's older documents names retired models."
  type        = bool
  default     = true
  nullable    = false
}

variable "console_origins" {
  description = "Web origins, besides the API's own, that may upload to the input bucket and play videos from the output bucket."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.console_origins : can(regex("^https?://[^/*]+$", origin))])
    error_message = "console_origins must be origins like https://app.example.com, without a path."
  }
}

variable "cors_origins" {
  description = "Web origins whose pages may call the API and follow its links from a browser, such as `https://app.example.com`, `http://localhost:*`, or `*`. Needs `api_keys`: browsers ask without credentials first, and Cloud Run refuses that at `api_url`. Use `keys_url`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_origins : origin == "*" || can(regex("^https?://[^/*:]+(:([0-9]+|\\*))?$", origin))])
    error_message = "cors_origins must be origins like https://app.example.com or http://localhost:*, without a path."
  }
  validation {
    condition     = length(var.cors_origins) == 0 || var.api_keys
    error_message = "cors_origins needs api_keys = true: Cloud Run refuses a browser's preflight at api_url, because it has no credentials."
  }
}

variable "data_locations" {
  description = "Locations where data may be stored and processed, such as `[\"europe-west4\"]`. The plan then fails for a resource elsewhere, and requests for a model elsewhere are refused: `global` counts as elsewhere unless it is listed. Empty: anywhere; output `outside_region` lists what is not in `region`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.data_locations : can(regex("^[a-z][a-z0-9-]*$", location))])
    error_message = "data_locations must be locations like us-central1, eur3 or global."
  }
  validation {
    condition     = length(var.data_locations) == 0 || alltrue([for where in values(local.data_places) : contains(var.data_locations, where)])
    error_message = "data_locations (${join(", ", var.data_locations)}) does not have the location of: ${join("; ", [for what, where in local.data_places : "${what}, ${where}" if !contains(var.data_locations, where)])}. Set the variable in parentheses to a location of the list, or add the location to the list."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy what holds data: the database, the queues, and buckets that are not empty. Before a teardown, set it to false and apply."
  type        = bool
  default     = true
  nullable    = false
}

variable "delivery_prefixes" {
  description = "`gs://` prefixes that any caller may name as `storageUri`; Clapper copies the caller's videos there. Grant `poll` `roles/storage.objectUser` on those buckets; output `service_accounts` has its address."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.delivery_prefixes : can(regex("^gs://[a-z0-9][a-z0-9._-]+/[^,]*$", prefix))])
    error_message = "delivery_prefixes must look like gs://bucket/ or gs://bucket/folder/, without commas."
  }
}

variable "firestore_database" {
  description = "Name of the database, for one that was restored under another name: docs/operate.md has the steps. To change it without them would mean to replace the database; `deletion_protection` makes that fail. Null: `name`."
  type        = string
  default     = null

  validation {
    condition     = var.firestore_database == null || can(regex("^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.firestore_database))
    error_message = "firestore_database must be 4 to 63 lower-case letters, digits and hyphens that begin with a letter and do not end with a hyphen, or (default)."
  }
}

variable "firestore_kms_key" {
  description = "Cloud KMS key of the database. Google sets it only when the database is created: with another value for an existing database the plan fails. Null: `kms_key`. Empty: Google's own encryption."
  type        = string
  default     = null

  validation {
    condition     = try(coalesce(var.firestore_kms_key, ""), "") == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.firestore_kms_key))
    error_message = "firestore_kms_key must be a full name like projects/P/locations/L/keyRings/R/cryptoKeys/K, or empty."
  }
  validation {
    condition     = var.firestore_kms_key == "" || try(split("/", coalesce(var.firestore_kms_key, var.kms_key))[3] == local.firestore_key_location, true)
    error_message = "The key of the database must be in ${local.firestore_key_location}, since the database is in ${local.firestore_place}: ${try(coalesce(var.firestore_kms_key, var.kms_key), "none")} is not. Set firestore_kms_key to a key there, or to \"\" for Google's own encryption."
  }
}

variable "firestore_location" {
  description = "Location of the database: a region, or a multi-region like nam5. The database can never be moved. Null: `region`."
  type        = string
  default     = null
}

variable "gemini_key_location" {
  description = "Region of the secret that holds the Gemini API key. Google sets it only when the secret is created. Null: Google replicates it automatically, anywhere, and `kms_key` does not encrypt it."
  type        = string
  default     = null

  validation {
    condition     = var.gemini_key_location == null || var.kms_key == null || try(split("/", var.kms_key)[3] == var.gemini_key_location, false)
    error_message = "gemini_key_location must be the location of kms_key, which encrypts the secret."
  }
}

variable "gemini_key_version" {
  description = "Version of the secret that holds the Gemini API key, which Omni and the Developer API's models use instead of Vertex AI. 0: no key. \"A Gemini key\" has the steps in order."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.gemini_key_version >= 0 && floor(var.gemini_key_version) == var.gemini_key_version
    error_message = "gemini_key_version must be 0 (no key) or the number of a version. \"latest\" is not allowed: it would change a running deployment."
  }
}

variable "ingress" {
  description = "From where the API, and the service of keys mode, can be reached: `all`, `internal` (VPC networks of the project and its service perimeter), or `internal-and-cloud-load-balancing` (also through an Application Load Balancer: `examples/load-balancer`). The other functions are always internal."
  type        = string
  default     = "all"
  nullable    = false

  validation {
    condition     = contains(["all", "internal", "internal-and-cloud-load-balancing"], var.ingress)
    error_message = "ingress must be all, internal or internal-and-cloud-load-balancing."
  }
}

variable "input_days" {
  description = "Delete objects of the input bucket after this many days. Null: never."
  type        = number
  default     = null

  validation {
    condition     = var.input_days == null || try(var.input_days >= 7, false)
    error_message = "input_days must be 7 or more: a job may wait for a day and still needs its input."
  }
}

variable "job_ttl_days" {
  description = "Delete the records of finished jobs after this many days; for the jobs of a batch, count from the end of the batch. Videos stay. Null: the value in settings.json (90)."
  type        = number
  default     = null

  validation {
    condition     = var.job_ttl_days == null || try(var.job_ttl_days >= 2 && floor(var.job_ttl_days) == var.job_ttl_days, false)
    error_message = "job_ttl_days must be a whole number of 2 or more."
  }
}

variable "kms_grants" {
  description = "Grant Google's service agents `roles/cloudkms.cryptoKeyEncrypterDecrypter` on the keys. False: the owner of the keys has done it; the README has the commands."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key" {
  description = "Cloud KMS key, in `region`, that encrypts the buckets, the topics, the functions with their source and images, and the secret if `gemini_key_location` is set; with `firestore_kms_key` also the database. Null: Google's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be a full name like projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
  validation {
    condition     = var.kms_key == null || try(split("/", var.kms_key)[3] == var.region, false)
    error_message = "kms_key must be in ${var.region} (region): Cloud Storage and Cloud Run take only keys of their own location."
  }
}

variable "labels" {
  description = "Labels for every resource that accepts labels."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, hyphens and underscores, at most 63; a key must begin with a letter."
  }
}

variable "log_prompts" {
  description = "Write prompts to the log."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_instances" {
  description = "Maximum number of instances by function, where it differs from the built-in number; `keys` is the service of keys mode."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, count in var.max_instances : contains(concat(keys(local.functions), ["keys"]), name) && count >= 1 && count <= 1000])
    error_message = "max_instances must map functions (${join(", ", keys(local.functions))}, or keys) to numbers from 1 to 1000."
  }
}

variable "name" {
  description = "Prefix of the names of all resources except queues, whose names are fixed."
  type        = string
  default     = "clapper"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "operators" {
  description = "E-mail addresses of callers who see every job and decide on attempts whose outcome is unknown."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.operators : can(regex("^[^@:\\s,]+@[^@\\s,]+$", address))])
    error_message = "operators must be plain addresses like ann@example.com, without user:. Each must also be among callers."
  }
}

variable "previous_kms_keys" {
  description = "Earlier values of `kms_key`. Objects, messages and images that they have encrypted stay encrypted with them, so Google's agents keep their grants. Before you change or remove `kms_key`, add its value here."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.previous_kms_keys : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))])
    error_message = "previous_kms_keys must be full names like projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
}

variable "project_id" {
  description = "Id of the project. Use a project for Clapper alone: some roles can be granted only for a whole project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project id like my-videos-1, not a project name or number."
  }
}

variable "provider_webhook_url" {
  description = "Public URL at which the Gemini API calls `POST /v1/provider-events`. The functions refuse calls without an invoker's token, so this is `keys_url` plus that path, or the URL of your own proxy. Null: operations are only polled, which is sufficient."
  type        = string
  default     = null

  validation {
    condition     = var.provider_webhook_url == null || can(regex("^https://.+", var.provider_webhook_url))
    error_message = "provider_webhook_url must begin with https://."
  }
}

variable "pubsub_topics" {
  description = "Topics that requests may name as `pubsubTopic`; Google publishes the outcome of the operation there."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for topic in var.pubsub_topics : can(regex("^projects/[^/,]+/topics/[^/,]+$", topic))])
    error_message = "pubsub_topics must be full names like projects/my-videos-1/topics/veo."
  }
}

variable "readable_prefixes" {
  description = "`gs://` prefixes that any caller may name as input. Grant the functions `roles/storage.objectViewer` on those buckets; output `service_accounts` has their addresses."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.readable_prefixes : can(regex("^gs://[a-z0-9][a-z0-9._-]+/[^,]*$", prefix))])
    error_message = "readable_prefixes must look like gs://bucket/ or gs://bucket/folder/, without commas."
  }
}

variable "region" {
  description = "Region of the functions, queues, schedules and buckets."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region like us-central1, not a zone or a multi-region."
  }
}

variable "restricted_region" {
  description = "Whether requests come from the EU, the UK, Switzerland or MENA, where models accept fewer values of `personGeneration`."
  type        = bool
  default     = false
  nullable    = false
}

variable "restored" {
  description = "After the database was restored: `copied_at`, the time of the copy, and `resumed_at`, the time of the apply that uses it, in RFC 3339. Jobs that were paid for between the two are continued instead of paid for again. Keep it for as long as jobs or requests from before `resumed_at` may be repeated. Null: never restored."
  type = object({
    copied_at  = string
    resumed_at = string
  })
  default = null

  validation {
    condition     = var.restored == null || try(timecmp(var.restored.copied_at, var.restored.resumed_at) < 0, false)
    error_message = "restored must have copied_at and a later resumed_at, as in 2026-11-30T10:00:00Z."
  }
}

variable "result_days" {
  description = "Delete videos, and the notes of claims, after this many days. A copy of the database that is older cannot be restored without paying twice. Null: videos never, notes after 100 days."
  type        = number
  default     = null

  validation {
    condition     = var.result_days == null || try(var.result_days >= 3, false)
    error_message = "result_days must be 3 or more: a chain of extensions may continue from a video of the day before."
  }
}

variable "schedules" {
  description = "Batches that start on a schedule, by name: `cron` (five fields), `timeZone` (default UTC), `manifest` (`gs://bucket/{yyyy}-{MM}-{dd}.csv`), and the other fields of a schedule in `CLAPPER_SCHEDULES`. If a manifest is in a bucket of yours, grant `batch` and `sweep` `roles/storage.objectViewer` on it."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.schedules)) && alltrue([for name in try(keys(var.schedules), []) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "schedules must be a map whose keys are lower-case letters, digits and hyphens and begin with a letter, at most 63."
  }
  validation {
    condition     = alltrue([for schedule in try(values(var.schedules), []) : try(length(split(" ", schedule.cron)) == 5, false)])
    error_message = "Every schedule needs cron with five fields, like \"0 6 * * 1-5\"."
  }
  validation {
    # The forms that people write. The functions refuse every other one when they start (core/batch/cron-days.ts).
    condition = alltrue([for schedule in try(values(var.schedules), []) : try(!can(regex(
      "^\\S+ \\S+ ((30|31|30[,-]31) (0?2|feb)|31 (0?[2469]|11|feb|apr|jun|sep|nov)(,(0?[2469]|11|feb|apr|jun|sep|nov))*) [*?]$",
      lower(schedule.cron)
    )), true)])
    error_message = "The cron of a schedule is never due: none of its months has such a day of the month, as in \"0 0 31 2 *\"."
  }
  validation {
    condition     = alltrue([for schedule in try(values(var.schedules), []) : try(startswith(schedule.manifest, "gs://"), false)])
    error_message = "Every schedule needs manifest, like gs://bucket/name."
  }
}

variable "signed_url_ttl_seconds" {
  description = "Lifetime in seconds of links to videos and of upload links."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.signed_url_ttl_seconds >= 1 && var.signed_url_ttl_seconds <= 43200
    error_message = "signed_url_ttl_seconds must be from 1 to 43200: Google may replace the signing key after 12 hours."
  }
}

variable "source_zip" {
  description = "Path of the zip to deploy. Null: `dist/functions.zip`, made by `npm run build`."
  type        = string
  default     = null
}

variable "submissions" {
  description = "RUNNING or PAUSED. While PAUSED, jobs are accepted and wait, and no paid call is made."
  type        = string
  default     = "RUNNING"
  nullable    = false

  validation {
    condition     = contains(["RUNNING", "PAUSED"], var.submissions)
    error_message = "submissions must be RUNNING or PAUSED."
  }
}

variable "unknown_outcome" {
  description = "What happens to an attempt that may have been charged and left no evidence: `fail` reports the amount at stake, `resubmit` may pay twice."
  type        = string
  default     = "fail"
  nullable    = false

  validation {
    condition     = contains(["fail", "resubmit"], var.unknown_outcome)
    error_message = "unknown_outcome must be fail or resubmit."
  }
}

variable "uploads" {
  description = "Rules that turn objects of the input bucket into jobs or batches: a list by `prefix`, in the format of `CLAPPER_UPLOADS`. Empty: uploads are ignored."
  type        = any
  default     = []
  nullable    = false

  validation {
    condition     = can([for rule in var.uploads : rule.prefix])
    error_message = "uploads must be a list of rules, each with a prefix: [{ prefix = \"incoming/\" }]."
  }

  # Clapper itself writes to these folders of the input bucket.
  validation {
    condition = try(alltrue(flatten([
      for rule in var.uploads : [
        for own in ["jobs/", "batches/", "callers/"] : !startswith(rule.prefix, own) && !startswith(own, rule.prefix)
      ]
    ])), true)
    error_message = "A prefix in uploads must not equal, lie in or contain jobs/, batches/ or callers/: Clapper itself writes there."
  }
}

variable "vertex_location" {
  description = "Location of calls to Vertex AI. Veo is served in us-central1. A model that Google serves only under the global endpoint, such as the Gemini 3 image models, uses that; `catalogue_overrides` names other locations per model."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = var.vertex_location == "global" || can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.vertex_location))
    error_message = "vertex_location must be a region like us-central1, or global."
  }
}

variable "vertex_pictures" {
  description = "How images are sent to Vertex AI: `uri`, or `inline` if its service agent may not read the buckets."
  type        = string
  default     = "uri"
  nullable    = false

  validation {
    condition     = contains(["uri", "inline"], var.vertex_pictures)
    error_message = "vertex_pictures must be uri or inline."
  }
}

variable "vpc" {
  description = "Send the functions' calls through a VPC network: `network` or `subnetwork` or both (Direct VPC egress, a subnet of /26 or larger in `region`) with network `tags`, or `connector` (a Serverless VPC Access connector). `egress`: `private-ranges-only`, or `all-traffic`, which needs Private Google Access, and Cloud NAT for webhooks. Null: no network."
  type = object({
    network    = optional(string)
    subnetwork = optional(string)
    tags       = optional(list(string), [])
    connector  = optional(string)
    egress     = optional(string, "private-ranges-only")
  })
  default = null

  validation {
    condition     = var.vpc == null || try((var.vpc.connector != null) != (var.vpc.network != null || var.vpc.subnetwork != null), false)
    error_message = "vpc must have either connector, or network or subnetwork (or both)."
  }
  validation {
    condition     = var.vpc == null || contains(["all-traffic", "private-ranges-only"], try(var.vpc.egress, ""))
    error_message = "vpc.egress must be all-traffic or private-ranges-only."
  }
  validation {
    condition     = try(var.vpc.connector, null) == null || length(try(var.vpc.tags, [])) == 0
    error_message = "vpc.tags belong to network and subnetwork; a connector has its own."
  }
}
