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
