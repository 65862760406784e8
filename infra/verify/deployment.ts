/** Finds the deployment: its functions, and the names and settings in the environment that Terraform gave them. */
import { z } from 'zod';
import { allPages, type Google } from './google.ts';

const FUNCTIONS = ['api', 'submit', 'poll', 'notify', 'upload', 'landed', 'batch', 'sweep'];

const functionsSchema = z.object({
  functions: z
    .array(
      z.object({
        name: z.string(),
        serviceConfig: z.object({
          availableCpu: z.string().optional(),
          availableMemory: z.string().optional(),
          maxInstanceCount: z.number().optional(),
          environmentVariables: z.record(z.string(), z.string()).optional(),
        }),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});

export interface DeployedFunction {
  /** With the prefix: `clapper-api`. It is also the name of the Cloud Run service. */
  readonly name: string;
  readonly cpu: number;
  readonly memoryGiB: number;
  readonly maxInstances: number;
}

export interface Deployment {
  readonly project: string;
  readonly projectNumber: string;
  readonly region: string;
  /** Terraform's `name`. */
  readonly name: string;
  readonly apiUrl: string;
  readonly functions: readonly DeployedFunction[];
  /** The environment variables of the function `api`. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Where {
  readonly project: string;
  readonly region: string;
  readonly name: string;
  /** Instead of the function's own URL, for example that of a load balancer. */
  readonly apiUrl?: string | undefined;
}

/** @throws GoogleError; Error if the project has no such deployment */
export async function findDeployment(
  google: Google,
  { project, region, name, apiUrl }: Where,
): Promise<Deployment> {
  const { name: numbered } = await google.get(
    'cloudresourcemanager.googleapis.com',
    `/v3/projects/${project}`,
    z.object({ name: z.string() }),
  );
  const all = await allPages(
    google,
    'cloudfunctions.googleapis.com',
    `/v2/projects/${project}/locations/${region}/functions?pageSize=100`,
    functionsSchema,
    ({ functions }) => functions,
  );
  // Not those of another deployment, whose name begins with this one's.
  const ours = all.filter(({ name: full }) => FUNCTIONS.some((each) => idOf(full) === `${name}-${each}`));
  const api = ours.find((each) => idOf(each.name) === `${name}-api`);
  if (!api)
    throw new Error(
      `Project ${project} has no function ${name}-api in ${region}. ` +
        'Apply Terraform first, or name the deployment with --region and --name.',
    );
  const environment = api.serviceConfig.environmentVariables ?? {};
  const url = apiUrl ?? environment['CLAPPER_API_AUDIENCES']?.split(',')[0];
  if (!url) throw new Error(`${name}-api has no CLAPPER_API_AUDIENCES. Give its URL with --api.`);
  return {
    project,
    projectNumber: idOf(numbered),
    region,
    name,
    apiUrl: url.replace(/\/$/, ''),
    functions: ours.map(({ name: full, serviceConfig }) => ({
      name: idOf(full),
      cpu: Number(serviceConfig.availableCpu ?? '1'),
      memoryGiB: gibOf(serviceConfig.availableMemory ?? '256Mi'),
      maxInstances: serviceConfig.maxInstanceCount ?? 100,
    })),
    environment,
  };
}

const idOf = (resource: string): string => resource.slice(resource.lastIndexOf('/') + 1);

/** Converts `1Gi`, `512Mi`, `512M` or bytes to GiB. */
export function gibOf(quantity: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)(Gi|Mi|Ki|G|M|k)?$/.exec(quantity) ?? [];
  const bytes = { Gi: 2 ** 30, Mi: 2 ** 20, Ki: 2 ** 10, G: 1e9, M: 1e6, k: 1e3, '': 1 }[unit];
  if (number === '' || bytes === undefined)
    throw new Error(`'${quantity}' is no amount of memory, such as 512Mi.`);
  return (Number(number) * bytes) / 2 ** 30;
}
