/** Keys mode: a Cloud Run service with the image that Google built for the function `api`. */
import { z } from 'zod';
import { GoogleError } from '../google.ts';
import { asAssumed, type Context, differs, doesNotApply, type FreeStep } from '../step.ts';

const serviceSchema = z.object({
  template: z.object({ containers: z.array(z.object({ image: z.string() })) }),
});

const imageOf = async ({ google, deployment: { project, region, name } }: Context, service: string) =>
  (
    await google.get(
      'run.googleapis.com',
      `/v2/projects/${project}/locations/${region}/services/${name}-${service}`,
      serviceSchema,
    )
  ).template.containers[0]?.image;

export const keysImage: FreeStep = {
  id: 'keys-image',
  title: 'Keys mode runs the newest image of the API, and refuses calls without a key',
  async check(context) {
    const { deployment, fetch } = context;
    let image: string | undefined;
    try {
      image = await imageOf(context, 'keys');
    } catch (error) {
      if (error instanceof GoogleError && error.status === 404) return doesNotApply('api_keys is false');
      throw error;
    }
    const expected = await imageOf(context, 'api');
    if (image !== expected) return differs(`keys runs ${image}, api runs ${expected}`);
    const { name, projectNumber, region } = deployment;
    const url = `https://${name}-keys-${projectNumber}.${region}.run.app/v1/jobs`;
    const response = await fetch(url, { redirect: 'manual' });
    await response.body?.cancel();
    const seen = `image ${image}; without a key ${response.status}`;
    return response.status === 401 ? asAssumed(seen) : differs(seen);
  },
};
