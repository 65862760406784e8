/**
 * Runs the real terraform binary on a copy of the module.
 *
 * `CLAPPER_TERRAFORM_OFFLINE` is a folder with a tool that runs terraform with stub providers
 * (`node <folder>/src/tf-offline.mjs [--schema <file>] <dir> <arguments>`). With it all tests run, plan and apply included, without a
 * network and a cloud. `CLAPPER_TERRAFORM=registry` (`npm run test:terraform`) downloads the providers from the
 * registry instead. With it only the tests that need no cloud run.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { temporaryDir } from '../support/temporary-dir.ts';

export const MODULE = fileURLToPath(new URL('../../terraform', import.meta.url));
export const EXAMPLES = ['smallest', 'full', 'keys', 'gemini-key', 'company', 'load-balancer'] as const;
export type Example = (typeof EXAMPLES)[number];
export const PROJECT = 'my-videos-1';

const OFFLINE_TOOL = process.env['CLAPPER_TERRAFORM_OFFLINE'];
const FROM_REGISTRY = process.env['CLAPPER_TERRAFORM'] === 'registry';
/** For a hang. A plan of the whole module takes one or two seconds; a test on an overloaded machine took two minutes. */
export const TERRAFORM_TIMEOUT_MS = 600_000;

let schemaFile: string | undefined;

/**
 * The tool's schema with the types that only examples/load-balancer uses. Undefined for a tool that keeps its schema
 * elsewhere. Written again when an earlier test file has removed it.
 */
function offlineSchema(toolDir: string): string | undefined {
  const own = path.join(toolDir, 'schema/google-npm.json');
  if ((schemaFile !== undefined && existsSync(schemaFile)) || !existsSync(own)) return schemaFile;
  const schemaSchema = z.looseObject({ resources: z.record(z.string(), z.unknown()) });
  const read = (file: string | URL) => schemaSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const [more, tool] = [read(new URL('load-balancer-schema.json', import.meta.url)), read(own)];
  schemaFile = path.join(temporaryDir(), 'schema.json');
  writeFileSync(schemaFile, JSON.stringify({ ...tool, resources: { ...more.resources, ...tool.resources } }));
  return schemaFile;
}

const hasBinary = spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0;

