# The ways in and out: `ingress` of the API, and `vpc` for the functions' own calls.

locals {
  # Google's two names of each value: for functions, and for Cloud Run services.
  ingress = {
    all                               = { function = "ALLOW_ALL", service = "INGRESS_TRAFFIC_ALL" }
    internal                          = { function = "ALLOW_INTERNAL_ONLY", service = "INGRESS_TRAFFIC_INTERNAL_ONLY" }
    internal-and-cloud-load-balancing = { function = "ALLOW_INTERNAL_AND_GCLB", service = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" }
  }[var.ingress]

  direct_vpc = var.vpc == null ? null : var.vpc.connector == null ? var.vpc : null

  vpc_egress = {
    all-traffic         = { function = "VPC_EGRESS_ALL_TRAFFIC", connector = "ALL_TRAFFIC", service = "ALL_TRAFFIC" }
    private-ranges-only = { function = "VPC_EGRESS_PRIVATE_RANGES_ONLY", connector = "PRIVATE_RANGES_ONLY", service = "PRIVATE_RANGES_ONLY" }
  }[try(var.vpc.egress, "private-ranges-only")]

  vpc_apis = var.vpc == null ? [] : [local.direct_vpc == null ? "vpcaccess" : "compute"]
}
