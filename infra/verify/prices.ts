/**
 * The price of a paid step: the higher of this checkout's catalogue and the deployment's, which may have overrides. The
 * bill may differ: whether the catalogue is right is one of the things to verify.
 */
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { estimateUsd } from '../../functions/core/job/price.ts';
import { completeRequest, NO_INPUTS, parseRequest } from '../../functions/core/request/request.ts';
import type { ClapperApi } from './clapper-api.ts';
import type { PaidCall } from './step.ts';

/** What Omni charges for an image that it is given, about (docs/unverified.md). The catalogues' prices leave it out. */
const OMNI_INPUT_IMAGE_USD = 0.003;

/** By this checkout's catalogue, in US dollars. Needs no deployment. */
export function builtInPriceUsd(call: PaidCall, nowMs: number): number {
  if (call.kind === 'image') return imagePriceUsd(CATALOGUE.models, call.model);
  const parsed = parseRequest(call.body, {
    catalogue: CATALOGUE,
    today: new Date(nowMs).toISOString().slice(0, 10),
    // The price of a model that is retired by now is still its price.
    allowRetired: true,
    aliasRetired: false,
    restrictedRegion: false,
  });
  // The price depends on no image.
  const complete = completeRequest(parsed, NO_INPUTS);
  return estimateUsd(CATALOGUE, complete) + inputsUsd(call.body);
}

/** By the deployment's catalogue, in US dollars. @throws RefusedError if the deployment refuses the request */
export async function deployedPriceUsd(call: PaidCall, api: ClapperApi): Promise<number> {
  if (call.kind === 'job') return (await api.estimateUsd(call.body)) + inputsUsd(call.body);
  const { models } = await api.models();
  const spec = models.find(({ provider, model }) => provider === 'vertex' && model === call.model);
  // Clapper would run it on the successor, at the successor's price.
  if (call.through === 'clapper' && spec?.stage === 'retired')
    throw new Error(`The deployment's catalogue calls ${call.model} retired, so it was not tried.`);
  return imagePriceUsd(models, call.model);
}

function inputsUsd({ model, image, lastFrame, referenceImages }: Readonly<Record<string, unknown>>): number {
  if (!String(model).startsWith('gemini-omni-')) return 0;
  const references = Array.isArray(referenceImages) ? referenceImages.length : 0;
  const frames = [image, lastFrame].filter((each) => each !== undefined).length;
  return OMNI_INPUT_IMAGE_USD * (references + frames);
}

interface Priced {
  readonly provider: string;
  readonly model: string;
  readonly pricePerImageUsd?: number | undefined;
}

function imagePriceUsd(models: readonly Priced[], model: string): number {
  const spec = models.find((each) => each.provider === 'vertex' && each.model === model);
  if (spec?.pricePerImageUsd === undefined)
    throw new Error(`The catalogue has no price for an image of ${model} on Vertex AI.`);
  return spec.pricePerImageUsd;
}
