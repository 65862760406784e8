/** `terraform/README.md`: its generated parts are up to date, and its table of permissions agrees with the plan. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { handleSweep } from '../../functions/handlers/sweep.ts';
import { PER_JOB, QUERIES_PER_SWEEP } from '../../infra/terraform/costs.ts';
import { withGeneratedParts } from '../../infra/terraform/readme.ts';
import { accept, finishesAfter } from '../support/jobs.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import {
  block,
  copyOfModule,
  EXAMPLES,
  MODULE,
  type PlannedResource,
  PROJECT,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  text,
  whyNoPlan,
} from './terraform.ts';

/** The `name` of the example. */
const NAME = 'studio';
const readme = readFileSync(path.join(MODULE, 'README.md'), 'utf8');

describe('the README of the module', () => {
  it('is up to date: npm run terraform:readme', () => {
    expect(withGeneratedParts(readme, MODULE)).toBe(readme);
  });

  it('has every variable, output and queue', () => {
    const names = (file: string, kind: string): string[] =>
      [...readFileSync(path.join(MODULE, file), 'utf8').matchAll(new RegExp(`^${kind} "(\\w+)"`, 'gm'))].map(
        ([, name]) => `| \`${name}\` |`,
      );
    const all = [...names('variables.tf', 'variable'), ...names('outputs.tf', 'output')];
    expect(all.filter((row) => !readme.includes(row))).toEqual([]);
    expect(readme.match(/^\| `submit-/gm)?.length).toBeGreaterThan(10);
    expect(readme.match(/^\| `(?:api|submit|poll|notify|upload|landed|batch|sweep)` \| 1 /gm)).toHaveLength(
      8,
    );
  });

  it('names every example', () => {
    for (const example of EXAMPLES) expect(readme).toContain(`(examples/${example}/main.tf)`);
  });

  it('calculates with the number of queries that an idle sweep makes', async () => {
    let queries = 0;
    const counting = <T extends object>(store: T): T =>
      new Proxy(store, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          queries++;
          return value.bind(target);
        },
      });
    const { services } = makeWorld({ events: { publish: async () => {} } });
    await handleSweep({ ...services, jobs: counting(services.jobs), batches: counting(services.batches) });
    expect(queries).toBe(QUERIES_PER_SWEEP);
  });

  it('calculates with at least the writes and tasks of a job whose model takes two minutes', async () => {
    const world = makeWorld();
    finishesAfter(world, 120_000);
    await accept(world);
    await runFor(world, 3_600_000);
    // Plus two writes of the rate limiter. Each task has two operations: it is created and delivered.
    expect(world.jobs.writes + 2).toBeLessThanOrEqual(PER_JOB.writes);
    expect(world.tasks.enqueued * 2).toBeLessThanOrEqual(PER_JOB.taskOperations);
  });
});

/** The rows of the table, as `who | role | on`. */
const written = (): string[] =>
  readme
    .slice(readme.indexOf('<!-- permissions'), readme.indexOf('<!-- end permissions'))
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:who|---)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, 4)
        .map((cell) => cell.trim())
        .join(' | '),
    );

const AGENTS: Readonly<Record<string, string>> = {
  'gcf-admin-robot': 'Cloud Functions',
  'gcp-sa-aiplatform': 'Vertex AI',
  'gcp-sa-artifactregistry': 'Artifact Registry',
  'gcp-sa-cloudtasks': 'Cloud Tasks',
  'gcp-sa-eventarc': 'Eventarc',
  'gcp-sa-firestore': 'Firestore',
  'gcp-sa-pubsub': 'Pub Sub',
  'gcp-sa-secretmanager': 'Secret Manager',
  'gs-project-accounts': 'Cloud Storage',
  'serverless-robot-prod': 'Cloud Run',
};

function whoOf({ values, address }: PlannedResource): string {
  const member = text(values['member']);
  const account = new RegExp(`^serviceAccount:${NAME}-([a-z]+)@${PROJECT}\\.`).exec(member)?.[1];
  if (account) return account;
  if (member.includes('billing-budget-alert@system')) return 'Cloud Billing';
  if (address.includes('.caller[')) return 'callers';

  const agent = /service-\d+@([\w-]+)\./.exec(member)?.[1];
  if (agent) return AGENTS[agent] ?? `unknown agent ${agent}`;
  return `unknown member ${member} of ${address}`;
}

/** Accounts by the names of their grants' resources, because the account's id is known only after the apply. */
const ACCOUNT_OF: Readonly<Record<string, string>> = { tasks_user: 'tasks', api_signs: 'api' };

/** The scope of a project grant, by its condition. */
const PLACES: Readonly<Record<string, string>> = {
  [`resource.name == "projects/${PROJECT}/databases/${NAME}-2"`]: 'project, this database',
  'resource.name.startsWith("projects/_/buckets/gcf-v2-sources-123456789012-europe-west4")':
    'project, Google’s copies of sources',
};

function whereOf({ type, values, address }: PlannedResource): string {
  const short = (name: unknown): string => text(name).replace(`${PROJECT}-`, '').replace(`${NAME}-`, '');
  switch (type) {
    case 'google_project_iam_member':
      return PLACES[text(block(values, 'condition')['expression'])] ?? 'project';
    case 'google_kms_crypto_key_iam_member':
      return text(values['crypto_key_id']).endsWith('/database') ? 'firestore_kms_key' : 'kms_key';
    case 'google_storage_bucket_iam_member':
      return `bucket ${short(values['bucket'])}`;
    case 'google_secret_manager_secret_iam_member':
      return `secret ${short(values['secret_id'])}`;
    case 'google_pubsub_topic_iam_member':
      return `topic ${short(values['topic'])}`;
    case 'google_cloud_run_v2_service_iam_member':
      return `function ${short(values['name'])}`;
    case 'google_artifact_registry_repository_iam_member':
      return `repository ${/\.build$/.test(address) ? 'functions' : address}`;
    case 'google_service_account_iam_member':
      return `account ${ACCOUNT_OF[/_iam_member\.(\w+)/.exec(address)?.[1] ?? ''] ?? address}`;
    default:
      return `unknown kind ${type}`;
  }
}

describe.skipIf(whyNoPlan)(`the table of permissions${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  let plan: readonly PlannedResource[] = [];
  beforeAll(async () => {
    const copy = copyOfModule();
    // The example that makes every possible grant.
    plan = await planOf(copy, 'full');
  }, TERRAFORM_TIMEOUT_MS);

  const granted = (): string[] => [
    ...new Set(
      plan
        .filter(({ type }) => /_iam_(?:member|binding|policy)$/.test(type))
        .map((resource) => {
          const role = text(resource.values['role'])
            .replace(`projects/${PROJECT}/roles/${NAME}`, 'clapper')
            // The minute of the first plan.
            .replace(/_\d{12}$/, '');
          return `${whoOf(resource)} | ${role} | ${whereOf(resource)}`;
        }),
    ),
  ];

  it('has every grant of the plan', () => {
    expect(
      granted()
        .filter((line) => !written().includes(line))
        .sort(),
    ).toEqual([]);
  });

  it('has only grants of the plan, each once', () => {
    expect(
      written()
        .filter((line) => !granted().includes(line))
        .sort(),
    ).toEqual([]);
    expect(new Set(written()).size).toBe(written().length);
  });

  it('has a reason for each', () => {
    const reasonless = readme
      .split('\n')
      .filter((line) => /^\| [\w ]+ \| (?:roles\/|clapper_)/.test(line) && line.split('|').length < 6);
    expect(reasonless).toEqual([]);
  });
});
