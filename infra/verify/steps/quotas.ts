/** Quotas of the project: instances of the functions, and calls of the models. */
import { z } from 'zod';
import { allPages } from '../google.ts';
import { asAssumed, type Context, differs, type FreeStep, unknown } from '../step.ts';

const quotasSchema = z.object({
  quotaInfos: z
    .array(
      z.object({
        quotaId: z.string(),
        metric: z.string().optional(),
        dimensionsInfos: z
          .array(
            z.object({
              dimensions: z.record(z.string(), z.string()).optional(),
              // 64-bit numbers are strings in Google's JSON.
              details: z.object({ value: z.coerce.number().optional() }).optional(),
              applicableLocations: z.array(z.string()).optional(),
            }),
          )
          .optional(),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});
type QuotaInfo = NonNullable<z.infer<typeof quotasSchema>['quotaInfos']>[number];

const quotasOf = ({ google, deployment }: Context, service: string): Promise<QuotaInfo[]> =>
  allPages(
    google,
    'cloudquotas.googleapis.com',
    `/v1/projects/${deployment.project}/locations/global/services/${service}/quotaInfos?pageSize=200`,
    quotasSchema,
    (page) => page.quotaInfos,
  );

/** The value for these dimensions: the first that matches, because Google lists more specific ones first. */
function quotaFor(
  quota: QuotaInfo | undefined,
  wanted: Readonly<Record<string, string>>,
): number | undefined {
  const { region } = wanted;
  const info = quota?.dimensionsInfos?.find(
    ({ dimensions = {}, applicableLocations }) =>
      Object.entries(dimensions).every(
        ([key, value]) => wanted[key] === undefined || wanted[key] === value,
      ) &&
      (region === undefined ||
        dimensions['region'] === region ||
        applicableLocations === undefined ||
        applicableLocations.includes(region)),
  );
  const value = info?.details?.value;
  // Google's -1 is no limit.
  return value === -1 ? Number.POSITIVE_INFINITY : value;
}

export const instanceQuota: FreeStep = {
  id: 'instance-quota',
  title: 'The quota of the region carries all instances of all functions',
  async check(context) {
    const { functions, region } = context.deployment;
    const quotas = await quotasOf(context, 'run.googleapis.com');
    const find = (id: string): number | undefined =>
      quotaFor(
        quotas.find(({ quotaId }) => quotaId === id),
        { region },
      );
    // In thousandths of a vCPU and in bytes.
    const [milliCpu, bytes] = [find('CpuAllocPerProjectRegion'), find('MemAllocPerProjectRegion')];
    if (milliCpu === undefined || bytes === undefined)
      return unknown('The quotas CpuAllocPerProjectRegion and MemAllocPerProjectRegion are not listed.');
    const need = functions.reduce(
      (sum, { cpu, memoryGiB, maxInstances }) => ({
        cpu: sum.cpu + cpu * maxInstances,
        memory: sum.memory + memoryGiB * maxInstances,
      }),
      { cpu: 0, memory: 0 },
    );
    const has = { cpu: milliCpu / 1000, memory: bytes / 2 ** 30 };
    const seen = `the functions take up to ${need.cpu} vCPU and ${need.memory} GiB; ${region} has ${has.cpu} vCPU and ${has.memory} GiB`;
    return need.cpu <= has.cpu && need.memory <= has.memory ? asAssumed(seen) : differs(seen);
  },
};

const METRIC = 'aiplatform.googleapis.com/long_running_online_prediction_requests_per_base_model';

export const modelQuota: FreeStep = {
  id: 'model-quota',
  title: "The models' quotas in this project are the calls a minute that the catalogue assumes",
  async check(context) {
    const quota = (await quotasOf(context, 'aiplatform.googleapis.com')).find(
      ({ metric }) => metric === METRIC,
    );
    const region = context.deployment.environment['CLAPPER_VERTEX_LOCATION'] ?? context.deployment.region;
    const models = (await context.api.models()).models.filter(
      ({ kind, provider, stage }) => kind === 'video' && provider === 'vertex' && stage !== 'retired',
    );
    const lines = models.map(({ model, requestsPerMinute }) => ({
      isAsAssumed: quotaFor(quota, { base_model: model, region }) === requestsPerMinute,
      text: `${model} ${quotaFor(quota, { base_model: model, region }) ?? 'not listed'} (assumed ${requestsPerMinute})`,
    }));
    const seen = lines.map(({ text }) => text).join(', ');
    if (!quota) return unknown(`The quota ${METRIC} is not listed.`);
    return lines.every(({ isAsAssumed }) => isAsAssumed) ? asAssumed(seen) : differs(seen);
  },
};
