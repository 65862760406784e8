/** The URLs by which the functions call one another, which Terraform computes before a function exists. */
import { z } from 'zod';
import { asAssumed, differs, type FreeStep } from '../step.ts';

export const urls: FreeStep = {
  id: 'urls',
  title: 'Each function answers at the URL that Terraform computes from its name and the project number',
  async check({ google, deployment: { project, projectNumber, region, functions } }) {
    const missing: string[] = [];
    for (const { name } of functions) {
      const service = await google.get(
        'run.googleapis.com',
        `/v2/projects/${project}/locations/${region}/services/${name}`,
        z.object({ uri: z.string().optional(), urls: z.array(z.string()).optional() }),
      );
      const expected = `https://${name}-${projectNumber}.${region}.run.app`;
      const actual = service.urls ?? [service.uri ?? ''];
      if (!actual.includes(expected)) missing.push(`${name} has ${actual.join(', ')}, not ${expected}`);
    }
    return missing.length > 0 ? differs(missing.join('; ')) : asAssumed(`${functions.length} functions`);
  },
};
