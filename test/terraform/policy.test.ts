/** Checks the rules with every example's plan and with plans that violate them. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RULES } from './policy.ts';
import {
  argumentsByType,
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

let copyOf = '';
let delivery: readonly PlannedResource[] = [];
const plans = new Map<Example, readonly PlannedResource[]>();
const planned = (example: Example): readonly PlannedResource[] => plans.get(example) ?? [];

/** The plan of an example with changed values in the first resource of this type (and key, if given). */
function changed(
  type: string,
  change: (values: Values) => Values,
  key?: string,
  example: Example = 'smallest',
): readonly PlannedResource[] {
  const plan = planned(example);
  const target = plan.find((each) => each.type === type && (key === undefined || each.key === key));
  if (!target) throw new Error(`the plan has no ${type} ${key ?? ''}`);
  return plan.map((each) => (each === target ? { ...each, values: change(each.values) } : each));
}

const set = (name: string, value: unknown) => (values: Values) => ({ ...values, [name]: value });
const within = (blockName: string, name: string, value: unknown) => (values: Values) => {
  const [first] = Array.isArray(values[blockName]) ? values[blockName] : [{}];
  return { ...values, [blockName]: [{ ...first, [name]: value }] };
};
const acceptingCallers = (callers: string) =>
  within('template', 'containers', [{ env: [{ name: 'CLAPPER_CALLERS', value: callers }] }]);
const added = (type: string, values: Values): readonly PlannedResource[] => [
  ...planned('smallest'),
  { address: `${type}.added`, type, key: '', values, unknown: {} },
];

const FUNCTION = 'google_cloudfunctions2_function';
const QUEUE = 'google_cloud_tasks_queue';
const SERVICE = 'google_cloud_run_v2_service';

const BREAKING: Readonly<Record<RuleName, () => readonly PlannedResource[]>> = {
  'no role is granted to everybody': () =>
    changed('google_cloud_run_v2_service_iam_member', set('member', 'allUsers')),
  'no basic role is granted': () => changed('google_project_iam_member', set('role', 'roles/editor')),
  'no grant replaces a whole list of members': () =>
    added('google_project_iam_binding', { role: 'roles/run.invoker', members: [] }),
  'roles for storage, secrets, services and service accounts are granted per resource': () =>
    changed('google_project_iam_member', set('role', 'roles/storage.admin')),
  'every function runs and is built as an account of the module': () =>
    changed(FUNCTION, within('service_config', 'service_account_email', null)),
  'every function has its CPU set, and at least one whole CPU for concurrent requests': () =>
    changed(FUNCTION, within('service_config', 'available_cpu', '0.5')),
  'instances, time-out and runtime are within Google’s limits': () =>
    changed(FUNCTION, within('service_config', 'timeout_seconds', 600), 'upload'),
  'all instances together fit the quota of a new project': () =>
    changed(FUNCTION, within('service_config', 'max_instance_count', 7), 'poll'),
  'the database has a daily and a weekly backup': () =>
    planned('smallest').filter(({ key }) => key !== 'weekly'),
  'the functions use and may use the planned database': () =>
    changed('google_firestore_database', set('name', 'clapper-2')),
  'notes of claims are kept for longer than any backup': () =>
    planned('smallest').map((each) =>
      each.address.endsWith('google_storage_bucket.output')
        ? { ...each, values: { lifecycle_rule: [] } }
        : each,
    ),
  'only the API accepts external traffic': () =>
    changed(FUNCTION, within('service_config', 'ingress_settings', 'ALLOW_ALL'), 'sweep'),
  'a public service accepts only API keys': () =>
    changed(SERVICE, acceptingCallers('id-token'), undefined, 'keys'),
  'every service runs as an account of the module': () =>
    changed(SERVICE, within('template', 'service_account', null), undefined, 'keys'),
  'no idle instance is billed for CPU': () =>
    changed(
      SERVICE,
      within('template', 'containers', [{ resources: [{ cpu_idle: null }] }]),
      undefined,
      'keys',
    ),
  'every build can read the bucket to which Google copies its source': () =>
    planned('smallest').filter(({ address }) => !address.endsWith('.build_copy')),
  'a dashboard has no default values, which Google omits': () =>
    changed('google_monitoring_dashboard', set('dashboard_json', '{"tiles":[{"xPos":0,"width":6}]}')),
  'every trigger retries and is in the region of its bucket': () =>
    changed(FUNCTION, within('event_trigger', 'retry_policy', 'RETRY_POLICY_DO_NOT_RETRY'), 'landed'),
  'queues retry a limited number of times, at rates within Google’s limits': () =>
    changed(QUEUE, within('retry_config', 'max_attempts', -1)),
  'resources with data are protected from deletion': () =>
    changed('google_firestore_database', set('delete_protection_state', 'DELETE_PROTECTION_DISABLED')),
  'no bucket can be made public': () =>
    changed('google_storage_bucket', set('public_access_prevention', 'inherited')),
  'no secret value is in the state': () =>
    added('google_secret_manager_secret_version', { secret_data: 'x' }),
  'every call by Google’s services carries an identity token': () =>
    changed('google_cloud_scheduler_job', within('http_target', 'oidc_token', [])),
  'every service agent that a new project lacks has its role': () =>
    planned('smallest').filter(({ values }) => values['role'] !== 'roles/eventarc.serviceAgent'),
  'videos can be written, and inputs read, by the caller and by Vertex AI’s service agent': () =>
    planned('smallest').filter(({ address }) => !address.endsWith('.vertex_agent["output"]')),
  'every function with the key may read it': () =>
    planned('gemini-key').filter(({ type }) => type !== 'google_secret_manager_secret_iam_member'),
  'a custom role can be created again after it was deleted': () =>
    changed('google_project_iam_custom_role', set('role_id', 'clapper_queue_pauser')),
  'nothing depends on whether the provider is 7 or 8': () =>
    added('google_compute_backend_service', { name: 'api' }),
  'every resource sets its project': () =>
    planned('smallest').map((each) =>
      each.type === 'google_pubsub_topic'
        ? { ...each, values: set('project', null)(each.values), unknown: { project: true } }
        : each,
    ),
  'everything that takes labels carries the app and the deployment': () =>
    changed('google_pubsub_topic', set('labels', { team: 'film' })),
  'one key encrypts everything that takes it, or none does': () =>
    changed('google_pubsub_topic', set('kms_key_name', null), undefined, 'company'),
  'a key is in the location of what it encrypts': () =>
    changed('google_firestore_database', set('location_id', 'nam5'), undefined, 'company'),
  'every agent that encrypts may use the key': () =>
    planned('company').filter(({ address }) => !address.includes('_iam_member.this["firestore/')),
  'every function’s images are in the repository of the plan': () =>
    changed('google_artifact_registry_repository', set('repository_id', 'other'), undefined, 'company'),
  'every function uses the network, or none does': () =>
    changed(FUNCTION, within('service_config', 'direct_vpc_network_interface', []), 'notify', 'company'),
  'keys mode can be reached from where the API can': () =>
    changed(SERVICE, set('ingress', 'INGRESS_TRAFFIC_ALL'), undefined, 'load-balancer'),
  'behind a load balancer there is Cloud Armor, and no other public way': () =>
    changed(FUNCTION, within('service_config', 'ingress_settings', 'ALLOW_ALL'), 'api', 'load-balancer'),
  'nothing stores or processes data outside data_locations': () =>
    changed('google_storage_bucket', set('location', 'us'), undefined, 'company'),
};

