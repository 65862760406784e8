/** Rules for every plan. Each rule returns the addresses of the resources that violate it, each with the reason. */
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
const gibOf = (memory: string): number => {
  const [, amount, unit] = /^(\d+)(Gi|Mi)$/.exec(memory) ?? [];
  return unit === undefined ? Number.NaN : Number(amount) / (unit === 'Gi' ? 1 : 1024);
};
const envSchema = z.array(z.object({ name: z.string(), value: z.string().nullish() })).default([]);

/**
 * What release 8.0.0 of the provider removed or changed, by type: every file of `google/services` that differs between
 * its releases 7.46.0 and 8.0.0. The modules allow both.
 */
const REMOVED_BY_PROVIDER_8 =
  /^google_(?:beyondcorp_app_(?:connection|connector|gateway)|iap_(?:brand|client)|ml_engine_model|notebooks_\w+|vertex_ai_schedule)$/;
const CHANGED_BY_PROVIDER_8 =
  /^google_(?:bigquery_dataset|bigquery_data_transfer_config|cloud_run_v2_worker_pool|cloud_security_compliance_framework|compute_(?:instance|interconnect_attachment_group|reservation|service_attachment)|container_(?:cluster|node_pool)|data_loss_prevention_job_trigger|iam_workforce_pool_provider_scim_tenant|integrations_client|monitoring_uptime_check_config|netapp_storage_pool|secret_manager_secret_version|workflows_workflow)$/;
/** Their default for `load_balancing_scheme` was EXTERNAL, and is EXTERNAL_MANAGED. */
const NEW_DEFAULT_IN_PROVIDER_8 = /^google_compute_(?:backend_service|global_forwarding_rule)$/;

/** The Cloud KMS key of everything that can have `kms_key`; undefined for a type that has none. An empty string: no key. */
function keyOf({ type, values }: PlannedResource): string | undefined {
  switch (type) {
    case 'google_storage_bucket':
      return text(block(values, 'encryption')['default_kms_key_name']);
    case 'google_cloud_run_v2_service':
      return text(block(values, 'template')['encryption_key']);
    case 'google_secret_manager_secret': {
      const managed = block(block(values, 'replication'), 'user_managed');
      // With automatic replication a secret takes only keys of the location `global`.
      if (Object.keys(managed).length === 0) return undefined;
      return text(block(block(managed, 'replicas'), 'customer_managed_encryption')['kms_key_name']);
    }
    case FUNCTION:
    case 'google_artifact_registry_repository':
    case 'google_pubsub_topic':
      return text(values['kms_key_name']);
    default:
      return undefined;
  }
}

/** Who encrypts with the key. Cloud Run functions list five for one function. */
const KEY_USERS: Readonly<Record<string, readonly string[]>> = {
  google_storage_bucket: ['gs-project-accounts'],
  google_cloud_run_v2_service: ['serverless-robot-prod', 'gcp-sa-artifactregistry'],
  google_secret_manager_secret: ['gcp-sa-secretmanager'],
  [FUNCTION]: [
    'gcf-admin-robot',
    'gcp-sa-artifactregistry',
    'gs-project-accounts',
    'serverless-robot-prod',
    'gcp-sa-eventarc',
  ],
  google_artifact_registry_repository: ['gcp-sa-artifactregistry'],
  google_pubsub_topic: ['gcp-sa-pubsub'],
  google_firestore_database: ['gcp-sa-firestore'],
};

const databaseKeyOf = ({ values }: PlannedResource): string =>
  text(block(values, 'cmek_config')['kms_key_name']);

/** Where a resource stores or processes data; undefined for one without a location. */
function placeOf({ type, values }: PlannedResource): string | undefined {
  if (type === 'google_firestore_database') return text(values['location_id']);
  if (type === 'google_secret_manager_secret') {
    const replicas = block(block(block(values, 'replication'), 'user_managed'), 'replicas');
    return text(replicas['location']) || 'automatic replication';
  }
  if (type === 'google_cloud_scheduler_job') return text(values['region']);
  return 'location' in values ? text(values['location']) : undefined;
}

