/**
 * The upgrade of a deployment: state of the module before accounts and grants moved to `terraform/bootstrap`, plan of
 * today's module. Nothing that holds data or an identity is deleted or replaced.
 */
import { copyFileSync, cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryDir } from '../support/temporary-dir.ts';
import { GRANT_ARGUMENTS, IMMUTABLE_ARGUMENTS } from './immutable-arguments.ts';
import {
  copyOfModule,
  DELIVERY_VARIABLES,
  MODULE,
  PROJECT,
  TERRAFORM_TIMEOUT_MS,
  terraformOrThrow,
  whyNoPlan,
} from './terraform.ts';

const FIRST_MODULE = fileURLToPath(new URL('fixtures/first-module', import.meta.url));

const valuesSchema = z.record(z.string(), z.unknown());
const changeSchema = z.object({
  address: z.string(),
  previous_address: z.string().optional(),
  mode: z.string(),
  type: z.string(),
  change: z.object({
    actions: z.array(z.string()),
    before: valuesSchema.nullable(),
    after: valuesSchema.nullable(),
    after_unknown: valuesSchema.default({}),
  }),
});
type Change = z.infer<typeof changeSchema>;

const isGrant = (type: string): boolean => type.endsWith('_iam_member');

/** What is at a path of blocks. A list of one block is that block. */
const at = (values: unknown, argument: string): unknown =>
  argument.split('.').reduce<unknown>((value, name) => {
    const one: unknown = Array.isArray(value) ? value[0] : value;
    return valuesSchema.catch({}).parse(one)[name];
  }, values);

/** The arguments of a change that make the provider replace the resource. */
function replacedBecauseOf({
  type,
  change: { actions, before, after, after_unknown: unknown },
}: Change): string[] {
  if (actions.join() !== 'update') return actions.includes('delete') ? ['is deleted'] : [];
  const immutable = isGrant(type) ? GRANT_ARGUMENTS : IMMUTABLE_ARGUMENTS[type];
  if (!immutable) throw new Error(`${type}: add what the provider cannot change to IMMUTABLE_ARGUMENTS`);
  const isEmpty = (value: unknown): boolean => value === undefined || value === null || String(value) === '';
  return immutable.filter((argument) => {
    const [was, is] = [at(before, argument), at(after, argument)];
    if (at(unknown, argument) === true) return true;
    return !(isEmpty(was) && isEmpty(is)) && JSON.stringify(was) !== JSON.stringify(is);
  });
}

/** Applies the old configuration in `old`, and plans `today` on its state. */
async function upgrade(old: string, today: string, ...variables: string[]): Promise<readonly Change[]> {
  const project = `-var=project_id=${PROJECT}`;
  await terraformOrThrow(old, 'init', '-input=false');
  await terraformOrThrow(old, 'apply', '-auto-approve', '-input=false', project, ...variables);
  copyFileSync(path.join(old, 'terraform.tfstate'), path.join(today, 'terraform.tfstate'));
  await terraformOrThrow(today, 'init', '-input=false');
  const file = path.join(today, 'upgrade');
  await terraformOrThrow(today, 'plan', '-input=false', `-out=${file}`, project, ...variables);
  const json = await terraformOrThrow(today, 'show', '-json', file);
  return z
    .object({ resource_changes: z.array(changeSchema) })
    .parse(JSON.parse(json.slice(json.indexOf('{'), json.lastIndexOf('}') + 1)))
    .resource_changes.filter(({ mode }) => mode === 'managed');
}

function copyOfFirstModule(): string {
  const root = temporaryDir();
  cpSync(FIRST_MODULE, path.join(root, 'terraform'), { recursive: true });
  cpSync(path.join(MODULE, 'tests/fixtures'), path.join(root, 'dist'), { recursive: true });
  // Its delivery reads the steps of the builds. Today's will do.
  for (const name of ['cloudbuild.yaml', 'cloudbuild.apply.yaml'])
    cpSync(path.join(MODULE, '..', name), path.join(root, name));
  return path.join(root, 'terraform');
}

const lost = (changes: readonly Change[]): string[] =>
  changes.flatMap((each) => replacedBecauseOf(each).map((why) => `${each.address}: ${why}`));

