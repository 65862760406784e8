/**
 * The metrics, alerts and charts of the plan, with log lines that the functions write: each alert fires in its trouble
 * and not on a healthy day.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { accept, finishesAfter } from '../support/jobs.ts';
import { runFor } from '../support/run.ts';
import { entryOf, loggingWorld } from './log-entries.ts';
import { type LogEntry, parseFilter } from './logging-filter.ts';
import { alertsOf, type Events, firesAt, LONGEST_DELAY, metricsOf, NO_DELAY } from './monitoring.ts';
import { parseQuery } from './promql.ts';
import {
  block,
  copyOfModule,
  EXAMPLES,
  type Example,
  MODULE,
  ofType,
  type PlannedResource,
  PROJECT,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  text,
  whyNoPlan,
} from './terraform.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Metrics of fields that no function logs yet. */
const AHEAD_OF_THE_CODE = ['webhook_failures'];

type Handler = (request: unknown, response: unknown) => unknown;
const handlers = vi.hoisted(() => new Map<string, Handler>());
vi.mock('@google-cloud/functions-framework', () => ({
  http: (name: string, handler: Handler) => handlers.set(name, handler),
  cloudEvent: () => {},
}));

interface Scenario extends Events {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A request of the sweep every minute, as its schedule makes them. */
const sweeps = (fromMs: number, toMs: number, status = '2xx'): Events['requests'] =>
  Array.from({ length: Math.floor((toMs - fromMs) / MINUTE_MS) }, (_, n) => ({
    atMs: fromMs + n * MINUTE_MS,
    service: 'clapper-sweep',
    status,
  }));

type Run = ReturnType<typeof loggingWorld>;

/** Runs jobs for `ms`, and leaves Monitoring half an hour to see the last line. The sweep runs all the time. */
async function scenario(
  ms: number,
  act: (run: Run['world']) => Promise<void> | void,
  jobs = 1,
): Promise<Scenario> {
  const { world, entries } = loggingWorld('clapper-poll');
  const fromMs = world.clock.now();
  await act(world);
  // A video of 8 s costs 3.20 US dollars.
  for (let n = 0; n < jobs; n++) await accept(world, { model: 'veo-3.1-generate-001', durationSeconds: 8 });
  await runFor(world, ms);
  const toMs = fromMs + ms + 30 * MINUTE_MS;
  return { entries: entries(), requests: sweeps(fromMs - HOUR_MS, toMs), fromMs, toMs };
}

/** Each listing of the results takes this long, so that landing does. */
function landsAfter({ output, clock }: Run['world'], ms: number): void {
  const listing = output.list.bind(output);
  output.list = async (prefix) => {
    clock.advance(ms);
    return listing(prefix);
  };
}

/** Jobs that take two minutes and land at once. Five cost less than the alert's 50 US dollars in an hour. */
const healthy = (jobs = 5): Promise<Scenario> =>
  scenario(
    2 * HOUR_MS,
    (world) => {
      finishesAfter(world, 2 * MINUTE_MS);
      landsAfter(world, 250);
    },
    jobs,
  );

const unanswered = (): Promise<Scenario> =>
  scenario(HOUR_MS, (world) => {
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 503, message: 'unavailable' },
    });
  });

const withoutSweep = async (status?: string): Promise<Scenario> => {
  const day = await healthy();
  const stopsAt = day.fromMs + HOUR_MS;
  return {
    ...day,
    requests: [
      ...sweeps(day.fromMs - HOUR_MS, stopsAt),
      ...(status ? sweeps(stopsAt, day.toMs, status) : []),
    ],
  };
};

const TROUBLE: Readonly<Record<string, () => Promise<Scenario>>> = {
  uncertain_attempts: unanswered,
  oldest_unfinished_job: () => scenario(8 * HOUR_MS, (world) => finishesAfter(world, 7 * HOUR_MS)),
  done_to_landed_p95: () =>
    scenario(2 * HOUR_MS, (world) => {
      finishesAfter(world, 2 * MINUTE_MS);
      landsAfter(world, 4 * MINUTE_MS);
    }),
  spend: () => healthy(20),
  sweep_not_running: () => withoutSweep(),
};

