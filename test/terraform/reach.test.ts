/** The builds of the delivery cannot become owner: every way from their accounts through the grants of the plan. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { becomes, ESCALATES, type Reached, reachOf } from './reach.ts';
import {
  block,
  copyOfModule,
  DELIVERY_VARIABLES,
  ofType,
  type PlannedResource,
  PROJECT,
  planIn,
  TERRAFORM_TIMEOUT_MS,
  whyNoPlan,
} from './terraform.ts';

/** The accounts of the deployment, which the build that deploys acts as. */
const DEPLOYED = ['api', 'batch', 'landed', 'notify', 'poll', 'submit', 'sweep', 'upload'].concat([
  'build',
  'tasks',
  'triggers',
]);

const isNamed = (bucket: string): string =>
  `resource.name == "projects/_/buckets/${PROJECT}-clapper-${bucket}" || resource.name.startsWith("projects/_/buckets/${PROJECT}-clapper-${bucket}/")`;
const THREE_BUCKETS = `project if ${['input', 'output', 'source'].map(isNamed).join(' || ')}`;

/** The only rights over grants. Each is about resources of the deployment. */
const ALLOWED: readonly string[] = [
  'pubsub.topics.setIamPolicy on project',
  'run.services.setIamPolicy on project',
  `storage.buckets.setIamPolicy on ${THREE_BUCKETS}`,
  `storage.managedFolders.setIamPolicy on ${THREE_BUCKETS}`,
  `storage.objects.setIamPolicy on ${THREE_BUCKETS}`,
];

const WRITES_OBJECTS = /^storage\.objects\.(?:create|delete|update)$/;
const READS_DATA = /^(?:secretmanager\.versions\.access|datastore\.entities\.)/;

const escalations = (reached: readonly Reached[]): string[] =>
  reached
    .filter(({ permission }) => ESCALATES.test(permission))
    .map(({ path: way, permission, on }) =>
      way.length === 1 ? `${permission} on ${on}` : `${permission} on ${on}, as ${way.at(-1)}`,
    );

