/** What no plan may hold. Each rule gives the addresses that break it, each with the reason. */
import { z } from 'zod';
import { block, ofType, type PlannedResource, text } from './terraform.ts';

type Plan = readonly PlannedResource[];
type Rule = (plan: Plan) => readonly string[];

const broken = (plan: Plan, breaks: (resource: PlannedResource) => string | undefined): string[] =>
  plan.flatMap((resource) => {
    const reason = breaks(resource);
    return reason === undefined ? [] : [`${resource.address}: ${reason}`];
  });

const isGrant = ({ type }: PlannedResource): boolean => /_iam_(?:member|binding|policy)$/.test(type);
const membersOf = ({ values }: PlannedResource): string[] => [
  text(values['member']),
  ...z.array(z.string()).parse(values['members'] ?? []),
];
const serviceOf = ({ values }: PlannedResource) => block(values, 'service_config');
const triggerOf = ({ values }: PlannedResource) => block(values, 'event_trigger');
const isGiven = (resource: PlannedResource, name: string): boolean =>
  resource.values[name] !== undefined && resource.values[name] !== null;
const FUNCTION = 'google_cloudfunctions2_function';
const envSchema = z.array(z.object({ name: z.string(), value: z.string().nullish() })).default([]);

export const RULES = {
  'nothing is given to everybody': (plan) =>
    broken(plan.filter(isGrant), (resource) =>
      membersOf(resource).some((member) => /^all(?:Authenticated)?Users$/.test(member))
        ? 'is given to everybody'
        : undefined,
    ),

  'no basic role is given': (plan) =>
    broken(plan.filter(isGrant), ({ values }) =>
      /^roles\/(?:owner|editor|viewer|browser)$/.test(text(values['role']))
        ? text(values['role'])
        : undefined,
    ),

  'no list of members is taken over': (plan) =>
    broken(plan.filter(isGrant), ({ type }) =>
      type.endsWith('_member') ? undefined : 'would remove what others have granted',
    ),

  'storage and service accounts are granted one by one': (plan) =>
    broken(ofType(plan, 'google_project_iam_member'), ({ values }) => {
      const role = text(values['role']);
      if (!/^roles\/(?:storage\.|iam\.serviceAccount|secretmanager\.|run\.)/.test(role)) return undefined;
      // A bucket that Google makes, and that is not there yet.
      const condition = text(block(values, 'condition')['expression']);
      return role === 'roles/storage.objectViewer' &&
        /^resource\.name\.startsWith\("projects\/_\/buckets\/[\w.-]+"\)$/.test(condition)
        ? undefined
        : `${role} for the whole project`;
    }),

  'every function runs and is built as an account of its own making': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const email = text(serviceOf(resource)['service_account_email']);
      if (!/@my-videos-1\.iam\.gserviceaccount\.com$/.test(email)) return `runs as '${email}'`;
      const unknownBuild = z
        .array(z.object({ service_account: z.unknown() }))
        .catch([])
        .parse(resource.unknown['build_config']);
      const build = block(resource.values, 'build_config')['service_account'];
      return build || unknownBuild[0]?.service_account ? undefined : 'is built as the default account';
    }),

  'CPU is given, and a whole one where requests are served together': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const { available_cpu: cpu, max_instance_request_concurrency: concurrency } = serviceOf(resource);
      if (!text(cpu)) return 'has no CPU';
      return Number(concurrency) > 1 && !(Number(cpu) >= 1)
        ? `${concurrency} requests on ${cpu} CPU`
        : undefined;
    }),

  'instances, time and runtime are within what Google takes': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const service = serviceOf(resource);
      const seconds = Number(service['timeout_seconds']);
      if (!(Number(service['max_instance_count']) >= 1)) return 'has no most number of instances';
      if (text(block(resource.values, 'build_config')['runtime']) !== 'nodejs24')
        return 'runs on another runtime';
      if (text(triggerOf(resource)['event_type']) && seconds > 540) return 'events are given 540 s at most';
      return seconds > 3600 ? 'is given more than an hour' : undefined;
    }),

  'only the API can be reached from outside': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) =>
      resource.key !== 'api' && serviceOf(resource)['ingress_settings'] !== 'ALLOW_INTERNAL_ONLY'
        ? 'can be reached from outside'
        : undefined,
    ),

  'who can be reached by anybody lets in API keys, and nothing else': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      if (values['invoker_iam_disabled'] !== true) return undefined;
      const containers = z
        .array(z.object({ env: envSchema }))
        .parse(block(values, 'template')['containers'] ?? []);
      const admits = containers.map(({ env }) => env.find(({ name }) => name === 'CLAPPER_CALLERS')?.value);
      return admits.length > 0 && admits.every((value) => value === 'key')
        ? undefined
        : `asks nobody for a key: CLAPPER_CALLERS is ${admits}`;
    }),

  'every service runs as an account of its own making': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      const email = text(block(values, 'template')['service_account']);
      return /@my-videos-1\.iam\.gserviceaccount\.com$/.test(email) ? undefined : `runs as '${email}'`;
    }),

  'no instance is paid for while it waits': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      const containers = z
        .array(
          z.looseObject({
            resources: z.array(z.looseObject({ cpu_idle: z.boolean().nullish() })).default([]),
          }),
        )
        .parse(block(values, 'template')['containers'] ?? []);
      // Google's default changes once limits are given.
      return containers.every(({ resources: [resources] }) => !resources || resources.cpu_idle === true)
        ? undefined
        : 'is paid for as long as it lives';
    }),

  'what is built can be fetched from where Google has put it': (plan) =>
    broken(ofType(plan, FUNCTION), ({ values }) => {
      const region = text(values['location']);
      const isGiven = ofType(plan, 'google_project_iam_member').some(
        (grant) =>
          grant.address.includes('.build_') &&
          grant.values['role'] === 'roles/storage.objectViewer' &&
          new RegExp(`/buckets/gcf-v2-sources-\\d+-${region}"`).test(
            text(block(grant.values, 'condition')['expression']),
          ),
      );
      return isGiven ? undefined : `is copied to gcf-v2-sources-…-${region}, which its build may not read`;
    }),

  'a dashboard holds nothing that Google leaves out': (plan) =>
    broken(ofType(plan, 'google_monitoring_dashboard'), ({ values }) =>
      /:(?:0|""|\[\]|\{\}|null|false)[,}]/.test(text(values['dashboard_json']))
        ? 'is to be changed in every plan'
        : undefined,
    ),

  'every trigger tries again, in its bucket’s region': (plan) =>
    broken(
      ofType(plan, FUNCTION).filter((resource) => text(triggerOf(resource)['event_type'])),
      (resource) => {
        const { retry_policy: retry, trigger_region: region } = triggerOf(resource);
        if (retry !== 'RETRY_POLICY_RETRY') return 'loses an event that fails once';
        const regions = ofType(plan, 'google_storage_bucket').map(({ values }) => text(values['location']));
        return regions.every((each) => each === region)
          ? undefined
          : `is in ${region}, buckets in ${regions}`;
      },
    ),

  'queues retry, but not for ever, and within what Google takes': (plan) =>
    broken(ofType(plan, 'google_cloud_tasks_queue'), ({ values }) => {
      const { max_attempts: attempts, min_backoff: least, max_backoff: most } = block(values, 'retry_config');
      if (!(Number(attempts) >= 5)) return `${attempts} attempts`;
      if (!least || !most) return 'has no back-off';
      const rate = Number(block(values, 'rate_limits')['max_dispatches_per_second']);
      return rate > 0 && rate <= 500 ? undefined : `${rate} dispatches a second`;
    }),

  'what holds data is protected from deletion': (plan) =>
    broken(plan, ({ type, values, key, address }) => {
      if (type === 'google_firestore_database')
        return values['delete_protection_state'] === 'DELETE_PROTECTION_ENABLED' &&
          values['point_in_time_recovery_enablement'] === 'POINT_IN_TIME_RECOVERY_ENABLED'
          ? undefined
          : 'can be deleted, or not be read as it was';
      if (type === 'google_cloud_tasks_queue')
        return values['deletion_policy'] === 'PREVENT' ? undefined : `queue ${key} can be destroyed`;
      // The source can be built again.
      if (type === 'google_storage_bucket' && !address.endsWith('.source'))
        return values['force_destroy'] === false ? undefined : 'is destroyed with what is in it';
      return undefined;
    }),

  'no bucket can be made public': (plan) =>
    broken(ofType(plan, 'google_storage_bucket'), ({ values }) =>
      values['uniform_bucket_level_access'] === true && values['public_access_prevention'] === 'enforced'
        ? undefined
        : 'could be made public',
    ),

  'no value of a secret is in the state': (plan) =>
    broken(plan, ({ type }) =>
      type === 'google_secret_manager_secret_version' ? 'holds a value' : undefined,
    ),

  'every call that Google makes for us carries an identity': (plan) =>
    broken(plan, ({ type, values }) => {
      const target =
        type === 'google_cloud_scheduler_job'
          ? block(values, 'http_target')
          : type === 'google_pubsub_subscription'
            ? block(values, 'push_config')
            : undefined;
      return target && !text(block(target, 'oidc_token')['audience']) ? 'carries none' : undefined;
    }),

  'everything names its project': (plan) =>
    broken(plan, (resource) =>
      // Where a resource has a project, a default of the provider would decide.
      'project' in resource.unknown && !isGiven(resource, 'project')
        ? 'leaves its project to the provider'
        : undefined,
    ),
} as const satisfies Readonly<Record<string, Rule>>;
