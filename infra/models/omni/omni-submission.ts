/** Creates an interaction after its surface has checked the credentials. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { canFollow, FRAMES_PER_SECOND } from '../../mp4/clip.ts';
import type { Surface } from '../catalogue.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import { combineFaults, type OutcomeFault, type RequestFaults } from '../fault/fault-rules.ts';
import { parseDirectives, withoutDirectives } from '../fault/prompt-directives.ts';
import { invalid, refuse } from '../http/google-error.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { type Call, jsonBody } from '../http/router.ts';
import { drawLatencyMs } from '../latency.ts';
import { type InputMedia, OMNI_IMAGE_TYPES, readInputs } from '../operation/media-input.ts';
import { parseGsUri } from '../operation/object-store.ts';
import type { Outcome, RenderPlan } from '../operation/operations.ts';
import type { MediaSource } from '../operation/predict-request.ts';
import { frameSize } from '../operation/rendering.ts';
import { inputFile, sampleFile } from '../operation/video-files.ts';
import { folderOf, outcomeOf, type SubmissionContext, seedFrom, timesOf } from '../veo/submission.ts';
import { type InteractionRequest, parseInteractionRequest } from './interaction-request.ts';
import {
  type InteractionOperation,
  interactionNotFound,
  isInteraction,
  JUST_CREATED,
  type ResourceContext,
  resourceOf,
  stateOf,
} from './interaction-resource.ts';
import type { InteractionWaiter } from './interaction-waiter.ts';
import type { InteractionWebhooks } from './interaction-webhooks.ts';
import {
  findOmniModel,
  MAX_EXTENDED_SECONDS,
  MAX_UPLOADED_SECONDS,
  type OmniModel,
} from './omni-catalogue.ts';
import { checkOmniSettings, type OmniSettings } from './omni-settings.ts';

export interface OmniContext extends ResourceContext {
  readonly waiter: InteractionWaiter;
  readonly webhooks: InteractionWebhooks;
}

/** The host and project of the call. */
export interface OmniTarget {
  readonly host: Surface;
  readonly project: string;
  readonly location: string | null;
  /** The prefix of the interaction's name: it separates projects on Vertex. */
  readonly parent: string;
}

/** A validated request with the inputs of its video. */
interface Accepted {
  readonly target: OmniTarget;
  readonly model: OmniModel;
  readonly request: InteractionRequest;
  readonly settings: OmniSettings;
  readonly media: InputMedia;
  readonly plan: RenderPlan;
}

/** @throws GoogleError when the call is rejected; then no operation exists */
export async function createInteraction(omni: OmniContext, target: OmniTarget, call: Call): Promise<Reply> {
  const { context } = omni;
  const { host, project } = target;
  const request = parseInteractionRequest(host, jsonBody(call));
  const model = requireModel(target, request.model);
  const { prompt } = request;
  parseDirectives(prompt);
  const settings = checkOmniSettings(host, model, request);
  const media = await readMedia(context, target, settings, request);
  checkUpload(host, settings, request, media);
  const plan = planOf(target, model, request, settings, media);
  context.quota.spend(project, model.id);
  // Taken last: only a valid call uses up a fault.
  const faults = combineFaults([
    ...context.directives.take(prompt, 'submit', `omni\n${project}\n${prompt}`),
    ...context.faults.take({ call: 'submit', surface: 'omni', model: model.id, prompt }),
  ]);
  return answerWithFault(faults.transport, model.id, async () => {
    const operation = newOperation(context, { target, model, request, settings, media, plan }, faults);
    // Only an extension renders from its input.
    if (plan.extendsInput && media.video !== undefined) {
      await context.files.write(inputFile(operation.id), media.video.bytes);
    }
    context.store.accept(operation);
    context.producer.start(operation);
    context.onAccepted(operation);
    omni.webhooks.start(operation);
    if (request.isBackground) return jsonReply(await resourceOf(omni, operation, JUST_CREATED));
    await omni.waiter.untilEnded(operation);
    return jsonReply(await resourceOf(omni, operation));
  });
}

function requireModel({ host, parent }: OmniTarget, id: string): OmniModel {
  const found = findOmniModel(host, id);
  if (found.kind === 'live') return found.model;
  if (found.kind === 'retired') return refuse('NOT_FOUND', `This model models/${id} is no longer available.`);
  return refuse(
    'NOT_FOUND',
    host === 'developer'
      ? `models/${id} is not found, or is not supported for interactions.`
      : `Publisher Model \`${parent}publishers/google/models/${id}\` was not found or your project does not have ` +
          'access to it. Please ensure you are using a valid model version.',
  );
}

