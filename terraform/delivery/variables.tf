variable "branch" {
  description = "Branches whose pushes are planned, as a regular expression."
  type        = string
  default     = "^main$"
  nullable    = false
}

variable "name" {
  description = "`name` of the deployment."
  type        = string
  default     = "clapper"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "project_id" {
  description = "The project of the deployment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be an id like my-videos-1, not a name or a number."
  }
}

variable "region" {
  description = "Region of the builds and of the connection to the repository."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "repository" {
  description = "The repository, connected in Cloud Build: projects/P/locations/L/connections/C/repositories/R."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "repository must be projects/P/locations/L/connections/C/repositories/R."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's state, made by hand, with versions; it holds clapper.tfvars too."
  type        = string
  nullable    = false
}
