/**
 * Veo on Vertex AI through `@google/genai`.
 *
 * Traps that shape this file (each was observed): `retryOptions`, even empty, makes the SDK repeat a timed-out
 * submission, so none is ever passed; without `httpOptions.timeout` a call may hang for ever; a stored operation has to
 * become an instance of the SDK's class again; the host of a poll follows the client's location, so there is one client
 * per location; a reply without a name is no error to the SDK.
 */
import {
  type GenerateVideosConfig,
  GenerateVideosOperation,
  GoogleGenAI,
  type Image,
  ImageResizeMode,
  VideoCompressionQuality,
} from '@google/genai';
import type { StoredImage, VideoRequest } from '../core/job.ts';
import type { PollAnswer, SubmitAnswer, VideoProvider } from '../ports.ts';
import { signalOf } from './provider-signal.ts';

export interface VertexProviderOptions {
  readonly project: string;
  /** Proves that credentials can be had; the SDK then takes its own from the same place. */
  readonly getAccessToken: () => Promise<unknown>;
  /** Instead of Google's host: for a local server. */
  readonly baseUrl?: string | undefined;
  /** A poll reads one small JSON; longer than this it is asked again later. */
  readonly pollTimeoutMs: number;
}

export function createVertexProvider(options: VertexProviderOptions): VideoProvider {
  const { project, getAccessToken, baseUrl, pollTimeoutMs } = options;
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

    async prepare({ request, location, outputUri, timeoutMs }) {
      const client = clientFor(location);
      await getAccessToken();
      const parameters = {
        model: request.model,
        source: {
          ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
          ...(request.image ? { image: imageOf(request.image) } : {}),
        },
        config: { ...configOf(request), outputGcsUri: outputUri, httpOptions: { timeout: timeoutMs } },
      };
      return async (): Promise<SubmitAnswer> => {
        try {
          const { name } = await client.models.generateVideos(parameters);
          if (name === undefined || name === '') {
            return {
              kind: 'failed',
              signal: { kind: 'unreadable', message: 'The answer names no operation.' },
            };
          }
          return {
            kind: 'accepted',
            operation: { provider: 'vertex', name, model: request.model, location },
          };
        } catch (error) {
          return { kind: 'failed', signal: signalOf(error) };
        }
      };
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

function configOf(request: VideoRequest): GenerateVideosConfig {
  const { seed, negativePrompt, enhancePrompt, personGeneration, lastFrame, resizeMode, compressionQuality } =
    request;
  return {
    numberOfVideos: request.sampleCount,
    durationSeconds: request.durationSeconds,
    aspectRatio: request.aspectRatio,
    resolution: request.resolution,
    generateAudio: request.generateAudio,
    ...(seed === undefined ? {} : { seed }),
    ...(negativePrompt === undefined ? {} : { negativePrompt }),
    ...(enhancePrompt === undefined ? {} : { enhancePrompt }),
    ...(personGeneration === undefined ? {} : { personGeneration }),
    ...(lastFrame ? { lastFrame: imageOf(lastFrame) } : {}),
    ...(resizeMode === undefined ? {} : { resizeMode: RESIZE_MODES[resizeMode] }),
    ...(compressionQuality === undefined
      ? {}
      : { compressionQuality: COMPRESSION_QUALITIES[compressionQuality] }),
  };
}

const RESIZE_MODES = { pad: ImageResizeMode.PAD, crop: ImageResizeMode.CROP } as const;
const COMPRESSION_QUALITIES = {
  optimized: VideoCompressionQuality.OPTIMIZED,
  lossless: VideoCompressionQuality.LOSSLESS,
} as const;

const imageOf = ({ gcsUri, mimeType }: StoredImage): Image => ({ gcsUri, mimeType });

function answerOf({ done, error, response }: GenerateVideosOperation): PollAnswer {
  if (done !== true) return { kind: 'running' };
  if (error) {
    const code = typeof error['code'] === 'number' ? error['code'] : 2;
    const message = typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error);
    return { kind: 'error', code, message };
  }
  const sources = (response?.generatedVideos ?? []).flatMap(({ video }) =>
    video?.uri === undefined ? [] : [{ uri: video.uri, mimeType: video.mimeType }],
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