const environmentOf = (resource: PlannedResource): Readonly<Record<string, string>> =>
  z.record(z.string(), z.string()).parse(serviceOf(resource)['environment_variables'] ?? {});

export const RULES = {
  'no role is granted to everybody': (plan) =>
    broken(plan.filter(isGrant), (resource) =>
      membersOf(resource).some((member) => /^all(?:Authenticated)?Users$/.test(member))
        ? 'is granted to everybody'
        : undefined,
    ),

  'no basic role is granted': (plan) =>
    broken(plan.filter(isGrant), ({ values }) =>
      /^roles\/(?:owner|editor|viewer|browser)$/.test(text(values['role']))
        ? text(values['role'])
        : undefined,
    ),

  'no grant replaces a whole list of members': (plan) =>
    broken(plan.filter(isGrant), ({ type }) =>
      type.endsWith('_member') ? undefined : 'would remove grants made elsewhere',
    ),

  'roles for storage, secrets, services and service accounts are granted per resource': (plan) =>
    broken(ofType(plan, 'google_project_iam_member'), ({ values }) => {
      const role = text(values['role']);
      if (!/^roles\/(?:storage\.|iam\.serviceAccount|secretmanager\.|run\.)/.test(role)) return undefined;
      // An exception: Google creates this bucket later, so the role cannot be granted on the bucket.
      const condition = text(block(values, 'condition')['expression']);
      return role === 'roles/storage.objectViewer' &&
        /^resource\.name\.startsWith\("projects\/_\/buckets\/[\w.-]+"\)$/.test(condition)
        ? undefined
        : `${role} for the whole project`;
    }),

  'every function runs and is built as an account of the module': (plan) =>
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

  'every function has its CPU set, and at least one whole CPU for concurrent requests': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const { available_cpu: cpu, max_instance_request_concurrency: concurrency } = serviceOf(resource);
      if (!text(cpu)) return 'has no available_cpu';
      return Number(concurrency) > 1 && !(Number(cpu) >= 1)
        ? `${concurrency} requests on ${cpu} CPU`
        : undefined;
    }),

  'instances, time-out and runtime are within Google’s limits': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const service = serviceOf(resource);
      const seconds = Number(service['timeout_seconds']);
      if (!(Number(service['max_instance_count']) >= 1)) return 'has no max_instance_count';
      if (text(block(resource.values, 'build_config')['runtime']) !== 'nodejs24')
        return 'has another runtime than nodejs24';
      if (text(triggerOf(resource)['event_type']) && seconds > 540)
        return 'has a time-out above 540 s, the maximum for events';
      return seconds > 3600 ? 'has a time-out above one hour' : undefined;
    }),

  'all instances together fit the quota of a new project': (plan) => {
    const services = [
      ...ofType(plan, FUNCTION).map(({ address, values }) => {
        const { available_cpu, available_memory, max_instance_count } = block(values, 'service_config');
        return { address, cpu: available_cpu, memory: available_memory, max: max_instance_count };
      }),
      ...ofType(plan, 'google_cloud_run_v2_service').map(({ address, values }) => {
        const template = block(values, 'template');
        const { cpu, memory } = z
          .object({ cpu: z.string(), memory: z.string() })
          .parse(block(block(template, 'containers'), 'resources')['limits']);
        return { address, cpu, memory, max: block(template, 'scaling')['max_instance_count'] };
      }),
    ].map(({ address, cpu, memory, max }) => ({
      address,
      max: Number(max),
      cpus: Number(cpu) * Number(max),
      gib: gibOf(text(memory)) * Number(max),
    }));
    const cpus = services.reduce((sum, each) => sum + each.cpus, 0);
    const gib = services.reduce((sum, each) => sum + each.gib, 0);
    return [
      ...services.flatMap(({ address, max }) => (max <= 10 ? [] : [`${address}: has ${max} instances`])),
      ...(cpus <= 20 ? [] : [`all together: ${cpus} CPUs`]),
      ...(gib <= 40 ? [] : [`all together: ${gib} GiB`]),
    ];
  },

  'the database has a daily and a weekly backup': (plan) =>
    broken(ofType(plan, 'google_firestore_database'), ({ values }) => {
      const schedules = ofType(plan, 'google_firestore_backup_schedule').filter(
        (schedule) => schedule.values['database'] === values['name'],
      );
      const missing = ['daily', 'weekly'].filter(
        (kind) =>
          !schedules.some(
            (schedule) =>
              z.array(z.unknown()).parse(schedule.values[`${kind}_recurrence`] ?? []).length === 1,
          ),
      );
      return missing.length === 0 ? undefined : `has no ${missing.join(' and no ')} backup`;
    }),

  'the functions use and may use the planned database': (plan) => {
    const [database] = ofType(plan, 'google_firestore_database');
    if (!database) return [];
    const name = text(database.values['name']);
    return [
      ...broken(ofType(plan, FUNCTION), (resource) => {
        const environment = z
          .record(z.string(), z.unknown())
          .parse(serviceOf(resource)['environment_variables']);
        const used = environment['CLAPPER_FIRESTORE_DATABASE'];
        return used === name ? undefined : `uses the database ${used}, not ${name}`;
      }),
      ...broken(
        ofType(plan, 'google_project_iam_member').filter(
          ({ values }) => values['role'] === 'roles/datastore.user',
        ),
        ({ values }) =>
          text(block(values, 'condition')['expression']).endsWith(`/databases/${name}"`)
            ? undefined
            : `is for another database than ${name}`,
      ),
    ];
  },

  'notes of claims are kept for longer than any backup': (plan) =>
    broken(
      ofType(plan, 'google_storage_bucket').filter(({ address }) => address.endsWith('.output')),
      ({ values }) => {
        const ages = z
          .array(
            z.object({
              condition: z.array(
                z.object({ age: z.number().nullish(), matches_prefix: z.array(z.string()).nullish() }),
              ),
            }),
          )
          .parse(values['lifecycle_rule'] ?? [])
          .flatMap(({ condition }) => condition)
          .filter(({ matches_prefix: prefixes }) => prefixes?.includes('claims/'))
          .map(({ age }) => age ?? 0);
        // Google keeps a backup for 14 weeks at most.
        return ages.length === 1 && ages.every((age) => age > 14 * 7)
          ? undefined
          : `deletes notes of claims after ${ages} days`;
      },
    ),

  'only the API accepts external traffic': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) =>
      resource.key !== 'api' && serviceOf(resource)['ingress_settings'] !== 'ALLOW_INTERNAL_ONLY'
        ? 'accepts external traffic'
        : undefined,
    ),

  'a public service accepts only API keys': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      if (values['invoker_iam_disabled'] !== true) return undefined;
      const containers = z
        .array(z.object({ env: envSchema }))
        .parse(block(values, 'template')['containers'] ?? []);
      const callers = containers.map(({ env }) => env.find(({ name }) => name === 'CLAPPER_CALLERS')?.value);
      return callers.length > 0 && callers.every((value) => value === 'key')
        ? undefined
        : `requires no API key: CLAPPER_CALLERS is ${callers}`;
    }),

  'every service runs as an account of the module': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      const email = text(block(values, 'template')['service_account']);
      return /@my-videos-1\.iam\.gserviceaccount\.com$/.test(email) ? undefined : `runs as '${email}'`;
    }),

  'no idle instance is billed for CPU': (plan) =>
    broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) => {
      const containers = z
        .array(
          z.looseObject({
            resources: z.array(z.looseObject({ cpu_idle: z.boolean().nullish() })).default([]),
          }),
        )
        .parse(block(values, 'template')['containers'] ?? []);
      // Google's default for cpu_idle is different when resource limits are set.
      return containers.every(({ resources: [resources] }) => !resources || resources.cpu_idle === true)
        ? undefined
        : 'has CPU always allocated';
    }),

  'every build can read the bucket to which Google copies its source': (plan) =>
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
      return isGiven
        ? undefined
        : `is copied to gcf-v2-sources-…-${region}, which its build account cannot read`;
    }),

  'a dashboard has no default values, which Google omits': (plan) =>
    broken(ofType(plan, 'google_monitoring_dashboard'), ({ values }) =>
      /:(?:0|""|\[\]|\{\}|null|false)[,}]/.test(text(values['dashboard_json']))
        ? 'would be changed by every plan'
        : undefined,
    ),

  'every trigger retries and is in the region of its bucket': (plan) =>
    broken(
      ofType(plan, FUNCTION).filter((resource) => text(triggerOf(resource)['event_type'])),
      (resource) => {
        const { retry_policy: retry, trigger_region: region } = triggerOf(resource);
        if (retry !== 'RETRY_POLICY_RETRY') return 'drops an event whose first delivery fails';
        const regions = ofType(plan, 'google_storage_bucket').map(({ values }) => text(values['location']));
        return regions.every((each) => each === region)
          ? undefined
          : `is in ${region}, buckets in ${regions}`;
      },
    ),

  'queues retry a limited number of times, at rates within Google’s limits': (plan) =>
    broken(ofType(plan, 'google_cloud_tasks_queue'), ({ values }) => {
      const { max_attempts: attempts, min_backoff: least, max_backoff: most } = block(values, 'retry_config');
      if (!(Number(attempts) >= 5)) return `has ${attempts} attempts`;
      if (!least || !most) return 'has no min_backoff or max_backoff';
      const rate = Number(block(values, 'rate_limits')['max_dispatches_per_second']);
      return rate > 0 && rate <= 500 ? undefined : `has ${rate} dispatches per second`;
    }),

  'resources with data are protected from deletion': (plan) =>
    broken(plan, ({ type, values, key, address }) => {
      if (type === 'google_firestore_database')
        return values['delete_protection_state'] === 'DELETE_PROTECTION_ENABLED' &&
          values['point_in_time_recovery_enablement'] === 'POINT_IN_TIME_RECOVERY_ENABLED'
          ? undefined
          : 'has no delete protection or no point-in-time recovery';
      if (type === 'google_cloud_tasks_queue')
        return values['deletion_policy'] === 'PREVENT' ? undefined : `queue ${key} can be destroyed`;
      // The source archive can be built again.
      if (type === 'google_storage_bucket' && !address.endsWith('.source'))
        return values['force_destroy'] === false ? undefined : 'is destroyed with its objects';
      return undefined;
    }),

  'no bucket can be made public': (plan) =>
    broken(ofType(plan, 'google_storage_bucket'), ({ values }) =>
      values['uniform_bucket_level_access'] === true && values['public_access_prevention'] === 'enforced'
        ? undefined
        : 'does not enforce public access prevention',
    ),

  'no secret value is in the state': (plan) =>
    broken(plan, ({ type }) =>
      type === 'google_secret_manager_secret_version' ? 'stores a secret value in the state' : undefined,
    ),

  'every call by Google’s services carries an identity token': (plan) =>
    broken(plan, ({ type, values }) => {
      const target =
        type === 'google_cloud_scheduler_job'
          ? block(values, 'http_target')
          : type === 'google_pubsub_subscription'
            ? block(values, 'push_config')
            : undefined;
      return target && !text(block(target, 'oidc_token')['audience']) ? 'has no OIDC token' : undefined;
    }),

  'every service agent that a new project lacks has its role': (plan) =>
    [
      ['aiplatform', 'roles/aiplatform.serviceAgent'],
      // Without it no function with a trigger can be created.
      ['eventarc', 'roles/eventarc.serviceAgent'],
      // Without it no event and no budget notice carries a token.
      ['pubsub', 'roles/pubsub.serviceAgent'],
    ].flatMap(([agent, role]) =>
      ofType(plan, 'google_project_iam_member').some(
        ({ values }) =>
          values['role'] === role &&
          new RegExp(`^serviceAccount:service-\\d+@gcp-sa-${agent}\\.`).test(text(values['member'])),
      )
        ? []
        : [`the service agent of ${agent} has no ${role}`],
    ),

  'videos can be written, and inputs read, by the caller and by Vertex AI’s service agent': (plan) =>
    [
      ['output', /^roles\/storage\.objectUser$/],
      ['input', /^roles\/storage\.object(?:User|Viewer)$/],
    ].flatMap(([bucket, role]) =>
      [/^serviceAccount:[\w-]+-submit@/, /^serviceAccount:service-\d+@gcp-sa-aiplatform\./]
        .filter(
          (member) =>
            !ofType(plan, 'google_storage_bucket_iam_member').some(
              ({ values }) =>
                text(values['bucket']).endsWith(`-${String(bucket)}`) &&
                new RegExp(role ?? '').test(text(values['role'])) &&
                member.test(text(values['member'])),
            ),
        )
        .map((member) => `${member.source} has no access to the bucket ${String(bucket)}`),
    ),

  'every function with the key may read it': (plan) =>
    broken(ofType(plan, FUNCTION), (resource) => {
      const { secret_environment_variables: secrets, service_account_email: email } = serviceOf(resource);
      const reads = ofType(plan, 'google_secret_manager_secret_iam_member').some(
        ({ values }) => values['member'] === `serviceAccount:${text(email)}`,
      );
      return z.array(z.unknown()).parse(secrets ?? []).length === 0 || reads ? undefined : 'cannot read it';
    }),

  'a custom role can be created again after it was deleted': (plan) =>
    broken(ofType(plan, 'google_project_iam_custom_role'), ({ values }) =>
      // Google refuses the id of a deleted role for a month.
      /_\d{12}$/.test(text(values['role_id']))
        ? undefined
        : `has the same id every time: ${values['role_id']}`,
    ),

  'nothing depends on whether the provider is 7 or 8': (plan) =>
    broken(plan, (resource) => {
      if (REMOVED_BY_PROVIDER_8.test(resource.type)) return 'does not exist in provider 8';
      if (CHANGED_BY_PROVIDER_8.test(resource.type)) return 'is of a type that provider 8 changed';
      return NEW_DEFAULT_IN_PROVIDER_8.test(resource.type) && !isGiven(resource, 'load_balancing_scheme')
        ? 'has another default load_balancing_scheme in provider 8'
        : undefined;
    }),

  'every resource sets its project': (plan) =>
    broken(plan, (resource) =>
      // Without a project argument, the provider's default project would apply.
      'project' in resource.unknown && !isGiven(resource, 'project') ? 'does not set its project' : undefined,
    ),

  'everything that takes labels carries the app and the deployment': (plan) =>
    broken(plan, ({ values }) => {
      // Terraform shows every argument of the provider's schema, as null if it is not set. Where both exist, `labels`
      // are the settings of a notification channel.
      const name = ['user_labels', 'labels'].find((each) => each in values);
      if (name === undefined) return undefined;
      const labels = z.record(z.string(), z.string()).parse(values[name] ?? {});
      const missing = ['app', 'deployment'].filter((key) => !labels[key]);
      return missing.length === 0 ? undefined : `has no ${missing.join(', ')} in ${name}`;
    }),

  'one key encrypts everything that takes it, or none does': (plan) => {
    const [first = ''] = plan.flatMap((resource) => keyOf(resource) || []);
    return broken(plan, (resource) => {
      const key = keyOf(resource);
      return key === undefined || key === first ? undefined : `has the key '${key}', others '${first}'`;
    });
  },

  'a key is in the location of what it encrypts': (plan) =>
    broken(plan, (resource) => {
      const key = resource.type === 'google_firestore_database' ? databaseKeyOf(resource) : keyOf(resource);
      const where = placeOf(resource);
      if (!key || where === undefined) return undefined;
      const expected = { eur3: 'europe', nam5: 'us', nam7: 'us' }[where] ?? where;
      return key.split('/')[3] === expected ? undefined : `is in ${where}, its key is not: ${key}`;
    }),

  'every agent that encrypts may use the key': (plan) =>
    broken(plan, (resource) => {
      const key = resource.type === 'google_firestore_database' ? databaseKeyOf(resource) : keyOf(resource);
      if (!key) return undefined;
      const missing = (KEY_USERS[resource.type] ?? [`unknown user for ${resource.type}`]).filter(
        (agent) =>
          !ofType(plan, 'google_kms_crypto_key_iam_member').some(
            ({ values }) =>
              values['crypto_key_id'] === key &&
              values['role'] === 'roles/cloudkms.cryptoKeyEncrypterDecrypter' &&
              new RegExp(`^serviceAccount:service-\\d+@${agent}\\.`).test(text(values['member'])),
          ),
      );
      return missing.length === 0 ? undefined : `${missing.join(', ')} may not use ${key}`;
    }),

  'every function’s images are in the repository of the plan': (plan) =>
    broken(ofType(plan, FUNCTION), ({ values }) => {
      const images = text(block(values, 'build_config')['docker_repository']);
      return ofType(plan, 'google_artifact_registry_repository').some((repository) =>
        images.endsWith(`/repositories/${text(repository.values['repository_id'])}`),
      )
        ? undefined
        : `is built to ${images}, which does not exist`;
    }),

  'every function uses the network, or none does': (plan) => {
    const wayOut = (resource: PlannedResource): string => {
      if (resource.type === FUNCTION) {
        const service = serviceOf(resource);
        const egress = text(service['direct_vpc_egress'] ?? service['vpc_connector_egress_settings']);
        const network = block(service, 'direct_vpc_network_interface');
        return JSON.stringify([egress.replace('VPC_EGRESS_', ''), text(service['vpc_connector']), network]);
      }
      const access = block(block(resource.values, 'template'), 'vpc_access');
      return JSON.stringify([
        text(access['egress']),
        text(access['connector']),
        block(access, 'network_interfaces'),
      ]);
    };
    const callers = [...ofType(plan, FUNCTION), ...ofType(plan, 'google_cloud_run_v2_service')];
    const [first] = callers;
    return first
      ? broken(callers, (each) => (wayOut(each) === wayOut(first) ? undefined : `calls by ${wayOut(each)}`))
      : [];
  },

  'keys mode can be reached from where the API can': (plan) => {
    const [api] = ofType(plan, FUNCTION).filter(({ key }) => key === 'api');
    const expected = {
      ALLOW_ALL: 'INGRESS_TRAFFIC_ALL',
      ALLOW_INTERNAL_ONLY: 'INGRESS_TRAFFIC_INTERNAL_ONLY',
      ALLOW_INTERNAL_AND_GCLB: 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER',
    }[text(api && serviceOf(api)['ingress_settings'])];
    return broken(ofType(plan, 'google_cloud_run_v2_service'), ({ values }) =>
      values['ingress'] === expected ? undefined : `has ${text(values['ingress'])}, not ${expected}`,
    );
  },

  'behind a load balancer there is Cloud Armor, and no other public way': (plan) => {
    const backends = ofType(plan, 'google_compute_backend_service');
    const open = ofType(plan, FUNCTION).filter(
      (each) => serviceOf(each)['ingress_settings'] === 'ALLOW_ALL' && backends.length > 0,
    );
    return [
      ...broken(backends, (resource) =>
        isGiven(resource, 'security_policy') || resource.unknown['security_policy'] === true
          ? undefined
          : 'has no security_policy',
      ),
      ...broken(open, () => 'can be reached around the load balancer'),
    ];
  },

  'nothing stores or processes data outside data_locations': (plan) => {
    const [one] = ofType(plan, FUNCTION);
    const environment = one ? environmentOf(one) : {};
    const allowed = (environment['CLAPPER_DATA_LOCATIONS'] ?? '').split(',').filter(Boolean);
    if (allowed.length === 0) return [];
    const vertex = environment['CLAPPER_VERTEX_LOCATION'] ?? '';
    return [
      ...broken(plan, (resource) => {
        const where = placeOf(resource);
        return where === undefined || allowed.includes(where) ? undefined : `is in ${where}`;
      }),
      ...(allowed.includes(vertex) ? [] : [`Vertex AI is called in ${vertex}`]),
    ];
  },
} as const satisfies Readonly<Record<string, Rule>>;