describe.skipIf(whyNoPlan)(`the builds of the delivery${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  let delivery: readonly PlannedResource[] = [];
  let deployment: readonly PlannedResource[] = [];
  let plan: readonly PlannedResource[] = [];

  beforeAll(async () => {
    const copy = copyOfModule();
    delivery = await planIn(path.join(copy, 'delivery'), ...DELIVERY_VARIABLES);
    // The deployment as the builds plan it.
    deployment = await planIn(
      copy,
      '-var=bootstrap=false',
      `-var=source_zip=${path.join(copy, 'tests/fixtures/functions.zip')}`,
    );
    plan = [...delivery, ...deployment];
  }, TERRAFORM_TIMEOUT_MS);

  const granted = (
    account: string,
    role: string,
    on: Readonly<Record<string, unknown>> = { type: 'google_project_iam_member' },
  ): readonly PlannedResource[] => [
    ...plan,
    {
      address: `${String(on['type'])}.added`,
      type: String(on['type']),
      key: String(on['key'] ?? ''),
      values: { role, member: `serviceAccount:${account}@${PROJECT}.iam.gserviceaccount.com`, ...on },
      unknown: {},
    },
  ];

  it('plan: changes no grant, role or account, and becomes no account', () => {
    const reached = reachOf(plan, 'clapper-ci-plan');
    expect(reached.length).toBeGreaterThan(10);
    expect(escalations(reached)).toEqual([]);
    expect(becomes(reached)).toEqual([]);
  });

  it('plan: writes only its own plans and the lock of the state, and reads no job and no secret', () => {
    const reached = reachOf(plan, 'clapper-ci-plan');
    const written = reached
      .filter(({ permission }) => WRITES_OBJECTS.test(permission))
      .map(({ permission, on }) => `${permission} on ${on}`);
    const lock = `bucket ${PROJECT}-tfstate if resource.name == "projects/_/buckets/${PROJECT}-tfstate/objects/clapper/default.tflock"`;
    expect(written.sort()).toEqual(
      [
        `storage.objects.create on bucket ${PROJECT}-clapper-plans`,
        `storage.objects.create on ${lock}`,
        `storage.objects.delete on ${lock}`,
        `storage.objects.update on ${lock}`,
      ].sort(),
    );
    expect(reached.filter(({ permission }) => READS_DATA.test(permission))).toEqual([]);
  });

  it('apply: changes grants of the deployment’s own resources only, itself and as any account that it can become', () => {
    expect(escalations(reachOf(plan, 'clapper-ci-apply')).sort()).toEqual([...ALLOWED].sort());
  });

  it('apply: becomes exactly the accounts of the deployment', () => {
    expect([...becomes(reachOf(plan, 'clapper-ci-apply'))].sort()).toEqual(
      DEPLOYED.map((account) => `clapper-${account}`).sort(),
    );
  });

  it('apply: writes the state, but neither the plans nor clapper.tfvars', () => {
    const prefix = `bucket ${PROJECT}-tfstate if resource.name.startsWith("projects/_/buckets/${PROJECT}-tfstate/objects/clapper/")`;
    const written = reachOf(plan, 'clapper-ci-apply')
      .filter(({ path: way, permission }) => way.length === 1 && WRITES_OBJECTS.test(permission))
      .map(({ on }) => on);
    expect(new Set(written)).toEqual(new Set([prefix, THREE_BUCKETS]));
  });

  it('apply: reads jobs and secrets only as a function that it deploys', () => {
    const direct = reachOf(plan, 'clapper-ci-apply').filter(
      ({ path: way, permission }) => way.length === 1 && READS_DATA.test(permission),
    );
    expect(direct).toEqual([]);
  });

  it('apply: has nothing to create that gives rights: the delivery has created it', () => {
    const gives = /^google_(?:project_iam|project_service|service_account|secret_manager|artifact_registry)/;
    expect(deployment.filter(({ type }) => gives.test(type))).toEqual([]);
    const accounts = ofType(delivery, 'google_service_account').map(({ values }) => values['email']);
    const used = ofType(deployment, 'google_cloudfunctions2_function').map(
      ({ values }) => block(values, 'service_config')['service_account_email'],
    );
    expect(used).toHaveLength(8);
    expect(accounts).toEqual(expect.arrayContaining(used));
  });

  describe('would be found to be too powerful', () => {
    const apply = 'clapper-ci-apply';
    it.each([
      ['roles/iam.roleAdmin', 'iam.roles.update on project'],
      ['roles/resourcemanager.projectIamAdmin', 'resourcemanager.projects.setIamPolicy on project'],
      ['roles/iam.serviceAccountAdmin', 'iam.serviceAccounts.setIamPolicy on project'],
      ['roles/secretmanager.admin', 'secretmanager.secrets.setIamPolicy on project'],
      ['roles/cloudtasks.queueAdmin', 'cloudtasks.queues.setIamPolicy on project'],
      ['roles/cloudbuild.builds.approver', 'cloudbuild.builds.approve on project'],
      ['roles/cloudbuild.builds.editor', 'cloudbuild.builds.create on project'],
      ['roles/serviceusage.serviceUsageAdmin', 'serviceusage.services.enable on project'],
    ])('with %s', (role, found) => {
      expect(escalations(reachOf(granted(apply, role), apply))).toContain(found);
    });

    it.each(['roles/iam.serviceAccountUser', 'roles/iam.serviceAccountTokenCreator'])(
      'with %s for the project',
      (role) => {
        expect(becomes(reachOf(granted(apply, role), apply))).toContain('any');
      },
    );

    it('with a condition that names roles, since a role’s content can change', () => {
      const condition = [{ expression: 'api.getAttribute(…).hasOnly([…])' }];
      const plans = granted(apply, 'roles/resourcemanager.projectIamAdmin', {
        type: 'google_project_iam_member',
        condition,
      });
      expect(escalations(reachOf(plans, apply)).join()).toContain('resourcemanager.projects.setIamPolicy');
    });

    it('with an account of the deployment that can become another', () => {
      const viaSubmit = granted('clapper-submit', 'roles/iam.serviceAccountTokenCreator', {
        type: 'google_service_account_iam_member',
        key: 'x/ci-owner',
      });
      expect(becomes(reachOf(viaSubmit, apply))).toContain('clapper-ci-owner');
    });

    it('with an account of the deployment that may change roles', () => {
      expect(escalations(reachOf(granted('clapper-sweep', 'roles/iam.roleAdmin'), apply))).toContain(
        'iam.roles.update on project, as clapper-sweep',
      );
    });

    it('with a role whose permissions are not listed', () => {
      expect(() => reachOf(granted(apply, 'roles/editor'), apply)).toThrow(/has no roles\/editor: add it/);
    });
  });
});
