variable "alert_email" {
  description = "Who is told when an alert fires. Null: alerts only show in Cloud Monitoring."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an address like ops@example.com."
  }
}

variable "alerts" {
  description = "When alerts fire: hours the oldest unfinished job may take, seconds from a model's being done to its videos' being landed (95th percentile), US dollars spent in an hour, failed webhook deliveries in an hour, minutes without a sweep (10 or more), calls with an unknown outcome in a quarter of an hour."
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
    error_message = "No threshold in alerts may be negative."
  }
  validation {
    condition     = var.alerts.sweep_not_running_minutes >= 10 && floor(var.alerts.sweep_not_running_minutes) == var.alerts.sweep_not_running_minutes
    error_message = "alerts.sweep_not_running_minutes must be a whole number of 10 or more: what has been served shows minutes later."
  }
}

variable "alias_retired_models" {
  description = "Run jobs that name a retired model on its successor, instead of refusing them."
  type        = bool
  default     = false
  nullable    = false
}

variable "api_keys" {
  description = "Keys mode: also serve the API at an address that anybody can reach (output `keys_url`), to callers with an API key that an operator has made (`POST /v1/keys`). Needs an operator."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.api_keys || length(var.operators) > 0
    error_message = "api_keys needs somebody in operators: only operators make keys."
  }
}

variable "budget" {
  description = "A monthly budget of this project, in the billing account's currency. At `stop_at` of it (1 is all) the submit queues are paused until somebody resumes them; 0 never stops, only tells. Null for no budget."
  type = object({
    billing_account = string
    amount          = number
    stop_at         = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must look like 0X0X0X-0X0X0X-0X0X0X: gcloud billing accounts list."
  }
  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount, false)
    error_message = "budget.amount must be a whole number of 1 or more."
  }
  validation {
    condition     = var.budget == null || try(var.budget.stop_at >= 0 && var.budget.stop_at <= 10, false)
    error_message = "budget.stop_at is a part of the amount: 0.9 stops at nine tenths, 1 at all of it, 0 never."
  }
}

variable "callers" {
  description = "Who may call the API, as IAM members: `user:`, `group:`, `serviceAccount:` or `principalSet://`. Nobody else gets as far as the function."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(user|group|serviceAccount|domain):.+|^principal(Set)?://.+", member))])
    error_message = "callers must be members like user:ann@example.com; allUsers is none."
  }
}

variable "catalogue_overrides" {
  description = "By `provider/model`: `requestsPerMinute`, `pricePerSecondUsd`, `pricePerImageUsd`, `stage`, `retirementDate` where yours differ from the built-in table. Quotas set the rates of the queues too."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(setsubtract(
      keys(var.catalogue_overrides),
      [for queue in local.settings.submit.models : queue.model],
    )) == 0
    error_message = "catalogue_overrides has a model that Clapper does not know: ${join(", ", setsubtract(keys(var.catalogue_overrides), [for queue in local.settings.submit.models : queue.model]))}. Names look like vertex/veo-3.1-generate-001."
  }
}

variable "compat_aliases" {
  description = "Run requests of Google's own shapes on a retired model's successor: they name the models that Google's old documents taught."
  type        = bool
  default     = true
  nullable    = false
}

variable "console_origins" {
  description = "Further web origins that may upload to the input bucket and play from the output bucket, besides the API's own."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.console_origins : can(regex("^https?://[^/*]+$", origin))])
    error_message = "console_origins must be origins like https://app.example.com, without a path."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy what holds data: the database, the queues and buckets that are not empty. Set to false and apply before a teardown."
  type        = bool
  default     = true
  nullable    = false
}

variable "delivery_prefixes" {
  description = "`gs://` prefixes that any caller may name as `storageUri`, to have its videos copied there. Grant `poll` `roles/storage.objectUser` there: output `service_accounts` has its name."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.delivery_prefixes : can(regex("^gs://[a-z0-9][a-z0-9._-]+/[^,]*$", prefix))])
    error_message = "delivery_prefixes must look like gs://bucket/ or gs://bucket/folder/."
  }
}

