# Keys mode: apps without a Google identity call with Clapper's own API key. So do programs written for the Gemini API; only
# their base URL and key change. An operator creates the keys:
#
#   curl -H "Authorization: Bearer $(gcloud auth print-identity-token)" -H 'content-type: application/json' \
#     -d '{"caller": "film-app"}' "$(terraform output -raw api_url)/v1/keys"

variable "project_id" {
  description = "Id of the project."
  type        = string
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
  api_keys   = true

  # The operator who creates keys calls the API with a Google ID token, as other callers may too.
  callers   = ["user:ann@example.com"]
  operators = ["ann@example.com"]

  # The address of keys mode is public. This limits what requests without a valid key can cost.
  max_instances = { keys = 1 }
}

output "api_url" {
  description = "URL of the API for callers with a Google ID token, such as operators."
  value       = module.clapper.api_url
}

output "keys_url" {
  description = "URL of the API for callers with an API key; the base URL for programs written for the Gemini API."
  value       = module.clapper.keys_url
}
