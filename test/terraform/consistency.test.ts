/**
 * Code and cloud together: what the code uses is provisioned, and nothing is provisioned that the code does not use.
 *
 * Both sides are read as they are: the code by importing it, the cloud from Terraform's own plan. What is meant to
 * differ is listed here with its reason; an entry that no longer differs fails too, so that the lists stay true.
 */
import path from 'node:path';
import { Cron } from 'croner';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { DISPATCH_DEADLINE_SECONDS } from '../../functions/adapters/cloud-task-queue.ts';
import { CONFIG_VARIABLES, parseConfig } from '../../functions/config.ts';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import * as queues from '../../functions/core/job/queues.ts';
import { batchCallSchema } from '../../functions/handlers/batch/batch-message.ts';
import { IMAGE_CALL_TIMEOUT_MS } from '../../functions/handlers/compat/images.ts';
import { stackQueues } from '../../infra/stack/queues.ts';
import { cloudSettings } from '../../infra/stack/settings.ts';
import { accept, finishesAfter } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import {
  block,
  copyOfModule,
  DELIVERY_VARIABLES,
  dependenciesIn,
  EXAMPLES,
  type Example,
  ofType,
  type PlannedResource,
  PROJECT,
  planIn,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  text,
  whyNoPlan,
} from './terraform.ts';

/** Variables that a deployment is not given. */
const NOT_IN_THE_CLOUD: Readonly<Record<string, string>> = {
  CLAPPER_ALLOW_RETIRED_MODELS: 'retired models live on in simulation only',
  CLAPPER_MODEL_SPEED_UP: 'of simulated models',
  CLAPPER_REQUESTS_PER_MINUTE:
    'one rate for all models is for tests; catalogue_overrides sets quotas by model',
  CLAPPER_SIGNER_KEY_FILE: 'links are signed through IAM',
  CLAPPER_STORAGE_ENDPOINT: 'of the local cloud',
  CLAPPER_TASKS_ENDPOINT: 'of the local cloud',
  CLAPPER_TOKEN_ISSUERS: 'Google, by default',
  CLAPPER_TOKEN_JWKS_URL: 'Google’s, by default',
  GOOGLE_GEMINI_BASE_URL: 'Google’s, by default',
  GOOGLE_VERTEX_BASE_URL: 'Google’s, by default',
};

/** Provisioned for functions that are registered and do nothing yet. */
const AHEAD_OF_THE_CODE: { readonly variables: readonly string[]; readonly queues: readonly string[] } = {
  variables: [],
  queues: ['notify'],
};

/** APIs that no resource stands for. */
const CALLED_APIS: Readonly<Record<string, string>> = {
  aiplatform: 'the functions call the models',
  cloudbuild: 'builds the functions',
  cloudresourcemanager: 'reads the number of the project, gives rights',
  eventarc: 'brings the buckets’ events',
  iamcredentials: 'signs links',
};

const API_OF_TYPE: readonly (readonly [prefix: string, api: string])[] = [
  ['google_artifact_registry_', 'artifactregistry'],
  ['google_billing_', 'billingbudgets'],
  ['google_cloud_run_', 'run'],
  ['google_cloud_scheduler_', 'cloudscheduler'],
  ['google_cloud_tasks_', 'cloudtasks'],
  ['google_cloudbuild_', 'cloudbuild'],
  ['google_cloudfunctions2_', 'cloudfunctions'],
  ['google_firestore_', 'firestore'],
  ['google_logging_', 'logging'],
  ['google_monitoring_', 'monitoring'],
  ['google_project_iam_', 'iam'],
  ['google_project_service', 'cloudresourcemanager'],
  ['google_pubsub_', 'pubsub'],
  ['google_secret_manager_', 'secretmanager'],
  ['google_service_account', 'iam'],
  ['google_storage_', 'storage'],
];

const missing = (from: readonly string[], these: readonly string[]): string[] =>
  these.filter((each) => !from.includes(each)).sort();

const registered = vi.hoisted(() => new Map<string, 'http' | 'cloudEvent'>());
vi.mock('@google-cloud/functions-framework', () => ({
  http: (name: string) => registered.set(name, 'http'),
  cloudEvent: (name: string) => registered.set(name, 'cloudEvent'),
}));

