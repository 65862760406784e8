# Everything at its default. Nobody may call yet: see `callers`.

variable "project_id" {
  description = "The project."
  type        = string
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
}

output "api_url" {
  description = "Address of the API and the console."
  value       = module.clapper.api_url
}
