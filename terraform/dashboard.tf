locals {
  charts = [
    { title = "Jobs that ended, per hour", queries = {
      succeeded = "sum(${local.added}(${local.series.jobs_succeeded}{${local.run}}[1h]))"
      failed    = "sum(${local.added}(${local.series.jobs_failed}{${local.run}}[1h]))"
    } },
    { title = "US dollars spent, per hour", queries = {
      spent = "sum(${local.added}(${local.series.spent_usd}_sum{${local.run}}[1h]))"
    } },
    { title = "End of operation to landed, seconds", queries = {
      p50 = "histogram_quantile(0.5, sum by (le) (${local.added}(${local.series.done_to_landed_ms}_bucket{${local.run}}[1h]))) / 1000"
      p95 = "histogram_quantile(0.95, sum by (le) (${local.added}(${local.series.done_to_landed_ms}_bucket{${local.run}}[1h]))) / 1000"
    } },
    { title = "Oldest unfinished job, hours", queries = {
      oldest = "${local.oldest_open_ms} / 3600000"
    } },
    { title = "Paid calls with an unknown outcome, per hour", queries = {
      uncertain = "sum(${local.added}(${local.series.uncertain_attempts}{${local.run}}[1h]))"
    } },
    { title = "Failed webhook deliveries, per hour", queries = {
      failures = "sum(${local.added}(${local.series.webhook_failures}{${local.run}}[1h]))"
    } },
    { title = "Tasks waiting, by queue", queries = {
      waiting = "sum by (queue_id) (cloudtasks_googleapis_com:queue_depth)"
    } },
    { title = "Requests per minute, by function and answer", queries = {
      requests = "sum by (service_name, response_code_class) (rate(run_googleapis_com:request_count{${local.run},service_name=~\"${var.name}-.*\"}[5m])) * 60"
    } },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "Clapper"
    mosaicLayout = {
      columns = 12
      # Google returns neither a 0 nor an empty string: if set here, each would be a change in every plan.
      tiles = [for n, chart in local.charts : merge(
        { for axis, at in { xPos = (n % 2) * 6, yPos = floor(n / 2) * 4 } : axis => at if at > 0 },
        {
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [for name, query in chart.queries : merge(
                length(chart.queries) > 1 ? { legendTemplate = name } : {},
                {
                  plotType        = "LINE"
                  timeSeriesQuery = { prometheusQuery = query }
                },
              )]
            }
          }
        },
      )]
    }
  })

  depends_on = [google_project_service.this]
}