async function readMedia(
  context: SubmissionContext,
  target: OmniTarget,
  settings: OmniSettings,
  request: InteractionRequest,
): Promise<InputMedia> {
  const { images, videos, previousId, prompt } = request;
  const isFirstFrame = settings.task === 'image_to_video';
  const areReferences = settings.task === 'reference_to_video';
  const instance = {
    prompt,
    image: isFirstFrame ? images[0] : undefined,
    lastFrame: isFirstFrame ? images[1] : undefined,
    referenceImages: isFirstFrame ? [] : images,
    referenceVideos: areReferences ? videos : [],
    video: areReferences
      ? undefined
      : previousId === undefined
        ? videos[0]
        : await previousVideo(context, target, previousId),
  };
  const reader = {
    objects: context.objects,
    signal: context.producer.signal,
    readFile: (fileId: string) => context.generated.read(fileId, target.project),
  };
  return readInputs(target.host, instance, reader, OMNI_IMAGE_TYPES);
}

/** The video of the previous interaction. */
async function previousVideo(
  context: SubmissionContext,
  target: OmniTarget,
  id: string,
): Promise<MediaSource> {
  const operation = requireInteraction(context, target, id);
  const field = 'previous_interaction_id';
  if (stateOf(context, operation).status === 'in_progress') {
    return invalid(`The interaction in ${field} is still in progress: ${id}`);
  }
  const [video] = context.store.landingOf(operation)?.videos ?? [];
  if (video === undefined || context.store.isCancelled(operation)) {
    return invalid(`The interaction in ${field} has no video: ${id}`);
  }
  const { gcsUri, fileId } = video;
  if (fileId !== null) return { kind: 'file', field, fileId };
  const mimeType = 'video/mp4';
  const location = gcsUri === null ? undefined : parseGsUri(gcsUri);
  if (gcsUri !== null && location !== undefined) {
    return { kind: 'gcs', field, uri: gcsUri, location, mimeType };
  }
  const bytes = await context.files.read(sampleFile(operation.id, video.sample));
  return bytes === undefined ? interactionNotFound(id) : { kind: 'inline', field, bytes, mimeType };
}

/** Returns the interaction if the caller has access to it. @throws GoogleError NOT_FOUND */
export function requireInteraction(
  { store }: SubmissionContext,
  { parent, project }: OmniTarget,
  id: string,
): InteractionOperation {
  const operation = store.find(`${parent}interactions/${id}`);
  const isVisible =
    isInteraction(operation) &&
    operation.project === project &&
    operation.interaction.isStored &&
    store.markedAtMs(operation, 'deleted') === undefined;
  return isVisible ? operation : interactionNotFound(id);
}

function planOf(
  target: OmniTarget,
  model: OmniModel,
  request: InteractionRequest,
  settings: OmniSettings,
  media: InputMedia,
): RenderPlan {
  const { task, resolution } = settings;
  const input = media.video?.parsed;
  const inputShape = input === undefined ? undefined : input.width > input.height ? '16:9' : '9:16';
  if (inputShape !== undefined && settings.aspectRatio !== undefined && settings.aspectRatio !== inputShape) {
    return invalid(`The aspect ratio of the input video is ${inputShape}, not ${settings.aspectRatio}.`);
  }
  const inputSeconds = input?.durationSeconds ?? 0;
  // Edit and upscale keep the length of the input, to the frame.
  const seconds =
    settings.durationSeconds ?? Math.round(inputSeconds * FRAMES_PER_SECOND) / FRAMES_PER_SECOND;
  checkLength(target.host, model, task === 'extend', inputSeconds, seconds);
  const aspectRatio = inputShape ?? settings.aspectRatio ?? '16:9';
  const extendsInput = task === 'extend' && input !== undefined;
  // An extension of a simulated video keeps its size: the frames of both parts share one track. 360p uses the size of
  // 720p: smaller text is not legible.
  const size =
    extendsInput && canFollow(input)
      ? input
      : frameSize(aspectRatio, resolution === '360p' ? '720p' : resolution);
  const length = `${extendsInput ? '+' : ''}${Number(seconds.toFixed(2))} s`;
  return {
    width: size.width,
    height: size.height,
    seconds,
    seed: request.seed === undefined ? seedFrom(`${task}\n${request.prompt}`, media) : request.seed >>> 0,
    prompt: withoutDirectives(request.prompt),
    caption: `${shorten(model.id)} ${shorten(task)} ${length} ${resolution}`,
    images: identiconsOf(media, extendsInput),
    extendsInput,
  };
}