const names = Object.keys(RULES).filter((name): name is RuleName => name in RULES);

describe.skipIf(whyNoPlan)(`the plan${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  beforeAll(async () => {
    const copy = copyOfModule();
    copyOf = copy;
    for (const example of EXAMPLES) plans.set(example, await planOf(copy, example));
    delivery = await planIn(path.join(copy, 'delivery'), ...DELIVERY_VARIABLES);
  }, TERRAFORM_TIMEOUT_MS);

  describe.each(EXAMPLES)('of example %s', (example) => {
    it.each(names)('follows the rule: %s', (name) => {
      expect(RULES[name](planned(example))).toEqual([]);
    });
  });

  // The account that applies the module needs more permissions than the module grants. These rules hold for it too.
  it.each([
    'no role is granted to everybody',
    'no basic role is granted',
    'no grant replaces a whole list of members',
    'no bucket can be made public',
    'every service agent that a new project lacks has its role',
    'a custom role can be created again after it was deleted',
    'nothing depends on whether the provider is 7 or 8',
    'every resource sets its project',
    'everything that takes labels carries the app and the deployment',
  ] as const)('of the delivery follows the rule: %s', (name) => {
    expect(RULES[name](delivery)).toEqual([]);
    expect(delivery.length).toBeGreaterThan(0);
  });

  it('shows every argument of the provider’s schema, also those that are not set', async () => {
    const known = await argumentsByType(path.join(copyOf, 'examples/full'));
    const labelled = (argumentsOf: ReadonlySet<string> | undefined): boolean[] =>
      ['labels', 'user_labels'].map((name) => argumentsOf?.has(name) ?? false);
    for (const { type, values, unknown } of planned('full'))
      expect(labelled(new Set([...Object.keys(values), ...Object.keys(unknown)])), type).toEqual(
        labelled(known.get(type)),
      );
  });

  it.each(names)('is rejected when it violates the rule: %s', (name) => {
    expect(RULES[name](BREAKING[name]())).not.toEqual([]);
  });
});
