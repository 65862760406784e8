# What a company's rules often demand: keys of its own (CMEK), calls through its network, one location for all data, and
# labels for the bill. examples/load-balancer adds the way in.

variable "project_id" {
  description = "Id of the project."
  type        = string
}

variable "kms_key" {
  description = "Key of the company, in the region of the deployment."
  type        = string
  default     = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data"
}

variable "subnetwork" {
  description = "Subnet of /26 or larger in the region of the deployment, with Private Google Access; here of a Shared VPC."
  type        = string
  default     = "projects/company-network/regions/us-central1/subnetworks/serverless"
}

module "clapper" {
  source = "../.."

  project_id = var.project_id
  region     = "us-central1"
  labels     = { cost-center = "film" }

  # The plan fails for a resource elsewhere, and the functions refuse models elsewhere.
  data_locations      = ["us-central1"]
  vertex_location     = "us-central1"
  gemini_key_location = "us-central1"

  # Buckets, database, topics, functions, images and the secret. For Cloud Tasks: README.md, "Keys of your own".
  kms_key = var.kms_key

  vpc = {
    subnetwork = var.subnetwork
    tags       = ["clapper"]
    egress     = "all-traffic"
  }

  callers = ["group:film@example.com"]
}

output "api_url" {
  description = "URL of the API and the console."
  value       = module.clapper.api_url
}

output "outside_region" {
  description = "Models that are refused because Google serves them elsewhere."
  value       = module.clapper.outside_region
}
