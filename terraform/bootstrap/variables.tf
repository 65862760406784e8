variable "deployers" {
  description = "Who deploys with the accounts of this module without being an owner, as IAM members by a fixed name. Each may act as these accounts and no others."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "firestore_database" {
  description = "Name of the database that the functions may use. Null: `name`."
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
  description = "Value of `kms_key` in the deployment."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels for every resource that accepts labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Value of `name` in the deployment."
  type        = string
  nullable    = false
}

variable "previous_kms_keys" {
  description = "Value of `previous_kms_keys` in the deployment."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "project_id" {
  description = "Id of the project."
  type        = string
  nullable    = false
}

variable "project_number" {
  description = "Number of the project."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Value of `region` in the deployment."
  type        = string
  nullable    = false
}
