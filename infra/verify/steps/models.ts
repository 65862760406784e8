/** Which models Vertex AI has, and where. Nothing is generated. */
import { z } from 'zod';
import { GoogleError, vertexHost } from '../google.ts';
import { asAssumed, type Context, compare, differs, type FreeStep } from '../step.ts';

const vertexModels = async ({ api }: Context) =>
  (await api.models()).models.filter(({ provider }) => provider === 'vertex');

const regionOf = ({ deployment: { environment, region } }: Context): string =>
  environment['CLAPPER_VERTEX_LOCATION'] ?? region;

export const models: FreeStep = {
  id: 'models',
  title: 'Vertex AI lists the models that the catalogue has, and no longer those that it calls retired',
  async check(context) {
    const lines: string[] = [];
    let isMissing = false;
    let isRetiredListed = false;
    for (const { model, stage } of await vertexModels(context)) {
      const listed = await stageOf(context, model);
      if (listed === undefined && stage !== 'retired') isMissing = true;
      if (listed !== undefined && stage === 'retired') isRetiredListed = true;
      lines.push(`${model} ${listed ?? 'not listed'} (catalogue: ${stage})`);
    }
    const seen = lines.join(', ');
    if (isMissing) return differs(seen);
    // Google may list a model that takes no calls any more.
    return isRetiredListed ? compare(seen) : asAssumed(seen);
  },
};

async function stageOf(context: Context, model: string): Promise<string | undefined> {
  try {
    const { launchStage } = await context.google.get(
      vertexHost(regionOf(context)),
      `/v1/publishers/google/models/${model}`,
      z.object({ launchStage: z.string().optional() }),
    );
    return launchStage ?? 'listed';
  } catch (error) {
    if (error instanceof GoogleError && error.status === 404) return undefined;
    throw error;
  }
}

export const imageLocations: FreeStep = {
  id: 'image-locations',
  title: 'The image models answer under the global endpoint',
  async check(context) {
    const { google, deployment } = context;
    const images = (await vertexModels(context)).filter(
      ({ kind, stage, model }) => kind === 'image' && stage !== 'retired' && !model.startsWith('imagen-'),
    );
    const lines: string[] = [];
    let isServed = true;
    for (const { model } of images) {
      const seen: string[] = [];
      for (const location of ['global', regionOf(context)]) {
        // Counting tokens is free, and answers 404 where the model is not served.
        const response = await google.send(
          vertexHost(location),
          `/v1/projects/${deployment.project}/locations/${location}/publishers/google/models/${model}:countTokens`,
          { method: 'POST', body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'a' }] }] }) },
        );
        await response.body?.cancel();
        if (location === 'global' && !response.ok) isServed = false;
        seen.push(`${location} ${response.status}`);
      }
      lines.push(`${model}: ${seen.join(', ')}`);
    }
    return isServed ? asAssumed(lines.join('; ')) : differs(lines.join('; '));
  },
};
