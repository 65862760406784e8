# Keys mode: apps without an identity of Google's call with an API key of Clapper's own, as do programs written for the
# Gemini API, with nothing changed in them but base URL and key. An operator makes the keys:
#
#   curl -H "Authorization: Bearer $(gcloud auth print-identity-token)" -H 'content-type: application/json' \
#     -d '{"caller": "film-app"}' "$(terraform output -raw api_url)/v1/keys"

variable "project_id" {
  description = "The project."
  type        = string
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
  api_keys   = true

  # Whoever makes keys calls the API with a token of Google's, as anybody may besides.
  callers   = ["user:ann@example.com"]
  operators = ["ann@example.com"]

  # Strangers can knock at the address of the keys: at most so many instances answer them.
  max_instances = { keys = 5 }
}

output "api_url" {
  description = "Address of the API for callers with a token of Google's, operators among them."
  value       = module.clapper.api_url
}

output "keys_url" {
  description = "Address of the API for callers with an API key: the base URL of programs written for the Gemini API."
  value       = module.clapper.keys_url
}
