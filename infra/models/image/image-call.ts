/** Handles a validated image call: records it as paid, waits for its latency, and replies. */
import { randomUUID } from 'node:crypto';
import type { Surface } from '../catalogue.ts';
import type { ClockTimers } from '../clock-timers.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import { combineFaults, type FaultRuleSet, type RequestFaults } from '../fault/fault-rules.ts';
import type { DirectiveCounter } from '../fault/prompt-directives.ts';
import { GoogleError, invalid } from '../http/google-error.ts';
import type { Quota } from '../http/quota.ts';
import { errorReply, type Reply, refusalReply } from '../http/reply.ts';
import type { ObjectStore } from '../operation/object-store.ts';
import { gaussian, type Random } from '../random.ts';
import { operationErrorMessage, type SafetyCategory } from '../safety.ts';
import type { ImageModel } from './image-catalogue.ts';
import type { ImageCall, ImageLedger } from './image-ledger.ts';
import { type ImagePlan, renderImage } from './image-rendering.ts';

export interface ImageContext {
  readonly ledger: ImageLedger;
  readonly objects: ObjectStore;
  readonly quota: Quota;
  readonly faults: FaultRuleSet;
  readonly directives: DirectiveCounter;
  readonly timers: ClockTimers;
  readonly now: () => number;
  readonly random: Random;
  readonly speedUp: number;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  readonly onAccepted: (call: ImageCall) => void;
}

export interface ImageTarget<M extends ImageModel = ImageModel> {
  readonly surface: Surface;
  readonly project: string;
  readonly model: M;
}

export interface ImageGeneration {
  /** As the client sent it, with directives. */
  readonly prompt: string;
  readonly plan: ImagePlan;
  readonly sampleCount: number;
  readonly storageUri: string | undefined;
  /** Present for models that reject the whole call when the filter rejects the prompt: the error message. */
  readonly promptRefusal?: (category: SafetyCategory) => string;
}

export interface GeneratedImage {
  readonly sample: number;
  readonly png: Buffer;
}

export type ImageResult =
  /** All images. */
  | { readonly kind: 'images'; readonly images: readonly GeneratedImage[] }
  /** The safety filter removed `heldBack` images, from sample 0 on; `images` are the others. */
  | {
      readonly kind: 'filtered';
      readonly images: readonly GeneratedImage[];
      readonly heldBack: number;
      readonly category: SafetyCategory;
    }
  | { readonly kind: 'prompt-blocked'; readonly category: SafetyCategory }
  | { readonly kind: 'text-only' }
  /** Neither images nor a reason. */
  | { readonly kind: 'empty' };

/** Converts a result into the reply of the surface. @throws GoogleError; then the call is recorded as failed */
export type ImageReplier = (result: ImageResult, call: ImageCall) => Promise<Reply> | Reply;

/** The surface has already validated the call. @throws GoogleError when the quota is used up */
export async function generateImages(
  context: ImageContext,
  target: ImageTarget,
  generation: ImageGeneration,
  toReply: ImageReplier,
): Promise<Reply> {
  const { surface, project, model } = target;
  const { prompt } = generation;
  context.quota.spend(project, model.id);
  // Taken last: only a valid call uses up a fault.
  const subject = `image\n${surface}\n${project}\n${prompt}`;
  const faults = combineFaults([
    ...context.directives.take(prompt, 'submit', subject),
    ...context.directives.take(prompt, 'image', subject),
    ...context.faults.take({ call: 'image', surface, model: model.id, prompt }),
  ]);
  return answerWithFault(faults.transport, model.id, () =>
    makeAndReply(context, target, generation, faults, toReply),
  );
}

