/** The rules over every example's plan, and over plans that break them. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RULES } from './policy.ts';
import {
  copyOfModule,
  DELIVERY_VARIABLES,
  EXAMPLES,
  type Example,
  type PlannedResource,
  planIn,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  whyNoPlan,
} from './terraform.ts';

type RuleName = keyof typeof RULES;
type Values = Readonly<Record<string, unknown>>;

let delivery: readonly PlannedResource[] = [];
const plans = new Map<Example, readonly PlannedResource[]>();
const planned = (example: Example): readonly PlannedResource[] => plans.get(example) ?? [];

/** The smallest plan with other values in its first resource of this type, whose key is `key` where one is given. */
function changed(
  type: string,
  change: (values: Values) => Values,
  key?: string,
  example: Example = 'smallest',
): readonly PlannedResource[] {
  const plan = planned(example);
  const victim = plan.find((each) => each.type === type && (key === undefined || each.key === key));
  if (!victim) throw new Error(`the plan has no ${type} ${key ?? ''}`);
  return plan.map((each) => (each === victim ? { ...each, values: change(each.values) } : each));
}

const set = (name: string, value: unknown) => (values: Values) => ({ ...values, [name]: value });
const within = (blockName: string, name: string, value: unknown) => (values: Values) => {
  const [first] = Array.isArray(values[blockName]) ? values[blockName] : [{}];
  return { ...values, [blockName]: [{ ...first, [name]: value }] };
};
const lettingIn = (callers: string) =>
  within('template', 'containers', [{ env: [{ name: 'CLAPPER_CALLERS', value: callers }] }]);
const added = (type: string, values: Values): readonly PlannedResource[] => [
  ...planned('smallest'),
  { address: `${type}.added`, type, key: '', values, unknown: {} },
];

const FUNCTION = 'google_cloudfunctions2_function';
const QUEUE = 'google_cloud_tasks_queue';
const SERVICE = 'google_cloud_run_v2_service';

const BREAKING: Readonly<Record<RuleName, () => readonly PlannedResource[]>> = {
  'nothing is given to everybody': () =>
    changed('google_cloud_run_v2_service_iam_member', set('member', 'allUsers')),
  'no basic role is given': () => changed('google_project_iam_member', set('role', 'roles/editor')),
  'no list of members is taken over': () =>
    added('google_project_iam_binding', { role: 'roles/run.invoker', members: [] }),
  'storage and service accounts are granted one by one': () =>
    changed('google_project_iam_member', set('role', 'roles/storage.admin')),
  'every function runs and is built as an account of its own making': () =>
    changed(FUNCTION, within('service_config', 'service_account_email', null)),
  'CPU is given, and a whole one where requests are served together': () =>
    changed(FUNCTION, within('service_config', 'available_cpu', '0.5')),
  'instances, time and runtime are within what Google takes': () =>
    changed(FUNCTION, within('service_config', 'timeout_seconds', 600), 'upload'),
  'only the API can be reached from outside': () =>
    changed(FUNCTION, within('service_config', 'ingress_settings', 'ALLOW_ALL'), 'sweep'),
  'who can be reached by anybody lets in API keys, and nothing else': () =>
    changed(SERVICE, lettingIn('id-token'), undefined, 'keys'),
  'every service runs as an account of its own making': () =>
    changed(SERVICE, within('template', 'service_account', null), undefined, 'keys'),
  'no instance is paid for while it waits': () =>
    changed(
      SERVICE,
      within('template', 'containers', [{ resources: [{ cpu_idle: null }] }]),
      undefined,
      'keys',
    ),
  'what is built can be fetched from where Google has put it': () =>
    planned('smallest').filter(({ address }) => !address.endsWith('.build_copy')),
  'a dashboard holds nothing that Google leaves out': () =>
    changed('google_monitoring_dashboard', set('dashboard_json', '{"tiles":[{"xPos":0,"width":6}]}')),
  'every trigger tries again, in its bucket’s region': () =>
    changed(FUNCTION, within('event_trigger', 'retry_policy', 'RETRY_POLICY_DO_NOT_RETRY'), 'landed'),
  'queues retry, but not for ever, and within what Google takes': () =>
    changed(QUEUE, within('retry_config', 'max_attempts', -1)),
  'what holds data is protected from deletion': () =>
    changed('google_firestore_database', set('delete_protection_state', 'DELETE_PROTECTION_DISABLED')),
  'no bucket can be made public': () =>
    changed('google_storage_bucket', set('public_access_prevention', 'inherited')),
  'no value of a secret is in the state': () =>
    added('google_secret_manager_secret_version', { secret_data: 'x' }),
  'every call that Google makes for us carries an identity': () =>
    changed('google_cloud_scheduler_job', within('http_target', 'oidc_token', [])),
  'everything names its project': () =>
    planned('smallest').map((each) =>
      each.type === 'google_pubsub_topic'
        ? { ...each, values: set('project', null)(each.values), unknown: { project: true } }
        : each,
    ),
};

const names = Object.keys(RULES).filter((name): name is RuleName => name in RULES);

describe.skipIf(whyNoPlan)(`the plan${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  beforeAll(async () => {
    const copy = copyOfModule();
    for (const example of EXAMPLES) plans.set(example, await planOf(copy, example));
    delivery = await planIn(path.join(copy, 'delivery'), ...DELIVERY_VARIABLES);
  }, TERRAFORM_TIMEOUT_MS);

  describe.each(EXAMPLES)('of example %s', (example) => {
    it.each(names)('holds to the rule: %s', (name) => {
      expect(RULES[name](planned(example))).toEqual([]);
    });
  });

  // Whoever applies the module needs more than the module grants; these hold there too.
  it.each([
    'nothing is given to everybody',
    'no basic role is given',
    'no list of members is taken over',
    'no bucket can be made public',
    'everything names its project',
  ] as const)('of the delivery holds to the rule: %s', (name) => {
    expect(RULES[name](delivery)).toEqual([]);
    expect(delivery.length).toBeGreaterThan(0);
  });

  it.each(names)('would be found to break the rule: %s', (name) => {
    expect(RULES[name](BREAKING[name]())).not.toEqual([]);
  });
});