const containersSchema = z.array(
  z.object({ env: z.array(z.object({ name: z.string(), value: z.string() })) }),
);
const secretSchema = z.array(z.object({ key: z.string() }));

function environmentOf({ values }: PlannedResource): Record<string, string> {
  const service = block(values, 'service_config');
  const plain = z.record(z.string(), z.string()).parse(service['environment_variables']);
  const secrets = secretSchema.parse(service['secret_environment_variables'] ?? []);
  return { ...plain, ...Object.fromEntries(secrets.map(({ key }) => [key, 'a secret'])) };
}

describe('settings that both clouds read', () => {
  it('have every model of the catalogue with its quota, and no other', () => {
    const expected = CATALOGUE.models.map(({ provider, model, requestsPerMinute }) => [
      queues.submitQueueName({ provider, model, lane: 'interactive' }),
      { model: `${provider}/${model}`, requestsPerMinute },
    ]);
    expect(cloudSettings.submit.models).toEqual(Object.fromEntries(expected));
  });

  it('have one sweep: as a schedule and as an interval', () => {
    const runs = new Cron(cloudSettings.sweep.schedule, { timezone: 'Etc/UTC' }).nextRuns(2);
    const [first, second] = runs.map((run) => run.getTime());
    expect(((second ?? 0) - (first ?? 0)) / 1000).toBe(cloudSettings.sweep.everySeconds);
  });

  it('keep finished jobs as long as the code does when nothing is said', () => {
    const required = Object.fromEntries(
      ['GOOGLE_CLOUD_PROJECT', 'CLAPPER_INPUT_BUCKET', 'CLAPPER_OUTPUT_BUCKET'].map((name) => [name, 'x']),
    );
    const config = parseConfig({
      ...required,
      CLAPPER_SUBMIT_URL: 'https://s.test',
      CLAPPER_POLL_URL: 'https://p.test',
      CLAPPER_BATCH_URL: 'https://b.test',
      CLAPPER_TASKS_SERVICE_ACCOUNT: 't',
    });
    expect(config.CLAPPER_JOB_TTL_DAYS).toBe(cloudSettings.jobTtlDays);
  });
});

