/**
 * Code and infrastructure agree: Terraform provisions everything that the code uses, and nothing else.
 *
 * The tests import the code and read Terraform's plan. Intended differences are listed here with their reasons. An
 * entry that no longer differs fails too, so that the lists stay correct.
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

/** Variables that a deployment does not set. */
const NOT_IN_THE_CLOUD: Readonly<Record<string, string>> = {
  CLAPPER_ALLOW_RETIRED_MODELS: 'only simulated models include retired ones',
  CLAPPER_MODEL_SPEED_UP: 'only for simulated models',
  CLAPPER_REQUESTS_PER_MINUTE:
    'one rate for all models is only for tests; catalogue_overrides sets quotas per model',
  CLAPPER_SCALED_DOWN_VIDEOS: 'only for simulated models',
  CLAPPER_SIGNER_KEY_FILE: 'URLs are signed through IAM',
  CLAPPER_STORAGE_ENDPOINT: 'only for the local cloud',
  CLAPPER_TASKS_ENDPOINT: 'only for the local cloud',
  CLAPPER_TOKEN_ISSUERS: 'the default is Google',
  CLAPPER_TOKEN_JWKS_URL: 'the default is Google’s',
  GOOGLE_GEMINI_BASE_URL: 'the default is Google’s',
  GOOGLE_VERTEX_BASE_URL: 'the default is Google’s',
};

/** Provisioned for functions that are registered but not implemented yet. */
const AHEAD_OF_THE_CODE: { readonly variables: readonly string[]; readonly queues: readonly string[] } = {
  variables: [],
  queues: ['notify'],
};

/** APIs that are used without a resource of their own. */
const CALLED_APIS: Readonly<Record<string, string>> = {
  aiplatform: 'the functions call the models',
  cloudbuild: 'builds the functions',
  cloudresourcemanager: 'reads the project number and grants roles',
  compute: 'the functions use a network (`vpc`)',
  eventarc: 'delivers the events of the buckets',
  iamcredentials: 'signs URLs',
};