variable "firestore_location" {
  description = "Where the database is, a region or a multi-region like nam5; it can never be moved. Null: `region`."
  type        = string
  default     = null
}

variable "gemini_key_version" {
  description = "Version of the secret that holds the Gemini API key, which Omni and the Developer API's models use instead of Vertex AI. 0: no key. See \"A Gemini key\" for the order of things."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.gemini_key_version >= 0 && floor(var.gemini_key_version) == var.gemini_key_version
    error_message = "gemini_key_version is 0 for none, or the number of a version: a moving \"latest\" would change a running deployment."
  }
}

variable "input_days" {
  description = "Delete objects of the input bucket after so many days. Null: never."
  type        = number
  default     = null

  validation {
    condition     = var.input_days == null || try(var.input_days >= 7, false)
    error_message = "input_days must be 7 or more: a job may wait a day, and its input with it."
  }
}

variable "job_ttl_days" {
  description = "Delete the records of finished jobs after so many days, those of a batch so many days after the batch; their videos stay. Null: what settings.json says (90)."
  type        = number
  default     = null

  validation {
    condition     = var.job_ttl_days == null || try(var.job_ttl_days >= 2 && floor(var.job_ttl_days) == var.job_ttl_days, false)
    error_message = "job_ttl_days must be a whole number of 2 or more."
  }
}

variable "labels" {
  description = "Labels of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels are lower-case letters, digits, hyphens and underscores; a key begins with a letter."
  }
}

variable "log_prompts" {
  description = "Write prompts into the log."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_instances" {
  description = "Most instances of single functions, where yours differ from the built-in ones."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, count in var.max_instances : contains(concat(keys(local.functions), ["keys"]), name) && count >= 1 && count <= 1000])
    error_message = "max_instances is by function (${join(", ", keys(local.functions))}, and keys), from 1 to 1000."
  }
}

variable "name" {
  description = "First part of the name of everything; queues have names of their own."
  type        = string
  default     = "clapper"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "operators" {
  description = "Callers, by their e-mail address, who see every job and rule on attempts whose outcome could not be learned."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.operators : can(regex("^[^@:\\s,]+@[^@\\s,]+$", address))])
    error_message = "operators must be plain addresses like ann@example.com; they have to be among the callers as well."
  }
}

variable "project_id" {
  description = "The project. Best one of its own: some rights can be given for a whole project only."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be an id like my-videos-1, not a name or a number."
  }
}

variable "provider_webhook_url" {
  description = "Where the Gemini API may call `POST /v1/provider-events`, from outside. The functions admit nobody without an invoker's token, so this is `keys_url` and that path, or the address of something else in front of them. Null: operations are polled, which suffices."
  type        = string
  default     = null

  validation {
    condition     = var.provider_webhook_url == null || can(regex("^https://.+", var.provider_webhook_url))
    error_message = "provider_webhook_url must begin with https://."
  }
}

variable "pubsub_topics" {
  description = "Topics that requests may name as `pubsubTopic`: Google publishes what becomes of the operation there."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for topic in var.pubsub_topics : can(regex("^projects/[^/,]+/topics/[^/,]+$", topic))])
    error_message = "pubsub_topics must be full names like projects/my-videos-1/topics/veo."
  }
}

variable "readable_prefixes" {
  description = "`gs://` prefixes that any caller may name as input. Grant the functions `roles/storage.objectViewer` there: outputs `service_accounts` has their names."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.readable_prefixes : can(regex("^gs://[a-z0-9][a-z0-9._-]+/[^,]*$", prefix))])
    error_message = "readable_prefixes must look like gs://bucket/ or gs://bucket/folder/."
  }
}

variable "region" {
  description = "Region of functions, queues, schedules and buckets."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region like us-central1, not a zone or a multi-region."
  }
}

variable "restricted_region" {
  description = "Requests come from the EU, UK, Switzerland or MENA, where models show fewer people."
  type        = bool
  default     = false
  nullable    = false
}

