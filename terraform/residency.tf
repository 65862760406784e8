# Where data is stored and processed. `data_locations` enforces it: the plan fails for a resource that is elsewhere, and the
# functions refuse models that are.

locals {
  # What holds or processes data, and has a location. The buckets, queues, functions and topics are in `region`.
  data_places = merge(
    {
      "buckets, queues, functions and images (region)"          = var.region
      "database ${local.database} (firestore_location)"         = local.firestore_place
      "secret ${local.gemini_key_secret} (gemini_key_location)" = coalesce(var.gemini_key_location, "automatic replication")
      "calls of Vertex AI (vertex_location)"                    = var.vertex_location
    },
  )

  # By the rules of functions/core/catalogue: the Developer API and Omni have no location of their own.
  model_places = {
    for queue in local.settings.submit.models : queue.model => (
      startswith(queue.model, "vertex/")
      ? try(var.catalogue_overrides[queue.model].locations, queue.locations, [var.vertex_location])
      : ["global"]
    )
  }

  allowed_locations = length(var.data_locations) == 0 ? toset([var.region]) : var.data_locations
  outside = concat(
    [for what, where in local.data_places : "${what}: ${where}" if !contains(local.allowed_locations, where)],
    [for model, places in local.model_places : "${model}: ${join(", ", places)}" if length(setintersection(places, local.allowed_locations)) == 0],
  )
}

check "global" {
  assert {
    condition     = var.vertex_location != "global"
    error_message = "vertex_location is global: Google may process prompts, images and videos in any region. Name a region, or list in data_locations where data may be."
  }
}
