# Omni and the Developer API's models through a Gemini API key. Add the key to the secret by hand, then pass its version to
# the functions:
#
#   terraform apply -var project_id=… -var gemini_key_version=0
#   printf %s "$KEY" | gcloud secrets versions add clapper-gemini-key --data-file=- --project …
#   terraform apply -var project_id=…

variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "gemini_key_version" {
  description = "Version of the secret; 0 before the first one exists."
  type        = number
  default     = 1
}

module "clapper" {
  source = "../.."

  project_id         = var.project_id
  gemini_key_version = var.gemini_key_version
  callers            = ["user:ann@example.com"]
}

output "api_url" {
  description = "URL of the API and the console."
  value       = module.clapper.api_url
}

output "gemini_key_secret" {
  description = "Secret to which the key is added."
  value       = module.clapper.gemini_key_secret
}
