/** Handles `predictLongRunning` after its surface has checked the credentials and the model. */
import { createHash, randomUUID } from 'node:crypto';
import { canFollow } from '../../mp4/clip.ts';
import type { Surface, VeoModel } from '../catalogue.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import {
  combineFaults,
  type FaultRuleSet,
  type OutcomeFault,
  type RequestFaults,
} from '../fault/fault-rules.ts';
import { type DirectiveCounter, parseDirectives, withoutDirectives } from '../fault/prompt-directives.ts';
import { invalid } from '../http/google-error.ts';
import type { Quota } from '../http/quota.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { type Call, jsonBody } from '../http/router.ts';
import { drawLatencyMs, drawLeadMs } from '../latency.ts';
import type { GeneratedFiles } from '../operation/generated-files.ts';
import { type InputMedia, readInputs } from '../operation/media-input.ts';
import type { ObjectStore } from '../operation/object-store.ts';
import type { Operation, OperationStore, Outcome, RenderPlan } from '../operation/operations.ts';
import { parsePredictRequest } from '../operation/predict-request.ts';
import type { Producer } from '../operation/producer.ts';
import { frameSize } from '../operation/rendering.ts';
import { inputFile, type VideoFiles } from '../operation/video-files.ts';
import type { Random } from '../random.ts';
import { filterReason, operationErrorMessage } from '../safety.ts';
import { checkSettings, type GenerationSettings } from './generation-settings.ts';

export interface SubmissionContext {
  readonly store: OperationStore;
  readonly files: VideoFiles;
  readonly producer: Producer;
  readonly objects: ObjectStore;
  readonly generated: GeneratedFiles;
  readonly quota: Quota;
  readonly faults: FaultRuleSet;
  readonly directives: DirectiveCounter;
  readonly now: () => number;
  readonly random: Random;
  readonly speedUp: number;
  readonly onAccepted: (operation: Operation) => void;
}

/** The surface, project and model of the call. */
export interface SubmissionTarget {
  readonly surface: Surface;
  readonly project: string;
  readonly location: string | null;
  readonly model: VeoModel;
  /** Creates the full name of a new operation. */
  readonly newName: () => string;
}

/** @throws GoogleError when the call is rejected; then no operation exists */
export async function submit(
  context: SubmissionContext,
  target: SubmissionTarget,
  call: Call,
): Promise<Reply> {
  const { surface, project, model } = target;
  const request = parsePredictRequest(surface, jsonBody(call));
  const { prompt } = request.instance;
  parseDirectives(prompt);
  const settings = checkSettings(surface, model, request);
  const media = await readInputs(surface, request.instance, {
    objects: context.objects,
    signal: context.producer.signal,
    readFile: (fileId) => context.generated.read(fileId, project),
  });
  const plan = planOf(model, prompt, settings, media);
  context.quota.spend(project, model.id);
  // Taken last: only a valid call uses up a fault.
  const faults = combineFaults([
    ...context.directives.take(prompt, 'submit', `${surface}\n${project}\n${prompt}`),
    ...context.faults.take({ call: 'submit', surface, model: model.id, prompt }),
  ]);
  return answerWithFault(faults.transport, model.id, async () => {
    const operation = newOperation(context, target, prompt, settings, plan, faults);
    if (media.video !== undefined) await context.files.write(inputFile(operation.id), media.video.bytes);
    context.store.accept(operation);
    context.producer.start(operation);
    context.onAccepted(operation);
    return jsonReply({ name: operation.name });
  });
}

function newOperation(
  context: SubmissionContext,
  target: SubmissionTarget,
  prompt: string,
  settings: GenerationSettings,
  plan: RenderPlan,
  faults: RequestFaults,
): Operation {
  const { surface, project, location, model } = target;
  const drawnMs = drawLatencyMs(model, settings.resolution, context.random);
  const id = randomUUID();
  return {
    id,
    name: target.newName(),
    surface,
    project,
    location,
    model: model.id,
    prompt,
    sampleCount: settings.sampleCount,
    durationSeconds: settings.durationSeconds,
    resolution: settings.resolution,
    storageUri: settings.storageUri ?? null,
    folder: folderOf(id),
    ...timesOf(context, drawnMs, faults),
    plan,
    outcome: outcomeOf(faults.outcome, surface, settings.sampleCount),
  };
}

