# Omni and the Developer API's models through a Gemini API key. The key goes into the secret by hand, before the
# functions are told its version:
#
#   terraform apply -var project_id=… -var gemini_key_version=0
#   printf %s "$KEY" | gcloud secrets versions add clapper-gemini-key --data-file=- --project …
#   terraform apply -var project_id=…

variable "project_id" {
  description = "The project."
  type        = string
}

variable "gemini_key_version" {
  description = "Version of the secret; 0 until there is one."
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
  description = "Address of the API and the console."
  value       = module.clapper.api_url
}

output "gemini_key_secret" {
  description = "Where the key goes."
  value       = module.clapper.gemini_key_secret
}