const plans = new Map<Example, readonly PlannedResource[]>();
const planned = (example: Example = 'smallest') => plans.get(example) ?? [];
const metricsIn = (example: Example) => ofType(planned(example), 'google_logging_metric');
const alertNamed = (key: string) => {
  const alert = alertsOf(planned()).find((each) => each.key === key);
  if (!alert) throw new Error(`the plan has no alert ${key}`);
  return alert;
};

const chartSchema = z.object({
  mosaicLayout: z.object({
    tiles: z.array(
      z.object({
        widget: z.object({
          title: z.string(),
          xyChart: z.object({
            dataSets: z.array(z.object({ timeSeriesQuery: z.object({ prometheusQuery: z.string() }) })),
          }),
        }),
      }),
    ),
  }),
});
const chartsOf = (plan: readonly PlannedResource[]): { title: string; query: string }[] =>
  ofType(plan, 'google_monitoring_dashboard').flatMap(({ values }) =>
    chartSchema
      .parse(JSON.parse(text(values['dashboard_json'])))
      .mosaicLayout.tiles.flatMap(({ widget: { title, xyChart } }) =>
        xyChart.dataSets.map(({ timeSeriesQuery }) => ({ title, query: timeSeriesQuery.prometheusQuery })),
      ),
  );

const firing = (
  { fromMs, toMs, ...events }: Scenario,
  delays = NO_DELAY,
  only: (key: string) => boolean = () => true,
): string[] => {
  const metrics = metricsOf(planned(), events);
  return alertsOf(planned())
    .filter((alert) => only(alert.key) && firesAt(alert, metrics, fromMs, toMs, delays) !== undefined)
    .map(({ key }) => key);
};