/** The caption has one line of fifty characters. */
const shorten = (name: string): string => name.replace(/^gemini-|_to_video$/g, '');

/** Four fit into the narrowest frame. */
const MAX_IDENTICONS = 4;

/** The identicons of the inputs. An extension shows its input video itself. */
function identiconsOf(
  { images, referenceVideos, video }: InputMedia,
  extendsInput: boolean,
): RenderPlan['images'] {
  const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const input =
    video === undefined || extendsInput ? [] : [{ label: 'VIDEO', digest: digestOf(video.bytes) }];
  const references = referenceVideos.map(({ bytes }, n) => ({
    label: `VIDEO ${n + 1}`,
    digest: digestOf(bytes),
  }));
  return [...input, ...references, ...images].slice(0, MAX_IDENTICONS);
}

function checkUpload(
  host: Surface,
  { task }: OmniSettings,
  { videos }: InteractionRequest,
  { video }: InputMedia,
): void {
  const seconds = video?.parsed.durationSeconds ?? 0;
  if (host !== 'developer' || task !== 'extend' || videos[0]?.kind !== 'inline') return;
  if (seconds > MAX_UPLOADED_SECONDS)
    invalid(`Uploaded videos can be at most ${MAX_UPLOADED_SECONDS} seconds, not ${seconds}.`);
}

function checkLength(
  host: Surface,
  model: OmniModel,
  isExtension: boolean,
  inputSeconds: number,
  seconds: number,
): void {
  const [total, limit] = isExtension
    ? [inputSeconds + seconds, MAX_EXTENDED_SECONDS[host]]
    : [seconds, model.maxSeconds];
  if (total <= limit) return;
  invalid(
    isExtension
      ? `Unsupported total duration ${total} seconds: an extended video has at most ${limit} seconds.`
      : `Unsupported input video duration ${total} seconds: model ${model.id} takes at most ${limit} seconds.`,
  );
}

function newOperation(
  context: SubmissionContext,
  accepted: Accepted,
  faults: RequestFaults,
): InteractionOperation {
  const { target, model, request, settings, plan } = accepted;
  const { host, project, location, parent } = target;
  const id = randomUUID();
  const interactionId = `v1_${randomBytes(24).toString('base64url')}`;
  const { resolution, task, delivery } = settings;
  const drawnMs = drawLatencyMs(model, resolution === '360p' ? '720p' : resolution, context.random);
  return {
    id,
    name: `${parent}interactions/${interactionId}`,
    surface: host,
    project,
    location,
    model: model.id,
    prompt: request.prompt,
    sampleCount: 1,
    durationSeconds: plan.seconds,
    resolution,
    storageUri: settings.storageUri ?? null,
    folder: folderOf(id),
    ...timesOf(context, drawnMs, faults),
    plan,
    outcome: omniOutcome(faults.outcome, host),
    interaction: {
      id: interactionId,
      task,
      delivery,
      isStored: request.isStored,
      previousId: request.previousId ?? null,
      labels: request.labels ?? null,
      webhook: request.webhook ?? null,
      safetyAnswer:
        (faults.outcome?.kind === 'safety-filter' ? faults.outcome.answer : undefined) ?? 'failed',
    },
  };
}

const HARM: Readonly<Record<string, string>> = {
  general: 'harmful content',
  child: 'child safety',
  'third-party': 'third-party content',
};

/** Omni makes one video, so that the filter removes all or nothing. */
function omniOutcome(fault: OutcomeFault | undefined, host: Surface): Outcome {
  const outcome = outcomeOf(fault, host, 1);
  if (fault?.kind !== 'safety-filter' || outcome.kind !== 'videos') return outcome;
  const category = fault.category ?? 'general';
  const reason =
    `Request blocked due to safety violations (${HARM[category] ?? category}). ` +
    'Please modify your input and retry.';
  return { ...outcome, reason };
}
