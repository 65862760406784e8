/** What happens to a call for images once it is known to be allowed: it is paid, takes its time, and is answered. */
import { randomUUID } from 'node:crypto';
import type { Alarms } from '../alarms.ts';
import type { Surface } from '../catalogue.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import { combineFaults, type DrawnFaults, type FaultBook } from '../fault/fault-rules.ts';
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
  readonly faults: FaultBook;
  readonly directives: DirectiveCounter;
  readonly alarms: Alarms;
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

export interface ImageOrder {
  /** With directives, as the client wrote it. */
  readonly prompt: string;
  readonly plan: ImagePlan;
  readonly sampleCount: number;
  readonly storageUri: string | undefined;
  /** For models that refuse the call when the safety filter refuses the prompt: their words. */
  readonly promptRefusal?: (category: SafetyCategory) => string;
}

export interface MadeImage {
  readonly sample: number;
  readonly png: Buffer;
}

/** How a call ends. */
export type ImageResult =
  /** Without those that the safety filter holds back, from sample 0 on. */
  | { readonly kind: 'images'; readonly images: readonly MadeImage[] }
  /** The safety filter holds some or all of the images back; the others are there. */
  | {
      readonly kind: 'filtered';
      readonly images: readonly MadeImage[];
      readonly heldBack: number;
      readonly category: SafetyCategory;
    }
  | { readonly kind: 'prompt-blocked'; readonly category: SafetyCategory }
  | { readonly kind: 'text-only' }
  /** Neither images nor a reason. */
  | { readonly kind: 'empty' };

/** Turns a result into the surface's answer. @throws GoogleError, after which the call counts as failed */
export type AnswerImages = (result: ImageResult, call: ImageCall) => Promise<Reply> | Reply;

/** The call has passed every check of its surface. @throws GoogleError when the quota is used up */
export async function orderImages(
  context: ImageContext,
  target: ImageTarget,
  order: ImageOrder,
  answer: AnswerImages,
): Promise<Reply> {
  const { surface, project, model } = target;
  const { prompt } = order;
  context.quota.spend(project, model.id);
  // Drawn last, so that only a call that would have been accepted uses up a fault.
  const subject = `image\n${surface}\n${project}\n${prompt}`;
  const faults = combineFaults([
    ...context.directives.draw(prompt, 'submit', subject),
    ...context.directives.draw(prompt, 'image', subject),
    ...context.faults.draw({ call: 'image', surface, model: model.id, prompt }),
  ]);
  return answerWithFault(faults.transport, model.id, () =>
    makeAndAnswer(context, target, order, faults, answer),
  );
}

async function makeAndAnswer(
  context: ImageContext,
  { surface, project, model }: ImageTarget,
  order: ImageOrder,
  faults: DrawnFaults,
  answer: AnswerImages,
): Promise<Reply> {
  const { ledger, now, signal } = context;
  if (faults.image?.kind === 'prompt-blocked' && order.promptRefusal !== undefined) {
    return invalid(order.promptRefusal(faults.image.category ?? 'prohibited'));
  }
  const acceptedAtMs = now();
  const call: ImageCall = {
    id: randomUUID(),
    surface,
    project,
    model: model.id,
    prompt: order.prompt,
    sampleCount: order.sampleCount,
    size: order.plan.size,
    storageUri: order.storageUri ?? null,
    acceptedAtMs,
  };
  ledger.accept(call);
  const latencyMs =
    faults.latencySeconds === undefined
      ? drawImageLatencyMs(model, context.random)
      : faults.latencySeconds * 1000;
  const ready = context.alarms.at(acceptedAtMs + Math.ceil(latencyMs / context.speedUp));
  context.onAccepted(call);
  await ready;
  if (faults.outcome?.kind === 'operation-error') {
    const { code, message } = faults.outcome;
    ledger.end(call, 'failed');
    return errorReply(HTTP_CODES[code] ?? 500, message ?? operationErrorMessage(code));
  }
  try {
    const result = await resultOf(order, faults);
    const reply = await answer(result, call);
    if (!signal.aborted) ledger.end(call, stateOf(result));
    return reply;
  } catch (error) {
    // The server is stopping, and with it everyone who could be told.
    if (signal.aborted) return { kind: 'reset' };
    ledger.end(call, 'failed');
    if (error instanceof GoogleError) return refusalReply(error);
    throw error;
  }
}

const MIN_MS = 3_000;
const MEDIAN_MS = 6_000;
const MAX_MS = 15_000;
/** Of the logarithm: two thirds of the flash model's images take 4.4 s to 8.1 s. */
const SPREAD = 0.3;

/** At the model's own speed, in whole milliseconds. */
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

async function resultOf(order: ImageOrder, { outcome, image }: DrawnFaults): Promise<ImageResult> {
  const { sampleCount } = order;
  if (image?.kind === 'prompt-blocked') {
    return { kind: 'prompt-blocked', category: image.category ?? 'prohibited' };
  }
  if (image?.kind === 'text-only') return { kind: 'text-only' };
  if (outcome?.kind === 'empty') return { kind: 'empty' };
  if (outcome?.kind !== 'safety-filter') return { kind: 'images', images: await makeImages(order, 0) };
  const heldBack = Math.min(outcome.filtered ?? sampleCount, sampleCount);
  const images = await makeImages(order, heldBack);
  return { kind: 'filtered', images, heldBack, category: outcome.category ?? 'general' };
}

async function makeImages(
  { plan, sampleCount }: ImageOrder,
  heldBack: number,
): Promise<readonly MadeImage[]> {
  const images: MadeImage[] = [];
  for (let sample = heldBack; sample < sampleCount; sample++) {
    // Each takes tens of milliseconds: between two of them others have their turn.
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