variable "result_days" {
  description = "Delete videos after so many days. Null: never."
  type        = number
  default     = null

  validation {
    condition     = var.result_days == null || try(var.result_days >= 3, false)
    error_message = "result_days must be 3 or more: a chain goes on from what it made the day before."
  }
}

variable "schedules" {
  description = "Batches that come by themselves, by name: `cron` (five fields), `timeZone` (default UTC), `manifest` (`gs://bucket/{yyyy}-{MM}-{dd}.csv`), and what else a schedule of `CLAPPER_SCHEDULES` takes. Where a manifest is in a bucket of yours, grant `batch` and `sweep` `roles/storage.objectViewer` there."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.schedules)) && alltrue([for name in try(keys(var.schedules), []) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "schedules is a map; its names are lower-case letters, digits and hyphens."
  }
  validation {
    condition     = alltrue([for schedule in try(values(var.schedules), []) : try(length(split(" ", schedule.cron)) == 5, false)])
    error_message = "cron in schedules has five fields, like \"0 6 * * 1-5\"."
  }
  validation {
    condition     = alltrue([for schedule in try(values(var.schedules), []) : try(startswith(schedule.manifest, "gs://"), false)])
    error_message = "Every schedule has a manifest, gs://bucket/name."
  }
}

variable "signed_url_ttl_seconds" {
  description = "How long links to videos and for uploads work."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.signed_url_ttl_seconds >= 1 && var.signed_url_ttl_seconds <= 43200
    error_message = "signed_url_ttl_seconds must be 1 to 43200: Google may replace the signing key after twelve hours."
  }
}

variable "source_zip" {
  description = "What is deployed. Null: `dist/functions.zip`, made by `npm run build`."
  type        = string
  default     = null
}

variable "submissions" {
  description = "RUNNING or PAUSED. Paused, jobs are accepted and wait, and nothing is paid for."
  type        = string
  default     = "RUNNING"
  nullable    = false

  validation {
    condition     = contains(["RUNNING", "PAUSED"], var.submissions)
    error_message = "submissions must be RUNNING or PAUSED."
  }
}

variable "unknown_outcome" {
  description = "What becomes of an attempt that may have been paid for and left no trace: `fail`, with the amount at stake, or `resubmit`, which may pay twice."
  type        = string
  default     = "fail"
  nullable    = false

  validation {
    condition     = contains(["fail", "resubmit"], var.unknown_outcome)
    error_message = "unknown_outcome must be fail or resubmit."
  }
}

variable "uploads" {
  description = "What becomes of objects in the input bucket: a list of rules by `prefix`, as `CLAPPER_UPLOADS` takes them. Empty: nothing."
  type        = any
  default     = []
  nullable    = false

  validation {
    condition     = can([for rule in var.uploads : rule.prefix])
    error_message = "uploads is a list of rules, each with a prefix: [{ prefix = \"incoming/\" }]."
  }

  # Where Clapper writes itself in the input bucket.
  validation {
    condition = try(alltrue(flatten([
      for rule in var.uploads : [
        for own in ["jobs/", "batches/", "callers/"] : !startswith(rule.prefix, own) && !startswith(own, rule.prefix)
      ]
    ])), true)
    error_message = "A prefix of uploads may not be, lie in or contain jobs/, batches/ or callers/: Clapper writes there itself."
  }
}

variable "vertex_location" {
  description = "Where Vertex AI is called. Veo is served in us-central1."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = var.vertex_location == "global" || can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.vertex_location))
    error_message = "vertex_location must be a region like us-central1, or global."
  }
}

variable "vertex_pictures" {
  description = "How pictures go to Vertex AI: `uri`, or `inline` where its service agent may not read the buckets."
  type        = string
  default     = "uri"
  nullable    = false

  validation {
    condition     = contains(["uri", "inline"], var.vertex_pictures)
    error_message = "vertex_pictures must be uri or inline."
  }
}
