variable "branch" {
  description = "Regular expression of the branches whose pushes are planned."
  type        = string
  default     = "^main$"
  nullable    = false
}

variable "firestore_database" {
  description = "Name of the database, if the deployment does not use the database `name`."
  type        = string
  default     = null
}

variable "firestore_kms_key" {
  description = "Value of `firestore_kms_key` in the deployment."
  type        = string
  default     = null
}

variable "gemini_key_location" {
  description = "Value of `gemini_key_location` in the deployment."
  type        = string
  default     = null
}

variable "kms_grants" {
  description = "Value of `kms_grants` in the deployment."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key" {
  description = "Value of `kms_key` in the deployment. It also encrypts the plans."
  type        = string
  default     = null
}

variable "labels" {
  description = "Value of `labels` in the deployment."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Value of `name` in the deployment."
  type        = string
  default     = "clapper"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "previous_kms_keys" {
  description = "Value of `previous_kms_keys` in the deployment."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "project_id" {
  description = "Id of the project of the deployment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project id like my-videos-1, not a project name or number."
  }
}

variable "region" {
  description = "Region of the deployment, of the builds and of the repository connection."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "repository" {
  description = "The repository as connected in Cloud Build: projects/P/locations/L/connections/C/repositories/R."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "repository must look like projects/P/locations/L/connections/C/repositories/R. Connect it first: Cloud Build, Repositories (2nd generation)."
  }
}

variable "state_bucket" {
  description = "Name of the bucket with Terraform's state and clapper.tfvars. Create it by hand, with versioning."
  type        = string
  nullable    = false
}