/** The folder under `storageUri` that receives the videos of an operation. */
export const folderOf = (operationId: string): string =>
  createHash('sha256').update(operationId).digest().readBigUInt64BE().toString();

/** The times of an operation that is accepted now. A latency fault overrides `drawnMs`. */
export function timesOf(
  context: SubmissionContext,
  drawnMs: number,
  faults: RequestFaults,
): Pick<Operation, 'acceptedAtMs' | 'landsAtMs' | 'readyAtMs'> {
  const acceptedAtMs = context.now();
  const latencyMs = faults.latencySeconds === undefined ? drawnMs : faults.latencySeconds * 1000;
  const readyAtMs = acceptedAtMs + Math.ceil(latencyMs / context.speedUp);
  const leadMs = Math.floor(Math.min(drawLeadMs(context.random), latencyMs / 2) / context.speedUp);
  return { acceptedAtMs, landsAtMs: readyAtMs - leadMs, readyAtMs };
}

function planOf(
  model: VeoModel,
  prompt: string,
  settings: GenerationSettings,
  media: InputMedia,
): RenderPlan {
  const { durationSeconds, resolution } = settings;
  const input = media.video?.parsed;
  const inputShape = input === undefined ? undefined : input.width > input.height ? '16:9' : '9:16';
  if (inputShape !== undefined && settings.aspectRatio !== undefined && settings.aspectRatio !== inputShape) {
    return invalid(`The aspect ratio of the input video is ${inputShape}, not ${settings.aspectRatio}.`);
  }
  const aspectRatio = inputShape ?? settings.aspectRatio ?? '16:9';
  // An extension of a simulated video keeps its size: the frames of both parts share one track.
  const size = input !== undefined && canFollow(input) ? input : frameSize(aspectRatio, resolution);
  const length = input === undefined ? `${durationSeconds} s` : `+${durationSeconds} s`;
  return {
    width: size.width,
    height: size.height,
    seconds: durationSeconds,
    seed: settings.seed ?? seedFrom(prompt, media),
    prompt: withoutDirectives(prompt),
    caption: `${model.id} ${length} ${resolution} ${aspectRatio}`,
    images: media.images,
    extendsInput: input !== undefined,
  };
}

/** The default seed: equal inputs give equal videos, different inputs give different ones. */
export function seedFrom(prompt: string, media: InputMedia): number {
  const hash = createHash('sha256').update(prompt);
  for (const image of media.images) hash.update(image.digest);
  for (const video of media.referenceVideos) hash.update(video.bytes);
  if (media.video !== undefined) hash.update(media.video.bytes);
  return hash.digest().readUInt32BE();
}

export function outcomeOf(fault: OutcomeFault | undefined, surface: Surface, sampleCount: number): Outcome {
  const videos = { kind: 'videos', heldBack: 0, reason: null, isLegacyShape: false } as const;
  switch (fault?.kind) {
    case undefined:
      return videos;
    case 'operation-error':
      return { kind: 'error', code: fault.code, message: fault.message ?? operationErrorMessage(fault.code) };
    case 'safety-filter': {
      const heldBack = Math.min(fault.filtered ?? sampleCount, sampleCount);
      const reason = filterReason(surface, fault.category ?? 'general', heldBack, sampleCount);
      return { ...videos, heldBack, reason };
    }
    case 'empty':
      return { kind: 'empty' };
    case 'lost':
      return { kind: 'lost', lands: fault.lands ?? false };
    case 'legacy-shape':
      return { ...videos, isLegacyShape: true };
  }
}
