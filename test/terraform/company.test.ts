/** Keys and locations that Google sets only once: an existing deployment keeps them, and the plan says so. */
import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  copyOfModule,
  dependenciesIn,
  MODULE,
  PROJECT,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  type TerraformRun,
  terraform,
  terraformOrThrow,
  whyNoPlan,
} from './terraform.ts';

const KEY = 'projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data';
const OTHER_KEY = KEY.replace(/data$/, 'other');

/** What terraform would delete or make again. */
const lost = (plan: string): string[] =>
  plan.match(/^ {2}# .*(?:will be destroyed|must be replaced)$/gm) ?? [];
const isData = (line: string): boolean => /google_(?:firestore|storage|cloud_tasks|secret)/.test(line);

/** The output as one line: terraform wraps its errors. */
const unwrapped = ({ output }: TerraformRun): string => output.replaceAll(/\s+/g, ' ');

describe('examples/full', () => {
  it('sets every variable but two', () => {
    const example = readFileSync(path.join(MODULE, 'examples/full/main.tf'), 'utf8');
    const names = [
      ...readFileSync(path.join(MODULE, 'variables.tf'), 'utf8').matchAll(/^variable "(\w+)"/gm),
    ].map(([, name = '']) => name);
    expect(names.filter((name) => !new RegExp(`^  ${name} += `, 'm').test(example))).toEqual([
      // The delivery sets it to false.
      'bootstrap',
      // The default is the zip that the build makes.
      'source_zip',
    ]);
  });
});

describe.skipIf(whyNoPlan)(`a deployment that exists${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  const states = { plain: '', encrypted: '' };
  let module: string;
  const encrypted = `-var=kms_key=${KEY}`;

  /** Keeps the state under this name, and leaves none behind. */
  const apply = async (state: string, ...variables: string[]): Promise<string> => {
    await terraformOrThrow(
      module,
      'apply',
      '-auto-approve',
      '-input=false',
      `-var=project_id=${PROJECT}`,
      ...variables,
    );
    renameSync(path.join(module, 'terraform.tfstate'), path.join(module, state));
    return state;
  };
  const plan = (state: string, ...variables: string[]): Promise<TerraformRun> =>
    terraform(
      module,
      'plan',
      '-input=false',
      '-lock=false',
      `-state=${state}`,
      `-var=project_id=${PROJECT}`,
      ...variables,
    );

  beforeAll(async () => {
    module = copyOfModule();
    await terraformOrThrow(module, 'init', '-input=false');
    states.plain = await apply('plain.tfstate');
    states.encrypted = await apply('encrypted.tfstate', encrypted);
  }, TERRAFORM_TIMEOUT_MS);

  it('without a key gets one for all but the database, and nothing is deleted', async () => {
    const { code, output } = await plan(states.plain, `-var=kms_key=${KEY}`, '-var=firestore_kms_key=');
    expect(code, output).toBe(0);
    expect(lost(output)).toEqual([]);
    expect(output).not.toMatch(/# google_firestore_database.this will be/);
    expect(output).toContain('google_storage_bucket.output will be updated in-place');
  });

  it.each([
    [
      'no key and is to get one',
      'plain',
      [`-var=kms_key=${KEY}`],
      'has no key',
      'Set firestore_kms_key to ""',
    ],
    [
      'a key and is to lose it',
      'encrypted',
      [`-var=kms_key=${KEY}`, '-var=firestore_kms_key='],
      `has the key ${KEY}`,
      `Set firestore_kms_key to "${KEY}"`,
    ],
    [
      'a key and is to get another',
      'encrypted',
      [`-var=kms_key=${OTHER_KEY}`],
      `has the key ${KEY}`,
      `Set firestore_kms_key to "${KEY}"`,
    ],
  ] as const)(
    'is refused a plan when its database has %s, which names what to set',
    async (_, state, variables, is, todo) => {
      const run = await plan(states[state], ...variables);
      expect(run.code).toBe(1);
      expect(lost(run.output).filter(isData)).toEqual([]);
      expect(unwrapped(run)).toContain(`The database clapper ${is}`);
      expect(unwrapped(run)).toContain(todo);
    },
  );

  it('is refused a plan that moves its secret, which would lose the key in it', async () => {
    const run = await plan(states.plain, '-var=gemini_key_location=us-central1');
    expect(run.code).toBe(1);
    expect(lost(run.output).filter(isData)).toEqual([]);
    expect(unwrapped(run)).toContain(
      'The secret clapper-gemini-key is in automatic replication without a key of yours',
    );
  });

  it('may change its key, and Google can still decrypt what the earlier key has encrypted', async () => {
    const { code, output } = await plan(
      states.encrypted,
      `-var=kms_key=${OTHER_KEY}`,
      `-var=previous_kms_keys=["${KEY}"]`,
      `-var=firestore_kms_key=${KEY}`,
    );
    expect(code, output).toBe(0);
    expect(lost(output)).toEqual([]);
    expect(output).not.toMatch(/google_kms_crypto_key_iam_member\.this\[\S+\] will be updated/);
    expect(output.match(/google_kms_crypto_key_iam_member\.this\[\S+\] will be created/g)).toHaveLength(8);
  });

  it('creates what is encrypted after the grants on the key', async () => {
    await planOf(module, 'company');
    const dependencies = dependenciesIn(module, 'company');
    const encrypted = [...dependencies.keys()].filter((address) =>
      /^google_(?:storage_bucket|pubsub_topic|firestore_database|cloudfunctions2_function|cloud_run_v2_service)\.\w+$/.test(
        address,
      ),
    );
    expect(encrypted.length).toBeGreaterThanOrEqual(7);
    for (const address of encrypted) expect(dependencies.get(address), address).toContain('module.bootstrap');
  });

  it('with a key plans no changes as long as the variables stay', async () => {
    const run = await plan(states.encrypted, encrypted);
    expect(run.code, run.output).toBe(0);
    expect(run.output).toContain('No changes.');
  });

  it('is refused a database, a secret, models or a region outside data_locations, each by its name', async () => {
    const run = await plan(
      'none.tfstate',
      '-var=data_locations=["europe-west4"]',
      '-var=firestore_location=eur3',
      '-var=region=europe-west1',
    );
    expect(run.code).toBe(1);
    for (const named of [
      'buckets, queues, functions and images (region), europe-west1',
      'database clapper (firestore_location), eur3',
      'secret clapper-gemini-key (gemini_key_location), automatic replication',
      'calls of Vertex AI (vertex_location), us-central1',
    ])
      expect(unwrapped(run)).toContain(named);
  });
});
