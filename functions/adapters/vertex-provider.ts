/**
 * Veo on Vertex AI through `@google/genai`.
 *
 * Observed behaviour of the SDK that shapes this file:
 * - With `retryOptions`, even empty, it repeats a timed-out submission. None is ever passed.
 * - Without `httpOptions.timeout` a call may hang for ever.
 * - A stored operation must become an instance of the SDK's class again.
 * - The host of a poll follows the client's location, so there is one client per location.
 * - A reply without a name is no error to it.
 */
import {
  type GenerateVideosConfig,
  GenerateVideosOperation,
  type GenerateVideosParameters,
  GoogleGenAI,
  type Image,
  ImageResizeMode,
  VideoCompressionQuality,
  VideoGenerationReferenceType,
} from '@google/genai';
import type { SettingOf } from '../core/catalogue/model-settings.ts';
import { defined } from '../core/defined.ts';
import type { VideoStage } from '../core/job/stages.ts';
import type { StoredImage } from '../core/job/video-request.ts';
import type { WithEveryKey } from '../core/pick.ts';
import type { PaidCall, PaidSubmission, PollAnswer, VideoProvider } from '../ports.ts';
import { signalOf } from './provider-signal.ts';
import { imageSubmission } from './vertex-images.ts';

export type ReadImage = (gcsUri: string) => Promise<Uint8Array>;

export interface VertexProviderOptions {
  readonly project: string;
  /** Checks that credentials are available. The SDK then gets its own from the same source. */
  readonly getAccessToken: () => Promise<unknown>;
  /** Instead of Google's host: for a local server. */
  readonly baseUrl?: string | undefined;
  /** A poll reads a small JSON. A poll that takes longer is repeated later. */
  readonly pollTimeoutMs: number;
  /** Reads an image from a bucket. Set where images are sent as bytes, not by name. */
  readonly readImage?: ReadImage | undefined;
}

export function createVertexProvider(options: VertexProviderOptions): VideoProvider {
  const { project, getAccessToken, baseUrl, pollTimeoutMs, readImage } = options;
  const clients = new Map<string, GoogleGenAI>();

  const clientFor = (location: string): GoogleGenAI => {
    const httpOptions = baseUrl === undefined ? {} : { httpOptions: { baseUrl } };
    const client =
      clients.get(location) ?? new GoogleGenAI({ enterprise: true, project, location, ...httpOptions });
    clients.set(location, client);
    return client;
  };

  return {
    delivers: 'bucket',

    async prepare(call) {
      const client = clientFor(call.location);
      await getAccessToken();
      const { stage } = call;
      const submission =
        stage.kind === 'image'
          ? await imageSubmission(client, stage, call, readImage)
          : await videoSubmission(client, stage, call, readImage);
      return () => submission().catch((error: unknown) => ({ kind: 'failed', signal: signalOf(error) }));
    },

    async poll({ name, location }): Promise<PollAnswer> {
      try {
        const operation = new GenerateVideosOperation();
        operation.name = name;
        const config = { httpOptions: { timeout: pollTimeoutMs } };
        return answerOf(await clientFor(location).operations.getVideosOperation({ operation, config }));
      } catch (error) {
        return { kind: 'failed', signal: signalOf(error) };
      }
    },

    async download(sourceUri) {
      const message = `${sourceUri} is in our bucket already`;
      return { kind: 'failed', signal: { kind: 'unreadable', message } };
    },
  };
}

async function videoSubmission(
  client: GoogleGenAI,
  stage: VideoStage,
  call: PaidCall,
  readImage: ReadImage | undefined,
): Promise<PaidSubmission> {
  const { location, outputUri, timeoutMs } = call;
  const { model, prompt, image, video } = stage;
  const sentImage = (stored: StoredImage): Promise<Image> => imageOf(stored, readImage);
  const parameters: GenerateVideosParameters = {
    model,
    source: {
      ...defined({
        prompt,
        image: image && (await sentImage(image)),
        video: video && { uri: video.gcsUri, mimeType: video.mimeType },
      }),
    },
    config: {
      ...configOf(stage),
      ...(await otherImagesOf(stage, sentImage)),
      outputGcsUri: outputUri,
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => {
    const { name } = await client.models.generateVideos(parameters);
    if (name === undefined || name === '') {
      return { kind: 'failed', signal: { kind: 'unreadable', message: 'The answer names no operation.' } };
    }
    return { kind: 'accepted', operation: { provider: 'vertex', name, model, location } };
  };
}

/** The SDK drops a field that it does not know. Send such a setting in `httpOptions.extraBody`. */
type SentBySdk = WithEveryKey<Pick<GenerateVideosConfig, SettingOf<'vertex'>>>;

function configOf({ kind, durationSeconds, sampleCount, settings }: VideoStage): GenerateVideosConfig {
  const { resizeMode, compressionQuality } = settings;
  const sent = {
    aspectRatio: settings.aspectRatio,
    resolution: settings.resolution,
    generateAudio: settings.generateAudio,
    seed: settings.seed,
    negativePrompt: settings.negativePrompt,
    enhancePrompt: settings.enhancePrompt,
    personGeneration: settings.personGeneration,
    fps: settings.fps,
    labels: settings.labels,
    pubsubTopic: settings.pubsubTopic,
    resizeMode: resizeMode && RESIZE_MODES[resizeMode],
    compressionQuality: compressionQuality && COMPRESSION_QUALITIES[compressionQuality],
  } satisfies SentBySdk;
  return {
    numberOfVideos: sampleCount,
    // The model decides what an extension adds.
    ...defined({ durationSeconds: kind === 'extend' ? undefined : durationSeconds }),
    ...defined(sent),
  };
}

/** The images that are not part of `source`. */
async function otherImagesOf(
  { lastFrame, referenceImages }: VideoStage,
  sentImage: (stored: StoredImage) => Promise<Image>,
): Promise<GenerateVideosConfig> {
  const references = await Promise.all(
    referenceImages.map(async (stored) => ({
      image: await sentImage(stored),
      referenceType: VideoGenerationReferenceType.ASSET,
    })),
  );
  return defined({
    lastFrame: lastFrame && (await sentImage(lastFrame)),
    referenceImages: references.length === 0 ? undefined : references,
  });
}

const RESIZE_MODES = { pad: ImageResizeMode.PAD, crop: ImageResizeMode.CROP } as const;
const COMPRESSION_QUALITIES = {
  optimized: VideoCompressionQuality.OPTIMIZED,
  lossless: VideoCompressionQuality.LOSSLESS,
} as const;

async function imageOf({ gcsUri, mimeType }: StoredImage, readImage: ReadImage | undefined): Promise<Image> {
  if (!readImage) return { gcsUri, mimeType };
  return { imageBytes: Buffer.from(await readImage(gcsUri)).toString('base64'), mimeType };
}

function answerOf({ done, error, response }: GenerateVideosOperation): PollAnswer {
  if (done !== true) return { kind: 'running' };
  if (error) {
    const code = typeof error['code'] === 'number' ? error['code'] : 2;
    const message = typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error);
    return { kind: 'error', code, message };
  }
  const sources = (response?.generatedVideos ?? []).flatMap(({ video }) =>
    video?.uri === undefined ? [] : [{ uri: video.uri }],
  );
  return {
    kind: 'done',
    result: {
      sources,
      filteredCount: response?.raiMediaFilteredCount ?? 0,
      filteredReasons: response?.raiMediaFilteredReasons ?? [],
    },
  };
}