/** Enabled in the deployment only. */
const NOT_IN_THE_DELIVERY: Readonly<Record<string, string>> = {
  cloudkms: 'only with kms_key, which this plan of the delivery has not',
  compute: 'whoever made the network has enabled it; for a Shared VPC, delivery/README.md says so',
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
  ['google_kms_', 'cloudkms'],
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

describe('the settings of the deployment and the local cloud', () => {
  it('have exactly the models of the catalogue with their quotas, and the locations of those with their own', () => {
    const isGlobal = ({ provider, locations }: (typeof CATALOGUE.models)[number]): boolean =>
      provider === 'vertex' && locations.includes('global');
    const expected = CATALOGUE.models.map((spec) => [
      queues.submitQueueName({ ...spec, lane: 'interactive' }),
      {
        model: `${spec.provider}/${spec.model}`,
        requestsPerMinute: spec.requestsPerMinute,
        ...(isGlobal(spec) ? { locations: spec.locations } : {}),
      },
    ]);
    expect(cloudSettings.submit.models).toEqual(Object.fromEntries(expected));
  });

  it('have the same sweep interval as cron schedule and in seconds', () => {
    const runs = new Cron(cloudSettings.sweep.schedule, { timezone: 'Etc/UTC' }).nextRuns(2);
    const [first, second] = runs.map((run) => run.getTime());
    expect(((second ?? 0) - (first ?? 0)) / 1000).toBe(cloudSettings.sweep.everySeconds);
  });

  it('have the same default retention of finished jobs as the code', () => {
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

describe.skipIf(whyNoPlan)(
  `the provisioned infrastructure${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`,
  () => {
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
      // The clients of the import below must not search for the metadata server or for credentials.
      vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
      await import('../../functions/index.ts');
    }, TERRAFORM_TIMEOUT_MS);
    afterAll(() => {
      vi.unstubAllEnvs();
    });

    describe('its functions', () => {
      it('are those that the code registers', () => {
        const targets = functions('smallest').map(({ values }) =>
          text(block(values, 'build_config')['entry_point']),
        );
        expect(targets.sort()).toEqual([...registered.keys()].sort());
      });

      it('have a trigger exactly when they receive events', () => {
        const triggered = functions('smallest')
          .filter(({ values }) => text(block(values, 'event_trigger')['event_type']) !== '')
          .map(({ key }) => key);
        const takeEvents = [...registered].filter(([, kind]) => kind === 'cloudEvent').map(([name]) => name);
        expect(triggered.sort()).toEqual(takeEvents.sort());
      });

      it('have a time-out of at least the dispatch deadline of their tasks', () => {
        const late = Object.entries(DISPATCH_DEADLINE_SECONDS).filter(([name, seconds]) => {
          const target =
            functions('smallest').find(({ key }) => key === name) ?? never(`no function ${name}`);
          return Number(block(target.values, 'service_config')['timeout_seconds']) < seconds;
        });
        expect(late).toEqual([]);
      });

      it('are created after the indexes of their queries, and those after the grants that take time to apply', () => {
        const functionsWaitFor = dependencies.get('google_cloudfunctions2_function.this') ?? [];
        const indexesWaitFor = dependencies.get('google_firestore_index.this') ?? [];
        expect(functionsWaitFor).toContain('google_firestore_index.this');
        // The grants on the project are in the bootstrap: of the builds, of the triggers, and of Google's own accounts.
        expect(
          missing(indexesWaitFor, ['module.bootstrap', 'google_storage_bucket_iam_member.build_source']),
        ).toEqual([]);
        expect(missing(functionsWaitFor, indexesWaitFor)).toEqual([]);
      });

      it('have a longer time-out than the image calls of the API', () => {
        const api = functions('smallest').find(({ key }) => key === 'api') ?? never('no api');
        const seconds = Number(block(api.values, 'service_config')['timeout_seconds']);
        expect(seconds * 1000).toBeGreaterThan(IMAGE_CALL_TIMEOUT_MS);
      });

      it('can serve the concurrent dispatches of their queues', () => {
        const overrun = Object.entries(cloudSettings.queues).filter(([name, { maxConcurrentDispatches }]) => {
          const target =
            functions('smallest').find(({ key }) => key === name) ?? never(`no function ${name}`);
          const service = block(target.values, 'service_config');
          const served =
            Number(service['max_instance_count']) * Number(service['max_instance_request_concurrency']);
          return served < maxConcurrentDispatches;
        });
        expect(overrun).toEqual([]);
      });
    });

    describe('its environment', () => {
      it('has every variable that the code reads, except those that only the local cloud needs', () => {
        const expected = missing(Object.keys(NOT_IN_THE_CLOUD), CONFIG_VARIABLES);
        expect(
          missing(provisionedVariables(), expected),
          'read by functions/config.ts, but not set by terraform',
        ).toEqual([]);
      });

      it('has no variable that the code does not read', () => {
        const read = [...CONFIG_VARIABLES, ...AHEAD_OF_THE_CODE.variables, 'NODE_OPTIONS'];
        const unread = missing(read, provisionedVariables());
        expect(unread, 'set in terraform/functions.tf, but not read by functions/config.ts').toEqual([]);
      });

      it('differs only as listed', () => {
        expect(
          missing(CONFIG_VARIABLES, Object.keys(NOT_IN_THE_CLOUD)),
          'no longer read by the code: remove them from NOT_IN_THE_CLOUD',
        ).toEqual([]);
        expect(
          Object.keys(NOT_IN_THE_CLOUD).filter((name) => provisionedVariables().includes(name)),
          'provisioned: remove them from NOT_IN_THE_CLOUD',
        ).toEqual([]);
        expect(
          AHEAD_OF_THE_CODE.variables.filter((name) => CONFIG_VARIABLES.includes(name)),
          'read by the code: remove them from AHEAD_OF_THE_CODE',
        ).toEqual([]);
      });

      it.each(EXAMPLES)('of example %s is a valid configuration of every function', (example) => {
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

      it('of the public service is that of the API, except for the accepted callers', () => {
        const [service] = planned('keys', 'google_cloud_run_v2_service');
        const [container] = containersSchema.parse(
          block((service ?? never('no service')).values, 'template')['containers'],
        );
        const { FUNCTION_TARGET: target, ...environment } = Object.fromEntries(
          (container ?? never('no container')).env.map(({ name, value }) => [name, value]),
        );
        expect(registered.get(target ?? ''), 'its function').toBe('http');
        const api = functions('keys').find(({ key }) => key === 'api') ?? never('no api');
        expect(environment).toEqual({ ...environmentOf(api), CLAPPER_CALLERS: 'key' });
        expect(parseConfig(environment).CLAPPER_CALLERS).toBe('key');
      });

      it('names provisioned buckets, a provisioned database and account, and the URLs of provisioned functions', () => {
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

    describe('its queues', () => {
      const names = () => planned('smallest', 'google_cloud_tasks_queue').map(({ key }) => key);
      const used = (): string[] => [
        ...queues.submitQueueNames(CATALOGUE),
        ...Object.entries(queues).flatMap(([name, value]) =>
          name.endsWith('_QUEUE') && typeof value === 'string' ? [value] : [],
        ),
      ];

      it('are those that the code enqueues tasks in', () => {
        expect(
          missing(names(), used()),
          'used in functions/core/job/queues.ts, but not in terraform/settings.json',
        ).toEqual([]);
        expect(
          missing([...used(), ...AHEAD_OF_THE_CODE.queues], names()),
          'in terraform/settings.json, but not used in functions/core/job/queues.ts',
        ).toEqual([]);
        expect(
          AHEAD_OF_THE_CODE.queues.filter((name) => used().includes(name)),
          'used by the code: remove them from AHEAD_OF_THE_CODE',
        ).toEqual([]);
      });

      it('have the same rates and retries as in the local cloud', () => {
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

    describe('its events and schedules', () => {
      it('trigger upload by the input bucket and landed by the output bucket', () => {
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

      it('call only HTTP functions, as the account and with an audience that the functions accept', () => {
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
          expect(environment['CLAPPER_TASKS_AUDIENCES']?.split(','), 'the audience is accepted').toContain(
            url,
          );
          expect(block(call, 'oidc_token')).toMatchObject({
            service_account_email: environment['CLAPPER_TASKS_SERVICE_ACCOUNT'],
            audience: url,
          });
        }
      });

      it('allow every function that ends jobs or batches to publish to the topic', () => {
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

      it('call batch for each configured schedule, with its cron, its time zone and a valid body', () => {
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

      it('have the cron of the sweep', () => {
        const sweep = planned('smallest', 'google_cloud_scheduler_job');
        expect(sweep.map(({ values }) => values['schedule'])).toEqual([cloudSettings.sweep.schedule]);
      });
    });

    it('enables exactly the APIs that it uses', () => {
      const used = new Set([...apisOf(plans.get('full') ?? []), ...Object.keys(CALLED_APIS)]);
      const enabled = planned('full', 'google_project_service').map(({ key }) => key);
      expect(enabled.sort()).toEqual([...used].sort());
    });

    it('enables in the delivery, which is applied first, the APIs of the delivery and of the deployment', () => {
      const enabled = ofType(delivery, 'google_project_service').map(({ key }) => key);
      expect(missing(enabled, apisOf(delivery))).toEqual([]);
      expect(enabled.sort()).toEqual(
        planned('full', 'google_project_service')
          .map(({ key }) => key)
          .filter((api) => !(api in NOT_IN_THE_DELIVERY))
          .sort(),
      );
    });
  },
);

const apisOf = (plan: readonly PlannedResource[]): string[] =>
  plan.map(
    ({ type }) =>
      API_OF_TYPE.find(([prefix]) => type.startsWith(prefix))?.[1] ??
      never(`API_OF_TYPE has no entry for ${type}`),
  );

function never(what: string): never {
  throw new Error(what);
}
