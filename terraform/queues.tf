locals {
  quotas = {
    for queue in local.settings.submit.models :
    queue.model => try(var.catalogue_overrides[queue.model].requestsPerMinute, queue.requestsPerMinute)
  }

  # One per model and lane. Either lane may use the whole quota when the other is empty; the model's rate limiter keeps
  # both together within the quota.
  submit_queues = merge([
    for suffix in values(local.settings.submit.lanes) : {
      for id, queue in local.settings.submit.models : "${id}${suffix}" => {
        # Rounded down to a thousandth, a decimal that Google returns unchanged.
        maxDispatchesPerSecond  = floor(local.quotas[queue.model] / 60 * 1000) / 1000
        maxConcurrentDispatches = local.settings.submit.maxConcurrentDispatches
        retry                   = local.settings.submit.retry
      }
    }
  ]...)

  queues = merge(local.submit_queues, local.settings.queues)
}

resource "google_cloud_tasks_queue" "this" {
  for_each = local.queues

  project  = var.project_id
  location = var.region
  name     = each.key
  # Pausing the submit queues stops every paid call.
  desired_state = contains(keys(local.submit_queues), each.key) ? var.submissions : "RUNNING"
  # The name of a deleted queue cannot be reused for days.
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  rate_limits {
    max_dispatches_per_second = each.value.maxDispatchesPerSecond
    max_concurrent_dispatches = each.value.maxConcurrentDispatches
  }

  # Cloud Tasks deletes a task that has used up its attempts. The sweep then re-enqueues the wake of its job.
  retry_config {
    max_attempts  = each.value.retry.maxAttempts
    min_backoff   = "${each.value.retry.minBackoffSeconds}s"
    max_backoff   = "${each.value.retry.maxBackoffSeconds}s"
    max_doublings = each.value.retry.maxDoublings
  }

  depends_on = [google_project_service.this]
}