describe.skipIf(whyNoPlan)(
  `the upgrade of a deployment${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`,
  () => {
    const variables: Readonly<Record<string, readonly string[]>> = {
      'only project_id': [],
      'most variables': [`-var-file=${path.join(FIRST_MODULE, 'full.tfvars.json')}`],
    };
    const changes = new Map<string, readonly Change[]>();
    beforeAll(async () => {
      for (const [name, given] of Object.entries(variables))
        changes.set(name, await upgrade(copyOfFirstModule(), copyOfModule(), ...given));
    }, TERRAFORM_TIMEOUT_MS);

    describe.each(Object.keys(variables))('that sets %s', (name) => {
      const all = (): readonly Change[] => changes.get(name) ?? [];

      it('deletes one grant, which a wider one replaces, and replaces nothing', () => {
        expect(lost(all())).toEqual([
          // The sweep writes error files of uploads now: storage.objectUser.
          'google_storage_bucket_iam_member.function["input/sweep/roles/storage.objectViewer"]: is deleted',
        ]);
      });

      it('moves every account, role, secret and grant that it has, and creates no account, role or secret', () => {
        const identities = /^google_(?:service_account|project_iam_custom_role|secret_manager_secret)$/;
        const created = all().filter(
          ({ type, change }) => identities.test(type) && change.actions.includes('create'),
        );
        expect(created.map(({ address }) => address)).toEqual([]);
        const moved = all().filter((each) => each.previous_address !== undefined);
        expect(moved.map(({ address }) => address)).toEqual(
          expect.arrayContaining(
            ['google_service_account.tasks', 'google_secret_manager_secret.gemini_key'].map(
              (address) => `module.bootstrap[0].${address}`,
            ),
          ),
        );
      });

      it('keeps the database, the buckets and the queues where they are', () => {
        const kept = all().filter(({ type }) =>
          /^google_(?:firestore_database|storage_bucket|cloud_tasks_queue)$/.test(type),
        );
        const gone = kept.filter(({ change }) => change.before !== null && change.after === null);
        expect(gone.map(({ address }) => address)).toEqual([]);
        expect(kept.filter(({ change }) => change.before !== null).length).toBeGreaterThan(40);
      });
    });

    it('is noticed when it would replace the database, although a plan with only schemas shows an update', () => {
      const database = (changes.get('only project_id') ?? []).find(
        ({ type }) => type === 'google_firestore_database',
      );
      expect(database?.change.before).toBeTruthy();
      const before = database?.change.before ?? {};
      const elsewhere = {
        ...before,
        location_id: 'nam5',
        cmek_config: [{ kms_key_name: 'projects/p/locations/us/keyRings/r/cryptoKeys/k' }],
      };
      const change = { actions: ['update'], before, after: elsewhere, after_unknown: {} };
      expect(
        lost([{ address: 'database', mode: 'managed', type: 'google_firestore_database', change }]),
      ).toEqual(['database: cmek_config', 'database: location_id']);
    });

    it(
      'of the delivery deletes only grants of the builds, and no account',
      async () => {
        const [old, today] = [copyOfFirstModule(), copyOfModule()];
        const delivery = await upgrade(
          path.join(old, 'delivery'),
          path.join(today, 'delivery'),
          ...DELIVERY_VARIABLES,
        );
        const deleted = delivery.filter((each) => replacedBecauseOf(each).length > 0);
        expect(deleted.filter(({ type }) => !isGrant(type)).map(({ address }) => address)).toEqual([]);
        const members = deleted.map(({ change }) => String(change.before?.['member']));
        expect(members.filter((member) => !/clapper-ci-(?:plan|apply)@/.test(member))).toEqual([]);
      },
      TERRAFORM_TIMEOUT_MS,
    );
  },
);

describe('the modules', () => {
  it('allow the same versions of the provider, 7.40 to all of 8, and of terraform', () => {
    const versions = ['', 'bootstrap', 'delivery'].map((name) =>
      readFileSync(path.join(MODULE, name, 'versions.tf'), 'utf8'),
    );
    expect(new Set(versions).size).toBe(1);
    expect(versions[0]).toContain('version = ">= 7.40, < 9"');
  });
});
