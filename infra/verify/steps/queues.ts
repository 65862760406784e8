/** The task queues: there, running, and with the rates that Terraform sent. */
import { z } from 'zod';
import settings from '../../../terraform/settings.json' with { type: 'json' };
import { allPages } from '../google.ts';
import { asAssumed, differs, type FreeStep } from '../step.ts';

const queuesSchema = z.object({
  queues: z
    .array(
      z.object({
        name: z.string(),
        state: z.string(),
        rateLimits: z.object({ maxDispatchesPerSecond: z.number().optional() }).optional(),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});

const overridesSchema = z.record(z.string(), z.looseObject({ requestsPerMinute: z.number().optional() }));

export const queues: FreeStep = {
  id: 'queues',
  title: 'Every queue runs, and Google returns its rate unchanged',
  async check({ google, deployment: { project, region, environment } }) {
    const all = await allPages(
      google,
      'cloudtasks.googleapis.com',
      `/v2/projects/${project}/locations/${region}/queues?pageSize=1000`,
      queuesSchema,
      (page) => page.queues,
    );
    const byName = new Map(all.map((queue) => [queue.name.slice(queue.name.lastIndexOf('/') + 1), queue]));
    const faults = [...expectedRates(environment['CLAPPER_CATALOGUE_OVERRIDES'])].flatMap(([name, rate]) => {
      const queue = byName.get(name);
      if (!queue) return [`${name} is missing`];
      const actual = queue.rateLimits?.maxDispatchesPerSecond;
      return [
        ...(queue.state === 'RUNNING' ? [] : [`${name} is ${queue.state}`]),
        ...(actual === rate ? [] : [`${name} has ${actual} dispatches a second, not ${rate}`]),
      ];
    });
    return faults.length > 0 ? differs(faults.join('; ')) : asAssumed(`${all.length} queues`);
  },
};

/** As `terraform/queues.tf` computes them. */
function expectedRates(overridesJson = '{}'): Map<string, number> {
  const overrides = overridesSchema.parse(JSON.parse(overridesJson));
  const rates = new Map<string, number>();
  for (const [id, { model, requestsPerMinute }] of Object.entries(settings.submit.models)) {
    const perMinute = overrides[model]?.requestsPerMinute ?? requestsPerMinute;
    for (const suffix of Object.values(settings.submit.lanes))
      rates.set(`${id}${suffix}`, Math.floor((perMinute / 60) * 1000) / 1000);
  }
  for (const [id, { maxDispatchesPerSecond }] of Object.entries(settings.queues))
    rates.set(id, maxDispatchesPerSecond);
  return rates;
}
