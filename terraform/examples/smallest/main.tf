# Every variable at its default. No one may call the API until `callers` is set.

variable "project_id" {
  description = "Id of the project."
  type        = string
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
}

output "api_url" {
  description = "URL of the API and the console."
  value       = module.clapper.api_url
}
