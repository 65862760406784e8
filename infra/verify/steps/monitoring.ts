/** Alerts and metrics: valid queries and filters, and whether the first value of a counter counts. */
import { z } from 'zod';
import { allPages, GoogleError } from '../google.ts';
import { asAssumed, type Context, compare, differs, eventually, type FreeStep, unknown } from '../step.ts';

const policiesSchema = z.object({
  alertPolicies: z
    .array(
      z.object({
        displayName: z.string(),
        conditions: z
          .array(z.object({ conditionPrometheusQueryLanguage: z.object({ query: z.string() }).optional() }))
          .optional(),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});

const vectorSchema = z.object({
  status: z.string(),
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** Evaluates PromQL now. @returns the values of all series @throws GoogleError for a query that is not valid */
async function promQl({ google, deployment }: Context, query: string): Promise<number[]> {
  const path = `/v1/projects/${deployment.project}/location/global/prometheus/api/v1/query`;
  const { data } = await google.get(
    'monitoring.googleapis.com',
    `${path}?query=${encodeURIComponent(query)}`,
    vectorSchema,
  );
  return data.result.map(({ value: [, text] }) => Number(text));
}

export const alertQueries: FreeStep = {
  id: 'alert-queries',
  title: 'Cloud Monitoring accepts the query of every alert',
  async check(context) {
    const { google, deployment } = context;
    const all = await allPages(
      google,
      'monitoring.googleapis.com',
      `/v3/projects/${deployment.project}/alertPolicies?pageSize=500`,
      policiesSchema,
      (page) => page.alertPolicies,
    );
    const ours = all.filter(({ displayName }) => displayName.startsWith('Clapper: '));
    if (ours.length === 0) return differs("The project has no alert whose name starts with 'Clapper: '.");
    const refused: string[] = [];
    for (const { displayName, conditions = [] } of ours)
      for (const { conditionPrometheusQueryLanguage: condition } of conditions)
        if (condition)
          await promQl(context, condition.query).catch((error: unknown) => {
            if (!(error instanceof GoogleError)) throw error;
            refused.push(`${displayName}: ${error.message}`);
          });
    return refused.length > 0 ? differs(refused.join('; ')) : asAssumed(`${ours.length} alerts`);
  },
};

const metricsSchema = z.object({
  metrics: z.array(z.object({ name: z.string(), filter: z.string() })).optional(),
  nextPageToken: z.string().optional(),
});

export const logFilters: FreeStep = {
  id: 'log-filters',
  title: 'Cloud Logging accepts the filter of every metric',
  async check(context) {
    const { google, deployment } = context;
    const all = await allPages(
      google,
      'logging.googleapis.com',
      `/v2/projects/${deployment.project}/metrics?pageSize=500`,
      metricsSchema,
      (page) => page.metrics,
    );
    const ours = all.filter(({ name }) => name.startsWith(metricPrefix(context)));
    if (ours.length === 0) return differs(`The project has no metric ${metricPrefix(context)}….`);
    const refused: string[] = [];
    const silent: string[] = [];
    for (const { name, filter } of ours)
      try {
        const entries = await logEntries(context, filter, 24 * 3_600_000);
        if (entries.length === 0) silent.push(name);
      } catch (error) {
        if (!(error instanceof GoogleError)) throw error;
        refused.push(`${name}: ${error.message}`);
      }
    const seen = `${ours.length} metrics; no line in the last day for ${silent.join(', ') || 'none'}`;
    return refused.length > 0 ? differs(refused.join('; ')) : asAssumed(seen);
  },
};

const metricPrefix = ({ deployment: { name } }: Context): string => `${name.replaceAll('-', '_')}_`;

const entriesSchema = z.object({
  entries: z
    .array(
      z.looseObject({
        protoPayload: z
          .looseObject({
            authenticationInfo: z.object({ principalEmail: z.string().optional() }).optional(),
          })
          .optional(),
        httpRequest: z.object({ status: z.number().optional() }).optional(),
      }),
    )
    .optional(),
});

/** The newest entries of the last `withinMs` that match, at most 10. */
export async function logEntries({ google, deployment, now }: Context, filter: string, withinMs: number) {
  const { entries = [] } = await google.post(
    'logging.googleapis.com',
    '/v2/entries:list',
    {
      resourceNames: [`projects/${deployment.project}`],
      filter: `(${filter}) AND timestamp>="${new Date(now() - withinMs).toISOString()}"`,
      orderBy: 'timestamp desc',
      pageSize: 10,
    },
    entriesSchema,
  );
  return entries;
}

/** The caller's jobs that succeeded before this run, among the newest 200. */
async function succeededBefore({ api, jobs }: Context): Promise<number> {
  const response = await api.send('/v1/jobs?status=succeeded&pageSize=200');
  const list = z.object({ jobs: z.array(z.object({ id: z.string() })) }).parse(await response.json());
  const ours = new Set([...jobs.values()].map(({ id }) => id));
  return list.jobs.filter(({ id }) => !ours.has(id)).length;
}

/** A log line counts after up to 10 minutes, by Google's page on log-based metrics. */
const METRIC_DELAY_MS = 12 * 60_000;

export const firstPoint: FreeStep = {
  id: 'first-point',
  title: 'The first value of a counter counts for an alert',
  after: 'first-video',
  async check(context) {
    const query = `sum(increase(logging_googleapis_com:user_${metricPrefix(context)}jobs_succeeded{monitored_resource="cloud_run_revision"}[1h]))`;
    const earlier = await succeededBefore(context);
    const succeeded = [...context.jobs.values()].filter(({ status }) => status === 'succeeded').length;
    let last: number | undefined;
    // Half a job less, because increase() extrapolates.
    const found = await eventually(context, METRIC_DELAY_MS, async () => {
      [last] = await promQl(context, query);
      return last !== undefined && last >= succeeded - 0.5 ? last : undefined;
    });
    const seen = `${succeeded} jobs succeeded in this run; the counter increased by ${last?.toFixed(2) ?? 'nothing'} in the last hour`;
    if (found !== undefined && earlier > 0)
      return compare(`${seen}. ${earlier} jobs had succeeded before, so this was not its first value.`);
    if (found !== undefined) return asAssumed(seen);
    return last === undefined ? unknown(`${seen}: the metric has no value after 12 minutes.`) : differs(seen);
  },
};
