/** Cloud Monitoring's view of a deployment: the series that the planned metrics make of log entries, and its alerts. */
import { z } from 'zod';
import { type LogEntry, parseExtractor, parseFilter } from './logging-filter.ts';
import { type Metric, type Point, parseQuery, type Series } from './promql.ts';
import { block, ofType, type PlannedResource, text } from './terraform.ts';

type Plan = readonly PlannedResource[];

/** Google: "it may take up to 10 minutes to update the log-based metrics". */
const LOG_DELAY_MAX_MS = 600_000;
/** A request shows in `request_count` up to 4 minutes later. */
const REQUEST_DELAY_MAX_MS = 240_000;
const MINUTE_MS = 60_000;

const RUN_LABELS = ['project_id', 'service_name', 'revision_name', 'configuration_name', 'location'] as const;

const REQUEST_COUNT = 'run_googleapis_com:request_count';

/** Google's own metrics that the queries use: https://docs.cloud.google.com/monitoring/api/metrics_gcp */
const GOOGLE_METRICS: Readonly<Record<string, Omit<Metric, 'series'>>> = {
  [REQUEST_COUNT]: {
    kind: 'counter',
    labels: ['monitored_resource', ...RUN_LABELS, 'response_code', 'response_code_class'],
  },
  'cloudtasks_googleapis_com:queue_depth': {
    kind: 'gauge',
    labels: ['monitored_resource', 'project_id', 'location', 'queue_id'],
  },
};

/** What happened in a deployment. */
export interface Events {
  readonly entries: readonly LogEntry[];
  /** Requests that a function has answered. */
  readonly requests: readonly { readonly atMs: number; readonly service: string; readonly status: string }[];
}

export interface Delays {
  readonly logMs: number;
  readonly requestMs: number;
}
export const NO_DELAY: Delays = { logMs: 0, requestMs: 0 };
export const LONGEST_DELAY: Delays = { logMs: LOG_DELAY_MAX_MS, requestMs: REQUEST_DELAY_MAX_MS };

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** One point a minute, stamped with the end of the minute, as Google writes them. */
function pointsOf(values: readonly { readonly atMs: number; readonly value: number }[]): Point[] {
  const byMinute = groupBy(values, ({ atMs }) => (Math.floor(atMs / MINUTE_MS) + 1) * MINUTE_MS);
  return [...byMinute]
    .map(([atMs, group]) => ({ atMs, values: group.map(({ value }) => value) }))
    .sort((a, b) => a.atMs - b.atMs);
}

function boundsOf(metric: PlannedResource): number[] {
  const {
    scale,
    growth_factor: growth,
    num_finite_buckets: count,
  } = z
    .object({ scale: z.number(), growth_factor: z.number(), num_finite_buckets: z.number() })
    .parse(block(block(metric.values, 'bucket_options'), 'exponential_buckets'));
  return Array.from({ length: count + 1 }, (_, n) => scale * growth ** n);
}

/** The metrics of a plan by their names in PromQL, with the series that the events make. */
export function metricsOf(plan: Plan, { entries, requests }: Events): ReadonlyMap<string, Metric> {
  const metrics = new Map<string, Metric>();
  for (const metric of ofType(plan, 'google_logging_metric')) {
    const isCounted = parseFilter(text(metric.values['filter']));
    const descriptor = block(metric.values, 'metric_descriptor');
    const isDistribution = descriptor['value_type'] === 'DISTRIBUTION';
    const measureOf = isDistribution ? parseExtractor(text(metric.values['value_extractor'])) : () => 1;
    const streams = groupBy(entries.filter(isCounted), ({ resource }) => resource.labels['revision_name']);
    const series = [...streams.values()].map(
      (stream): Series => ({
        kind: isDistribution ? 'distribution' : 'counter',
        labels: { monitored_resource: stream[0]?.resource.type ?? '', ...stream[0]?.resource.labels },
        points: pointsOf(stream.map((entry) => ({ atMs: entry.timestampMs, value: measureOf(entry) }))),
        ...(isDistribution ? { bounds: boundsOf(metric) } : {}),
      }),
    );
    metrics.set(`logging_googleapis_com:user_${text(metric.values['name'])}`, {
      kind: isDistribution ? 'distribution' : 'counter',
      labels: ['monitored_resource', ...RUN_LABELS],
      series,
    });
  }
  for (const [name, metric] of Object.entries(GOOGLE_METRICS))
    metrics.set(name, { ...metric, series: name === REQUEST_COUNT ? requestSeries(requests) : [] });
  return metrics;
}

const requestSeries = (requests: Events['requests']): readonly Series[] =>
  [...groupBy(requests, ({ service, status }) => `${service} ${status}`).values()].map((group) => ({
    kind: 'counter',
    labels: {
      monitored_resource: 'cloud_run_revision',
      service_name: group[0]?.service ?? '',
      response_code_class: group[0]?.status ?? '',
    },
    points: pointsOf(group.map(({ atMs }) => ({ atMs, value: 1 }))),
  }));

/** The same metrics as Monitoring sees them at a time: points that have arrived. */
const arrivedBy = (metrics: ReadonlyMap<string, Metric>, nowMs: number, delays: Delays) =>
  new Map(
    [...metrics].map(([name, metric]) => {
      const delayMs = name.startsWith('logging_') ? delays.logMs : delays.requestMs;
      const series = metric.series
        .map((each) => ({ ...each, points: each.points.filter(({ atMs }) => atMs + delayMs <= nowMs) }))
        .filter(({ points }) => points.length > 0);
      return [name, { ...metric, series }] as const;
    }),
  );

export interface Alert {
  readonly key: string;
  readonly query: string;
  readonly durationMs: number;
  readonly document: string;
}

const seconds = (value: unknown): number => Number(/^(\d+)s$/.exec(text(value))?.[1]) * 1000;

export const alertsOf = (plan: Plan): readonly Alert[] =>
  ofType(plan, 'google_monitoring_alert_policy').map(({ key, values }) => {
    const condition = block(block(values, 'conditions'), 'condition_prometheus_query_language');
    if (seconds(condition['evaluation_interval']) !== MINUTE_MS)
      throw new Error(`alert ${key}: evaluated every ${condition['evaluation_interval']}, not every 60s`);
    return {
      key,
      query: text(condition['query']),
      durationMs: seconds(condition['duration']),
      document: text(block(values, 'documentation')['content']),
    };
  });

/** The first minute at which the alert fires, after its condition has held for its duration. */
export function firesAt(
  { query, durationMs }: Pick<Alert, 'query' | 'durationMs'>,
  metrics: ReadonlyMap<string, Metric>,
  fromMs: number,
  toMs: number,
  delays: Delays,
): number | undefined {
  let heldSince: number | undefined;
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += MINUTE_MS) {
    const holds = parseQuery(query, arrivedBy(metrics, nowMs, delays))(nowMs).length > 0;
    if (!holds) heldSince = undefined;
    else {
      heldSince ??= nowMs;
      if (nowMs - heldSince >= durationMs) return nowMs;
    }
  }
  return undefined;
}