/** Whether a provider can be downloaded. Tries one of the smallest. */
function canReachRegistry(): boolean {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-registry-'));
  try {
    const probe = 'terraform {\n  required_providers {\n    null = { source = "hashicorp/null" }\n  }\n}\n';
    writeFileSync(path.join(dir, 'main.tf'), probe);
    const options = { stdio: 'ignore', timeout: 30_000 } as const;
    return spawnSync('terraform', [`-chdir=${dir}`, 'init', '-input=false'], options).status === 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function whyNot(): string | undefined {
  if (!hasBinary) return 'terraform is not on the PATH';
  if (OFFLINE_TOOL) return undefined;
  if (!FROM_REGISTRY) return 'no providers: set CLAPPER_TERRAFORM_OFFLINE, or run npm run test:terraform';
  return canReachRegistry() ? undefined : 'no providers: the registry cannot be reached';
}

/** Why terraform cannot run; undefined when it can. */
export const whyNoTerraform = whyNot();

/** Why terraform cannot plan; undefined when it can. */
export const whyNoPlan =
  whyNoTerraform ?? (OFFLINE_TOOL ? undefined : 'plans need a cloud, or CLAPPER_TERRAFORM_OFFLINE');

export interface TerraformRun {
  readonly code: number;
  /** Standard output followed by standard error. */
  readonly output: string;
}

/** Runs `terraform <args>` in `dir`. */
export function terraform(dir: string, ...args: string[]): Promise<TerraformRun> {
  const schema = OFFLINE_TOOL && offlineSchema(OFFLINE_TOOL);
  const [command, all] = OFFLINE_TOOL
    ? [
        process.execPath,
        [
          path.join(OFFLINE_TOOL, 'src/tf-offline.mjs'),
          ...(schema ? ['--schema', schema] : []),
          dir,
          ...args,
        ],
      ]
    : ['terraform', [`-chdir=${dir}`, ...args]];
  const env = { ...process.env, NO_COLOR: '1', TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1' };
  return new Promise((resolve) => {
    execFile(command, all, { env, maxBuffer: 1 << 28 }, (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, output: stdout + stderr }),
    );
  });
}

/** @throws Error with the complete output of terraform */
export async function terraformOrThrow(dir: string, ...args: string[]): Promise<string> {
  const { code, output } = await terraform(dir, ...args);
  if (code !== 0) throw new Error(`terraform ${args.join(' ')} in ${dir} failed:\n${output}`);
  return output;
}

/** Copies the module and puts a stub of the built source beside it, where the repository has `dist`. */
export function copyOfModule(): string {
  const root = temporaryDir();
  cpSync(MODULE, path.join(root, 'terraform'), {
    recursive: true,
    filter: (source) => !/\.terraform|tfstate/.test(path.basename(source)),
  });
  cpSync(path.join(MODULE, 'tests/fixtures'), path.join(root, 'dist'), { recursive: true });
  for (const name of ['cloudbuild.yaml', 'cloudbuild.apply.yaml'])
    cpSync(path.join(MODULE, '..', name), path.join(root, name));
  return path.join(root, 'terraform');
}

const resourceSchema = z.object({
  address: z.string(),
  mode: z.string(),
  type: z.string(),
  index: z.union([z.string(), z.number()]).optional(),
  change: z.object({
    actions: z.array(z.string()),
    after: z.record(z.string(), z.unknown()).nullable(),
    after_unknown: z.record(z.string(), z.unknown()).default({}),
  }),
});

export interface PlannedResource {
  readonly address: string;
  readonly type: string;
  /** The key of `for_each`; empty without one. */
  readonly key: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** `true` at every argument that is known only after the apply. */
  readonly unknown: Readonly<Record<string, unknown>>;
}

const planSchema = z.object({ resource_changes: z.array(resourceSchema) });

/** The required variables of `terraform/delivery`. */
export const DELIVERY_VARIABLES: readonly string[] = [
  '-var=state_bucket=my-videos-1-tfstate',
  `-var=repository=projects/${PROJECT}/locations/us-central1/connections/github/repositories/clapper`,
];

const configurationSchema = z.object({
  configuration: z.object({
    root_module: z.object({
      module_calls: z.object({
        clapper: z.object({
          module: z.object({
            resources: z.array(
              z.object({ address: z.string(), depends_on: z.array(z.string()).default([]) }),
            ),
          }),
        }),
      }),
    }),
  }),
});

/** `depends_on` by resource of the module. Reads the plan that `planOf` has made of the example. */
export function dependenciesIn(moduleCopy: string, example: Example): ReadonlyMap<string, readonly string[]> {
  const json = readFileSync(path.join(moduleCopy, 'examples', example, 'plan.json'), 'utf8');
  const { configuration } = configurationSchema.parse(JSON.parse(json));
  const { resources } = configuration.root_module.module_calls.clapper.module;
  return new Map(resources.map(({ address, depends_on: dependencies }) => [address, dependencies]));
}

/** The resources that an example would create in an empty project. */
export const planOf = (moduleCopy: string, example: Example): Promise<readonly PlannedResource[]> =>
  planIn(path.join(moduleCopy, 'examples', example));

/** The resources that a plan without state would create. */
export async function planIn(dir: string, ...variables: string[]): Promise<readonly PlannedResource[]> {
  const file = path.join(dir, 'plan');
  await terraformOrThrow(dir, 'init', '-input=false', '-backend=false');
  await terraformOrThrow(
    dir,
    'plan',
    '-input=false',
    '-lock=false',
    `-out=${file}`,
    `-var=project_id=${PROJECT}`,
    ...variables,
  );
  const text = await terraformOrThrow(dir, 'show', '-json', file);
  const json = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  writeFileSync(`${file}.json`, json);
  return planSchema
    .parse(JSON.parse(json))
    .resource_changes.filter(({ mode }) => mode === 'managed')
    .map(({ address, type, index, change }) => ({
      address: address.replace(/^(?:module\.clapper\.)?(?:module\.bootstrap(?:\[0\])?\.)?/, ''),
      type,
      key: String(index ?? ''),
      values: change.after ?? {},
      unknown: change.after_unknown,
    }));
}

export const ofType = (plan: readonly PlannedResource[], type: string): readonly PlannedResource[] =>
  plan.filter((resource) => resource.type === type);

/** The first block of that name. In Terraform's JSON, blocks are lists. */
export function block(values: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  const list = z.array(z.record(z.string(), z.unknown())).parse(values[name] ?? []);
  return list[0] ?? {};
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const providerSchema = z.object({
  provider_schemas: z.record(
    z.string(),
    z.object({
      resource_schemas: z.record(
        z.string(),
        z.object({ block: z.object({ attributes: z.record(z.string(), z.looseObject({})).default({}) }) }),
      ),
    }),
  ),
});

/** The arguments of each resource type, by the providers of an initialized folder. Without nested blocks. */
export async function argumentsByType(dir: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const output = await terraformOrThrow(dir, 'providers', 'schema', '-json');
  const { provider_schemas: providers } = providerSchema.parse(JSON.parse(output));
  return new Map(
    Object.values(providers).flatMap(({ resource_schemas: types }) =>
      Object.entries(types).map(
        ([
          type,
          {
            block: { attributes },
          },
        ]) => [type, new Set(Object.keys(attributes))] as const,
      ),
    ),
  );
}