describe.skipIf(whyNoPlan)(`the monitoring${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  beforeAll(async () => {
    const copy = copyOfModule();
    for (const example of EXAMPLES) plans.set(example, await planOf(copy, example));
  }, TERRAFORM_TIMEOUT_MS);
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  describe('its metrics', () => {
    it('count lines that the functions log', async () => {
      const runs = await Promise.all([healthy(), unanswered()]);
      const entries = runs.flatMap((run) => run.entries);
      const uncounted = metricsIn('smallest')
        .filter(({ values }) => !entries.some(parseFilter(text(values['filter']))))
        .map(({ key }) => key);
      expect(uncounted).toEqual(AHEAD_OF_THE_CODE);
      expect(metricsIn('smallest').length).toBeGreaterThan(5);
    });

    it('count a failed job once, whatever its attempt does afterwards', async () => {
      // The operation ends long after the deadline: the job has failed, and its attempt is followed until it lands.
      const { entries } = await scenario(4 * 24 * HOUR_MS, (world) => finishesAfter(world, 2 * 24 * HOUR_MS));
      const counted = metricsIn('smallest')
        .filter(({ key }) => key === 'jobs_failed')
        .map(({ values }) => entries.filter(parseFilter(text(values['filter']))).length);
      expect(counted).toEqual([1]);
    });

    it('ignore Google’s request log, and services that are not Clapper’s', async () => {
      const runs = await Promise.all([healthy(), unanswered()]);
      const entries = runs.flatMap((run) => run.entries);
      const elsewhere: readonly ((entry: LogEntry) => LogEntry)[] = [
        (entry) => ({ ...entry, logName: entry.logName.replace('stdout', 'requests') }),
        (entry) => ({ ...entry, resource: { ...entry.resource, type: 'cloud_run_job' } }),
        (entry) => ({
          ...entry,
          resource: { ...entry.resource, labels: { ...entry.resource.labels, service_name: 'other-poll' } },
        }),
      ];
      const wrong = metricsIn('smallest').filter(({ values }) =>
        elsewhere.some((moved) => entries.map(moved).some(parseFilter(text(values['filter'])))),
      );
      expect(wrong.map(({ key }) => key)).toEqual([]);
    });

    it('are those that the alerts and the dashboard query, with their value types', () => {
      const queries = [...alertsOf(planned('full')), ...chartsOf(planned('full'))].map(({ query }) => query);
      const queried = queries.flatMap((query) =>
        [...query.matchAll(/logging_googleapis_com:user_(\w+?)(_bucket|_sum|_count)?\{/g)].map(
          ([, name, part]) => `${name} ${part ? 'DISTRIBUTION' : 'INT64'}`,
        ),
      );
      const made = metricsIn('full').map(
        ({ values }) => `${values['name']} ${block(values, 'metric_descriptor')['value_type']}`,
      );
      expect([...new Set(queried)].sort()).toEqual(made.sort());
    });
  });

  describe('its alerts', () => {
    it('are those that the tests and the runbook know', () => {
      expect(
        alertsOf(planned())
          .map(({ key }) => key)
          .sort(),
      ).toEqual([...Object.keys(TROUBLE), ...AHEAD_OF_THE_CODE].sort());
    });

    it.each(EXAMPLES)(
      'and charts of example %s are valid queries of existing metrics and labels',
      (example) => {
        const metrics = metricsOf(planned(example), { entries: [], requests: [] });
        for (const { query } of [...alertsOf(planned(example)), ...chartsOf(planned(example))])
          expect(() => parseQuery(query, metrics)).not.toThrow();
      },
    );

    it.each(Object.keys(TROUBLE))(
      '%s fires in its trouble, however late Google’s metrics are',
      async (key) => {
        const trouble = await (TROUBLE[key] ?? healthy)();
        for (const delays of [NO_DELAY, LONGEST_DELAY])
          expect(
            firing(trouble, delays, (each) => each === key),
            JSON.stringify(delays),
          ).toEqual([key]);
      },
    );

    it.each([
      ['at once', NO_DELAY],
      ['late', LONGEST_DELAY],
    ])('are silent on a healthy day whose metrics arrive %s', async (_, delays) => {
      expect(firing(await healthy(), delays)).toEqual([]);
    });

    it('fire on one line: a single unknown outcome of a new series is enough', async () => {
      const trouble = await unanswered();
      const [metric] = metricsIn('smallest').filter(({ key }) => key === 'uncertain_attempts');
      const first = trouble.entries.find(parseFilter(text(metric?.values['filter'])));
      expect(first).toBeDefined();
      const alone = { ...trouble, entries: first ? [first] : [] };
      expect(firing(alone, LONGEST_DELAY)).toEqual(['uncertain_attempts']);
    });

    it('stop when the spending of the last hour is below the threshold again', async () => {
      const { fromMs, toMs, ...events } = await healthy(20);
      const metrics = metricsOf(planned(), events);
      const lastPaidMs = Math.max(
        ...events.entries
          .filter(({ jsonPayload }) => jsonPayload['spentUsd'])
          .map((each) => each.timestampMs),
      );
      expect(firesAt(alertNamed('spend'), metrics, fromMs, toMs, NO_DELAY)).toBeDefined();
      expect(
        firesAt(alertNamed('spend'), metrics, lastPaidMs + 62 * MINUTE_MS, toMs + HOUR_MS, NO_DELAY),
      ).toBeUndefined();
    });

    it('notice a sweep that only fails', async () => {
      expect(firing(await withoutSweep('5xx'))).toEqual(['sweep_not_running']);
    });

    it('have no failed webhook deliveries before notify is implemented: a refused call is none', async () => {
      const refused = await linesOfNotify();
      expect(refused.map(({ severity }) => severity)).toEqual(['WARNING']);
      const many = Array.from({ length: 50 }, () => refused).flat();
      const atMs = refused[0]?.timestampMs ?? 0;
      const quiet = { entries: many, requests: [], fromMs: atMs, toMs: atMs + HOUR_MS };
      expect(firing(quiet, NO_DELAY, (key) => key === 'webhook_failures')).toEqual([]);
    });

    it('notice more failed webhook deliveries than the threshold, once they are logged with their URL', () => {
      const lines: string[] = [];
      const atMs = Date.UTC(2026, 10, 30);
      const log = createJsonLog(
        PROJECT,
        (line) => lines.push(line),
        () => atMs,
      );
      for (let n = 0; n < 21; n++)
        log('WARNING', 'not delivered', { webhook: 'https://app.example.com/hook' });
      const firingOn = (count: number) =>
        firing(
          {
            entries: lines.slice(0, count).map((line) => entryOf(line, 'clapper-notify')),
            requests: [],
            fromMs: atMs,
            toMs: atMs + HOUR_MS,
          },
          LONGEST_DELAY,
          (key) => key === 'webhook_failures',
        );
      expect(firingOn(20)).toEqual([]);
      expect(firingOn(21)).toEqual(['webhook_failures']);
    });
  });

  it('has a dashboard whose charts show the healthy day and the unknown outcome', async () => {
    const [day, trouble] = await Promise.all([healthy(), unanswered()]);
    const metrics = metricsOf(planned(), {
      entries: [...day.entries, ...trouble.entries],
      requests: day.requests,
    });
    const empty = chartsOf(planned())
      .filter(({ query }) => {
        const at = parseQuery(query, metrics);
        return !Array.from({ length: 120 }, (_, n) => at(day.fromMs + n * MINUTE_MS)).some(
          ({ length }) => length > 0,
        );
      })
      .map(({ title }) => title);
    expect(empty).toEqual(['Failed webhook deliveries, per hour', 'Tasks waiting, by queue']);
  });

  describe('its runbook', () => {
    const runbook = readFileSync(path.join(MODULE, '../docs/operate.md'), 'utf8');
    /** The text below a heading, by the anchor that GitHub gives it. */
    const sections = new Map(
      runbook
        .split(/^#{2,4} /m)
        .slice(1)
        .map((section) => {
          const [heading = '', ...rest] = section.split('\n');
          const anchor = heading
            .toLowerCase()
            .replace(/[^\w\s-]/g, '')
            .trim()
            .replaceAll(' ', '-');
          return [anchor, rest.join('\n')];
        }),
    );

    it('has a section for each alert, which the alert names: what it means, what to look at, what to do', () => {
      for (const { key, document } of alertsOf(planned())) {
        const [, anchor = ''] = /\n\nRunbook: docs\/operate\.md#([\w-]+)$/.exec(document) ?? [];
        const section = sections.get(anchor);
        expect(section, `${key}: no section ${anchor}`).toBeDefined();
        expect(section?.match(/^\*\*(Means|Look at|Do)\.\*\*/gm), key).toEqual([
          '**Means.**',
          '**Look at.**',
          '**Do.**',
        ]);
        expect(sections.get('alerts'), `${key}: not in the table`).toContain(`(#${anchor})`);
      }
    });
  });
});

/** The lines that today's notify writes when a call without a token reaches it. */
async function linesOfNotify(): Promise<LogEntry[]> {
  const [notify] = ofType(planned(), 'google_cloudfunctions2_function').filter(({ key }) => key === 'notify');
  const environment = block(notify?.values ?? {}, 'service_config')['environment_variables'];
  for (const [name, value] of Object.entries(z.record(z.string(), z.string()).parse(environment)))
    vi.stubEnv(name, value);
  // The clients must not search for the metadata server or for credentials.
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  vi.resetModules();
  await import('../../functions/index.ts');
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const response = {
    set: () => response,
    status: () => response,
    type: () => response,
    send: () => response,
  };
  try {
    await handlers.get('notify')?.({ get: () => undefined, body: {} }, response);
  } finally {
    write.mockRestore();
  }
  return lines.filter((line) => line.startsWith('{')).map((line) => entryOf(line, 'clapper-notify'));
}