async function makeAndReply(
  context: ImageContext,
  { surface, project, model }: ImageTarget,
  generation: ImageGeneration,
  faults: RequestFaults,
  toReply: ImageReplier,
): Promise<Reply> {
  const { ledger, now, signal } = context;
  if (faults.image?.kind === 'prompt-blocked' && generation.promptRefusal !== undefined) {
    return invalid(generation.promptRefusal(faults.image.category ?? 'prohibited'));
  }
  const acceptedAtMs = now();
  const call: ImageCall = {
    id: randomUUID(),
    surface,
    project,
    model: model.id,
    prompt: generation.prompt,
    sampleCount: generation.sampleCount,
    size: generation.plan.size,
    storageUri: generation.storageUri ?? null,
    acceptedAtMs,
  };
  ledger.accept(call);
  const latencyMs =
    faults.latencySeconds === undefined
      ? drawImageLatencyMs(model, context.random)
      : faults.latencySeconds * 1000;
  const ready = context.timers.waitUntil(acceptedAtMs + Math.ceil(latencyMs / context.speedUp));
  context.onAccepted(call);
  await ready;
  if (faults.outcome?.kind === 'operation-error') {
    const { code, message } = faults.outcome;
    ledger.end(call, 'failed');
    return errorReply(HTTP_CODES[code] ?? 500, message ?? operationErrorMessage(code));
  }
  try {
    const result = await resultOf(generation, faults);
    const reply = await toReply(result, call);
    if (!signal.aborted) ledger.end(call, stateOf(result));
    return reply;
  } catch (error) {
    // The server is stopping: reset the connection, and leave the call unfinished in the ledger.
    if (signal.aborted) return { kind: 'reset' };
    ledger.end(call, 'failed');
    if (error instanceof GoogleError) return refusalReply(error);
    throw error;
  }
}

const MIN_MS = 3_000;
const MEDIAN_MS = 6_000;
const MAX_MS = 15_000;
/** Standard deviation of the logarithm: two thirds of the flash model's images take 4.4 s to 8.1 s. */
const SPREAD = 0.3;

/** In whole milliseconds, before the division by the speed-up. */
export function drawImageLatencyMs(model: ImageModel, random: Random): number {
  const drawn = MEDIAN_MS * model.latencyFactor * Math.exp(SPREAD * gaussian(random));
  return Math.round(Math.min(MAX_MS, Math.max(MIN_MS, drawn)));
}

/** HTTP statuses of the google.rpc codes. */
const HTTP_CODES: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  14: 503,
  16: 401,
};

async function resultOf(
  generation: ImageGeneration,
  { outcome, image }: RequestFaults,
): Promise<ImageResult> {
  const { sampleCount } = generation;
  if (image?.kind === 'prompt-blocked') {
    return { kind: 'prompt-blocked', category: image.category ?? 'prohibited' };
  }
  if (image?.kind === 'text-only') return { kind: 'text-only' };
  if (outcome?.kind === 'empty') return { kind: 'empty' };
  if (outcome?.kind !== 'safety-filter') return { kind: 'images', images: await makeImages(generation, 0) };
  const heldBack = Math.min(outcome.filtered ?? sampleCount, sampleCount);
  const images = await makeImages(generation, heldBack);
  return { kind: 'filtered', images, heldBack, category: outcome.category ?? 'general' };
}

async function makeImages(
  { plan, sampleCount }: ImageGeneration,
  heldBack: number,
): Promise<readonly GeneratedImage[]> {
  const images: GeneratedImage[] = [];
  for (let sample = heldBack; sample < sampleCount; sample++) {
    // Rendering takes tens of milliseconds: yield to the event loop before each image.
    await new Promise((resolve) => setImmediate(resolve));
    images.push({ sample, png: renderImage(plan, sample, sampleCount) });
  }
  return images;
}

function stateOf(result: ImageResult): 'succeeded' | 'filtered' | 'empty' {
  switch (result.kind) {
    case 'images':
      return 'succeeded';
    case 'filtered':
      return result.images.length === 0 ? 'filtered' : 'succeeded';
    case 'prompt-blocked':
      return 'filtered';
    case 'text-only':
    case 'empty':
      return 'empty';
  }
}