describe.skipIf(whyNoPlan)(`what is provisioned${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  const plans = new Map<Example, readonly PlannedResource[]>();
  let delivery: readonly PlannedResource[] = [];
  let dependencies: ReadonlyMap<string, readonly string[]> = new Map();
  const planned = (example: Example, type: string) => ofType(plans.get(example) ?? [], type);
  const functions = (example: Example) => planned(example, 'google_cloudfunctions2_function');
  const provisionedVariables = (): string[] => [
    ...new Set(
      EXAMPLES.flatMap((example) => functions(example).flatMap((each) => Object.keys(environmentOf(each)))),
    ),
  ];

  beforeAll(async () => {
    const copy = copyOfModule();
    for (const example of EXAMPLES) plans.set(example, await planOf(copy, example));
    dependencies = dependenciesIn(copy, 'smallest');
    delivery = await planIn(path.join(copy, 'delivery'), ...DELIVERY_VARIABLES);
    for (const [name, value] of Object.entries(environmentOf(functions('full')[0] ?? never('no function'))))
      vi.stubEnv(name, value);
    // Clients of the import below must look for no metadata server and no credentials.
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    await import('../../functions/index.ts');
  }, TERRAFORM_TIMEOUT_MS);
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  describe('as functions', () => {
    it('are those that the code registers, by the same names', () => {
      const targets = functions('smallest').map(({ values }) =>
        text(block(values, 'build_config')['entry_point']),
      );
      expect(targets.sort()).toEqual([...registered.keys()].sort());
    });

    it('have a trigger where they take events, and none where they take requests', () => {
      const triggered = functions('smallest')
        .filter(({ values }) => text(block(values, 'event_trigger')['event_type']) !== '')
        .map(({ key }) => key);
      const takeEvents = [...registered].filter(([, kind]) => kind === 'cloudEvent').map(([name]) => name);
      expect(triggered.sort()).toEqual(takeEvents.sort());
    });

    it('have at least the time that their tasks give them', () => {
      const late = Object.entries(DISPATCH_DEADLINE_SECONDS).filter(([name, seconds]) => {
        const target = functions('smallest').find(({ key }) => key === name) ?? never(`no function ${name}`);
        return Number(block(target.values, 'service_config')['timeout_seconds']) < seconds;
      });
      expect(late).toEqual([]);
    });

    it('come after the indexes of their queries, and those after the grants that take a while to be in force', () => {
      const functionsWaitFor = dependencies.get('google_cloudfunctions2_function.this') ?? [];
      const indexesWaitFor = dependencies.get('google_firestore_index.this') ?? [];
      expect(functionsWaitFor).toContain('google_firestore_index.this');
      const ofBuilds = [...dependencies.keys()].filter((address) => /_iam_member\.build/.test(address));
      expect(ofBuilds.length).toBeGreaterThan(3);
      expect(
        missing(indexesWaitFor, [
          ...ofBuilds,
          'google_project_iam_member.event_receiver',
          'google_project_iam_member.storage_events',
        ]),
      ).toEqual([]);
      expect(missing(functionsWaitFor, indexesWaitFor)).toEqual([]);
    });

    it('have more time than the calls that the API passes on', () => {
      const api = functions('smallest').find(({ key }) => key === 'api') ?? never('no api');
      const seconds = Number(block(api.values, 'service_config')['timeout_seconds']);
      expect(seconds * 1000).toBeGreaterThan(IMAGE_CALL_TIMEOUT_MS);
    });

    it('can serve all that their queues send at once', () => {
      const overrun = Object.entries(cloudSettings.queues).filter(([name, { maxConcurrentDispatches }]) => {
        const target = functions('smallest').find(({ key }) => key === name) ?? never(`no function ${name}`);
        const service = block(target.values, 'service_config');
        const served =
          Number(service['max_instance_count']) * Number(service['max_instance_request_concurrency']);
        return served < maxConcurrentDispatches;
      });
      expect(overrun).toEqual([]);
    });
  });

  describe('as environment', () => {
    it('has every variable that the code reads, but those that only a laptop needs', () => {
      const expected = missing(Object.keys(NOT_IN_THE_CLOUD), CONFIG_VARIABLES);
      expect(
        missing(provisionedVariables(), expected),
        'read by functions/config.ts, not in terraform',
      ).toEqual([]);
    });

    it('has no variable that the code does not read', () => {
      const read = [...CONFIG_VARIABLES, ...AHEAD_OF_THE_CODE.variables, 'NODE_OPTIONS'];
      const unread = missing(read, provisionedVariables());
      expect(unread, 'in terraform/functions.tf, not read by functions/config.ts').toEqual([]);
    });

    it('differs only as listed', () => {
      expect(
        missing(CONFIG_VARIABLES, Object.keys(NOT_IN_THE_CLOUD)),
        'no longer read: take them off',
      ).toEqual([]);
      expect(
        Object.keys(NOT_IN_THE_CLOUD).filter((name) => provisionedVariables().includes(name)),
        'provisioned after all: take them off NOT_IN_THE_CLOUD',
      ).toEqual([]);
      expect(
        AHEAD_OF_THE_CODE.variables.filter((name) => CONFIG_VARIABLES.includes(name)),
        'read by now: take them off AHEAD_OF_THE_CODE',
      ).toEqual([]);
    });

    it.each(EXAMPLES)('of example %s is one that every function starts with', (example) => {
      for (const each of functions(example)) {
        const config = parseConfig(environmentOf(each));
        expect(config, each.key).toMatchObject({
          GOOGLE_CLOUD_PROJECT: PROJECT,
          CLAPPER_CALLERS: 'id-token',
          CLAPPER_TOKEN_SIGNATURE: 'platform',
          CLAPPER_MODEL_SPEED_UP: 1,
        });
      }
    });

    it('of the service that anybody can reach is the API’s, but for who is let in', () => {
      const [service] = planned('keys', 'google_cloud_run_v2_service');
      const [container] = containersSchema.parse(
        block((service ?? never('no service')).values, 'template')['containers'],
      );
      const { FUNCTION_TARGET: target, ...environment } = Object.fromEntries(
        (container ?? never('no container')).env.map(({ name, value }) => [name, value]),
      );
      expect(registered.get(target ?? ''), 'what it runs').toBe('http');
      const api = functions('keys').find(({ key }) => key === 'api') ?? never('no api');
      expect(environment).toEqual({ ...environmentOf(api), CLAPPER_CALLERS: 'key' });
      expect(parseConfig(environment).CLAPPER_CALLERS).toBe('key');
    });

    it('names buckets, database, account and addresses that are provisioned', () => {
      const [api] = functions('full');
      const config = parseConfig(environmentOf(api ?? never('no function')));
      const buckets = planned('full', 'google_storage_bucket').map(({ values }) => values['name']);
      expect(buckets).toEqual(
        expect.arrayContaining([config.CLAPPER_INPUT_BUCKET, config.CLAPPER_OUTPUT_BUCKET]),
      );
      expect(planned('full', 'google_firestore_database').map(({ values }) => values['name'])).toEqual([
        config.CLAPPER_FIRESTORE_DATABASE,
      ]);
      expect(planned('full', 'google_service_account').map(({ values }) => values['email'])).toContain(
        config.CLAPPER_TASKS_SERVICE_ACCOUNT,
      );
      const names = functions('full').map(({ values }) => text(values['name']));
      const addressed = [
        config.CLAPPER_SUBMIT_URL,
        config.CLAPPER_POLL_URL,
        config.CLAPPER_BATCH_URL,
        ...config.CLAPPER_TASKS_AUDIENCES,
      ].map((url) => names.find((name) => new URL(url).host.startsWith(`${name}-`)));
      expect(addressed).toEqual(
        ['submit', 'poll', 'batch', 'batch', 'notify', 'sweep'].map((name) => `studio-${name}`),
      );
    });
  });

  describe('as queues', () => {
    const names = () => planned('smallest', 'google_cloud_tasks_queue').map(({ key }) => key);
    const used = (): string[] => [
      ...queues.submitQueueNames(CATALOGUE),
      ...Object.entries(queues).flatMap(([name, value]) =>
        name.endsWith('_QUEUE') && typeof value === 'string' ? [value] : [],
      ),
    ];

    it('are those that the code puts tasks in', () => {
      expect(
        missing(names(), used()),
        'used in functions/core/job/queues.ts, not in terraform/settings.json',
      ).toEqual([]);
      expect(
        missing([...used(), ...AHEAD_OF_THE_CODE.queues], names()),
        'in terraform/settings.json, not used in functions/core/job/queues.ts',
      ).toEqual([]);
      expect(
        AHEAD_OF_THE_CODE.queues.filter((name) => used().includes(name)),
        'used by now: take them off AHEAD_OF_THE_CODE',
      ).toEqual([]);
    });

    it('have the rates and retries of the local cloud', () => {
      const seconds = (value: unknown): number => Number(text(value).replace(/s$/, '')) * 1000;
      const provisioned = planned('smallest', 'google_cloud_tasks_queue').map(({ key, values }) => {
        const rate = block(values, 'rate_limits');
        const retry = block(values, 'retry_config');
        return {
          id: key,
          maxDispatchesPerSecond: rate['max_dispatches_per_second'],
          maxConcurrentDispatches: rate['max_concurrent_dispatches'],
          maxAttempts: retry['max_attempts'],
          minBackoffMs: seconds(retry['min_backoff']),
          maxBackoffMs: seconds(retry['max_backoff']),
          maxDoublings: retry['max_doublings'],
        };
      });
      const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
      expect(provisioned.sort(byId)).toEqual([...stackQueues(1)].sort(byId));
    });
  });

  describe('as events and schedules', () => {
    it('wakes upload by the input bucket and landed by the output bucket', () => {
      const byFunction = functions('smallest').flatMap(({ key, values }) => {
        const trigger = block(values, 'event_trigger');
        return trigger['event_type'] ? [[key, block(trigger, 'event_filters')['value']]] : [];
      });
      const environment = environmentOf(functions('smallest')[0] ?? never('no function'));
      expect(Object.fromEntries(byFunction)).toEqual({
        landed: environment['CLAPPER_OUTPUT_BUCKET'],
        upload: environment['CLAPPER_INPUT_BUCKET'],
      });
    });

    it('calls only functions that take requests, as the account that they admit', () => {
      const calls = [
        ...planned('full', 'google_cloud_scheduler_job').map(({ values }) => block(values, 'http_target')),
        ...planned('full', 'google_pubsub_subscription').map(({ values }) => block(values, 'push_config')),
      ];
      expect(calls).toHaveLength(3);
      const environment = environmentOf(functions('full')[0] ?? never('no function'));
      for (const call of calls) {
        const url = text(call['uri']) || text(call['push_endpoint']);
        const [, name] = /^https:\/\/studio-([a-z]+)-\d+\./.exec(url) ?? [];
        expect(registered.get(name ?? ''), url).toBe('http');
        expect(environment['CLAPPER_TASKS_AUDIENCES']?.split(','), 'the audience is admitted').toContain(url);
        expect(block(call, 'oidc_token')).toMatchObject({
          service_account_email: environment['CLAPPER_TASKS_SERVICE_ACCOUNT'],
          audience: url,
        });
      }
    });

    it('publishes ends to the provisioned topic, from every function that ends jobs or batches', () => {
      const environment = environmentOf(functions('full')[0] ?? never('no function'));
      const topics = planned('full', 'google_pubsub_topic').map(
        ({ values }) => `projects/${text(values['project'])}/topics/${text(values['name'])}`,
      );
      expect(topics).toContain(environment['CLAPPER_EVENTS_TOPIC']);
      const publishers = planned('full', 'google_pubsub_topic_iam_member').filter(
        ({ values }) =>
          environment['CLAPPER_EVENTS_TOPIC']?.endsWith(`/${text(values['topic'])}`) &&
          values['role'] === 'roles/pubsub.publisher',
      );
      expect(publishers.map(({ key }) => key).sort()).toEqual([
        'api',
        'batch',
        'landed',
        'poll',
        'submit',
        'sweep',
      ]);
    });

    it('calls batch once for each schedule that the code knows, at its times and with what it takes', () => {
      const { CLAPPER_SCHEDULES: schedules } = parseConfig(
        environmentOf(functions('full')[0] ?? never('no function')),
      );
      const called = planned('full', 'google_cloud_scheduler_job').flatMap(({ key, values }) => {
        const target = block(values, 'http_target');
        if (!text(target['uri']).includes('-batch-')) return [];
        const body: unknown = JSON.parse(Buffer.from(text(target['body']), 'base64').toString());
        expect(batchCallSchema.parse(body)).toEqual({ schedule: key });
        return [[key, { cron: values['schedule'], timeZone: values['time_zone'] }]];
      });
      expect(Object.keys(schedules).length).toBeGreaterThan(0);
      expect(Object.fromEntries(called)).toEqual(
        Object.fromEntries(
          Object.entries(schedules).map(([id, { cron, timeZone }]) => [id, { cron, timeZone }]),
        ),
      );
    });

    it('has the sweep’s schedule', () => {
      const sweep = planned('smallest', 'google_cloud_scheduler_job');
      expect(sweep.map(({ values }) => values['schedule'])).toEqual([cloudSettings.sweep.schedule]);
    });
  });

  describe('as metrics', () => {
    const metrics = () => planned('full', 'google_logging_metric');

    it('read fields that the code logs, with values that it logs', async () => {
      const logged = await everyKindOfLine();
      const found = metrics().map(({ values }) => {
        const filter = text(values['filter']);
        return [values['name'], logged.some((line) => isCounted(filter, line)) ? 'logged' : 'never logged'];
      });
      expect(found).toEqual(metrics().map(({ values }) => [values['name'], 'logged']));
      expect(found.length).toBeGreaterThan(5);
    });

    it('count a job once, whatever becomes of its attempt afterwards', async () => {
      const world = makeWorld();
      // Long after its deadline: the job has failed, and its attempt is followed until it lands.
      finishesAfter(world, 2 * 86_400_000);
      await accept(world);
      await runFor(world, 4 * 86_400_000);
      const counted = metrics()
        .filter(({ key }) => key === 'jobs_failed')
        .map(({ values }) => world.log.filter((line) => isCounted(text(values['filter']), line)).length);
      expect(counted).toEqual([1]);
    });

    it('are made of what the functions print, not of Google’s log of their requests', () => {
      const elsewhere = metrics().filter(
        ({ values }) =>
          !text(values['filter']).startsWith(
            `logName="projects/${PROJECT}/logs/run.googleapis.com%2Fstdout" AND resource.type="cloud_run_revision" AND `,
          ),
      );
      expect(elsewhere.map(({ key }) => key)).toEqual([]);
    });

    it('are those that alerts and dashboard ask for, each as what it is', () => {
      const queries = [
        ...planned('full', 'google_monitoring_alert_policy').map((each) => JSON.stringify(each.values)),
        ...planned('full', 'google_monitoring_dashboard').map(({ values }) => text(values['dashboard_json'])),
      ].join('\n');
      const asked = new Set(
        [...queries.matchAll(/logging_googleapis_com:user_(\w+?)(_bucket|_sum|_count)?\{/g)].map(
          ([, name, part]) => `${name} ${part ? 'DISTRIBUTION' : 'INT64'}`,
        ),
      );
      const made = metrics().map(
        ({ values }) => `${values['name']} ${block(values, 'metric_descriptor')['value_type']}`,
      );
      expect([...asked].sort()).toEqual(made.sort());
    });

    it('have an alert each for what must not go unseen', () => {
      expect(
        planned('smallest', 'google_monitoring_alert_policy')
          .map(({ key }) => key)
          .sort(),
      ).toEqual([
        'done_to_landed_p95',
        'oldest_unfinished_job',
        'spend',
        'sweep_not_running',
        'uncertain_attempts',
        'webhook_failures',
      ]);
    });
  });

  it('uses every API that it switches on, and switches on every API that it uses', () => {
    const used = new Set([...apisOf(plans.get('full') ?? []), ...Object.keys(CALLED_APIS)]);
    const switchedOn = planned('full', 'google_project_service').map(({ key }) => key);
    expect(switchedOn.sort()).toEqual([...used].sort());
  });

  it('gives the account that delivers the right to hand out every role that is given for the project', () => {
    const grants = ofType(delivery, 'google_project_iam_member').find(({ values }) =>
      text(values['role']).endsWith('projectIamAdmin'),
    );
    const condition = text(block((grants ?? never('no right to grant')).values, 'condition')['expression']);
    const given = planned('smallest', 'google_project_iam_member').map(({ values }) => text(values['role']));
    expect(new Set(given.filter((role) => !condition.includes(`'${role}'`)))).toEqual(new Set());
    const grantable = [...condition.matchAll(/'((?:roles|projects)\/[^']+)'/g)].map(([, role = '']) => role);
    expect(missing(given, grantable), 'grantable, and never granted').toEqual([]);
  });

  it('switches on what the delivery uses, which comes first in a project where nothing is switched on', () => {
    const switchedOn = ofType(delivery, 'google_project_service').map(({ key }) => key);
    expect(switchedOn.sort()).toEqual([...new Set(apisOf(delivery))].sort());
  });
});

/** Whether a filter's conditions on fields hold for a line; those on where it was written are not asked. */
function isCounted(filter: string, { severity, fields }: World['log'][number]): boolean {
  const conditions = filter
    .split(' AND ')
    .filter((condition) => !/^(?:logName|resource\.)/.test(condition))
    .map((condition) => {
      const [, not, field = '', test = ''] =
        /^(NOT )?jsonPayload\.(\w+)(:\*|>0|=true|="\w+")$/.exec(condition) ?? [];
      if (condition === 'severity>=WARNING') return severity === 'WARNING' || severity === 'ERROR';
      const value = fields[field];
      const holds: Record<string, boolean> = {
        ':*': value !== undefined,
        '>0': Number(value) > 0,
        '=true': value === true,
      };
      return (holds[test] ?? test === `="${String(value)}"`) !== (not !== undefined);
    });
  return conditions.every(Boolean);
}

/** Log lines of one job that succeeds, one whose paid call is never answered, and one that fails. */
async function everyKindOfLine(): Promise<World['log']> {
  const good = makeWorld();
  finishesAfter(good, 120_000);
  await accept(good);
  // Landing takes its time, as it does in a bucket far away.
  const results = good.output;
  const { list: listing } = results;
  results.list = async (prefix) => {
    good.clock.advance(250);
    return listing.call(results, prefix);
  };
  await runFor(good, 3_600_000);
  const bad = makeWorld();
  bad.vertex.onSubmit = () => ({
    kind: 'failed',
    signal: { kind: 'http', status: 503, message: 'unavailable' },
  });
  await accept(bad);
  await runFor(bad, 86_400_000);
  return [...good.log, ...bad.log];
}

const apisOf = (plan: readonly PlannedResource[]): string[] =>
  plan.map(
    ({ type }) =>
      API_OF_TYPE.find(([prefix]) => type.startsWith(prefix))?.[1] ??
      never(`API_OF_TYPE has nothing for ${type}`),
  );

function never(what: string): never {
  throw new Error(what);
}
