/**
 * Omni through the Interactions API of `@google/genai`, on the Developer API (with a key) or on Vertex AI.
 *
 * Observed behaviour of the SDK that shapes this file:
 * - `create` repeats the billing POST up to four times, unless `maxRetries` is 0.
 * - A foreground call sends further POSTs on its own, hence `background`.
 * - Its errors are of another class than those of the rest of the SDK.
 */
import { GoogleGenAI, type Interactions } from '@google/genai';
import { z } from 'zod';
import type { Sent, SettingOf } from '../core/catalogue/model-settings.ts';
import { defined } from '../core/defined.ts';
import type { VideoStage } from '../core/job/stages.ts';
import type { StoredImage } from '../core/job/video-request.ts';
import type { PaidCall, PollAnswer, SubmitAnswer, VideoProvider } from '../ports.ts';
import { openFile } from './file-download.ts';
import { signalOf, wordsOf } from './provider-signal.ts';

export type OmniBackend =
  | { readonly kind: 'developer'; readonly apiKey: string; readonly baseUrl: string }
  | {
      readonly kind: 'vertex';
      readonly project: string;
      readonly baseUrl?: string | undefined;
      readonly getAccessToken: () => Promise<unknown>;
      /** The model's name on Vertex AI. */
      readonly idOf: (model: string) => string;
    };

export interface OmniProviderOptions {
  readonly backend: OmniBackend;
  readonly pollTimeoutMs: number;
  /** Reads an image or video from a bucket, for the backend that takes none by name. */
  readonly readInput: (gcsUri: string) => Promise<Uint8Array>;
  readonly fetch: typeof fetch;
  /** The Developer API calls it when an operation has ended. Vertex AI has no webhooks. */
  readonly webhook?: { readonly uri: string } | undefined;
}

type CreateParams = Interactions.InteractionCreateParams.CreateModelInteractionParamsNonStreaming;

const TASKS = {
  text: 'text_to_video',
  image: 'image_to_video',
  references: 'reference_to_video',
  extend: 'extend',
  edit: 'edit',
  upscale: 'upscale',
} as const;

export function createOmniProvider(options: OmniProviderOptions): VideoProvider {
  const { backend, pollTimeoutMs } = options;
  const client = clientOf(backend);
  const once = (timeout: number): { maxRetries: 0; timeout: number } => ({ maxRetries: 0, timeout });

  return {
    // Vertex AI writes under the output URI. The Developer API keeps the file for two days.
    delivers: backend.kind === 'vertex' ? 'bucket' : 'download',

    async prepare(call) {
      const { stage, location, timeoutMs } = call;
      if (stage.kind === 'image') throw new Error('Omni makes no images');
      const { model } = stage;
      const params = await paramsOf(stage, call, options);
      if (backend.kind === 'vertex') await backend.getAccessToken();
      return async (): Promise<SubmitAnswer> => {
        try {
          const { id } = await client.interactions.create(params, once(timeoutMs));
          if (typeof id !== 'string' || id === '') {
            return {
              kind: 'failed',
              signal: { kind: 'unreadable', message: 'The answer names no interaction.' },
            };
          }
          return { kind: 'accepted', operation: { provider: 'omni', name: id, model, location } };
        } catch (error) {
          return { kind: 'failed', signal: signalOf(error) };
        }
      };
    },

    async poll({ name }): Promise<PollAnswer> {
      try {
        const interaction: unknown = await client.interactions.get(
          name,
          { stream: false },
          once(pollTimeoutMs),
        );
        return answerOf(interactionSchema.parse(interaction));
      } catch (error) {
        return { kind: 'failed', signal: signalOf(error) };
      }
    },

    download: async (sourceUri) => {
      if (backend.kind === 'developer') return openFile(sourceUri, { ...backend, fetch: options.fetch });
      return {
        kind: 'failed',
        signal: { kind: 'unreadable', message: `${sourceUri} is in our bucket already` },
      };
    },

    async cancel({ name }) {
      await client.interactions.cancel(name, null, once(pollTimeoutMs));
    },
  };
}

function clientOf(backend: OmniBackend): GoogleGenAI {
  const httpOptions = backend.baseUrl === undefined ? {} : { httpOptions: { baseUrl: backend.baseUrl } };
  return backend.kind === 'developer'
    ? new GoogleGenAI({ apiKey: backend.apiKey, ...httpOptions })
    : new GoogleGenAI({ enterprise: true, project: backend.project, location: 'global', ...httpOptions });
}

async function paramsOf(
  stage: VideoStage,
  { jobId, attemptId, outputUri }: PaidCall,
  { backend, readInput, webhook }: OmniProviderOptions,
): Promise<CreateParams> {
  const { kind, model, prompt, image, lastFrame, video, durationSeconds, settings } = stage;
  const { referenceImages, referenceVideos, previousOperationName } = stage;
  const onVertex = backend.kind === 'vertex';
  const at = async (gcsUri: string): Promise<{ uri: string } | { data: string }> =>
    onVertex ? { uri: gcsUri } : { data: Buffer.from(await readInput(gcsUri)).toString('base64') };
  const imageContent = async ({ gcsUri, mimeType }: StoredImage): Promise<Interactions.ImageContent> => ({
    type: 'image',
    ...(await at(gcsUri)),
    mime_type: mimeType,
  });
  // A second image makes the task image_to_video end with it.
  const frames = [image, lastFrame].flatMap((frame) => frame ?? []);
  const images = await Promise.all([...frames, ...referenceImages].map(imageContent));
  // In a chain on the Developer API, a link is the next turn of the one before it: of a video that is sent as bytes, only
  // 10 s may be extended. The operations of Vertex AI wrote to a bucket.
  const isTurn = !onVertex && kind === 'extend' && !video?.sourceUri?.startsWith('gs://');
  const sent = video && !(isTurn && previousOperationName !== undefined) ? [video] : [];
  const videos = await Promise.all(
    [...sent, ...referenceVideos].map(
      async ({ gcsUri, mimeType }): Promise<Interactions.VideoContent> => ({
        type: 'video',
        ...(await at(gcsUri)),
        mime_type: mimeType,
      }),
    ),
  );
  const text = prompt === undefined ? [] : [{ type: 'text' as const, text: prompt }];
  const { aspectRatio, resolution, seed, labels } = {
    aspectRatio: settings.aspectRatio,
    resolution: settings.resolution,
    seed: settings.seed,
    labels: settings.labels,
  } satisfies Sent<SettingOf<'omni'>>;
  const hasReferences = referenceImages.length + referenceVideos.length > 0;
  const mode = kind !== 'video' ? kind : image ? 'image' : hasReferences ? 'references' : 'text';
  return {
    model: onVertex ? backend.idOf(model) : model,
    input:
      images.length + videos.length === 0 && prompt !== undefined ? prompt : [...text, ...images, ...videos],
    background: true,
    // The next turn needs the stored interaction.
    store: true,
    ...defined({ previous_interaction_id: sent.length > 0 ? undefined : previousOperationName, labels }),
    response_format: {
      type: 'video',
      aspect_ratio: aspectRatio,
      resolution,
      ...defined({
        // An edited or upscaled video keeps its duration.
        duration: kind === 'video' || kind === 'extend' ? `${durationSeconds}s` : undefined,
      }),
      delivery: 'uri',
      ...defined({ gcs_uri: onVertex ? outputUri : undefined }),
    },
    generation_config: { ...defined({ seed }), video_config: { task: TASKS[mode] } },
    ...(webhook &&
      !onVertex && {
        webhook_config: {
          uris: [webhook.uri],
          user_metadata: { job_id: jobId, attempt_id: attemptId },
        },
      }),
  };
}

const interactionSchema = z.object({
  status: z.string(),
  steps: z
    .array(
      z.object({
        type: z.string(),
        content: z
          .array(z.object({ type: z.string(), uri: z.string().nullish(), text: z.string().nullish() }))
          .nullish(),
      }),
    )
    .nullish(),
  errors: z
    .array(z.object({ code: z.union([z.string(), z.number()]).nullish(), message: z.string().nullish() }))
    .nullish(),
});

/** google.rpc codes of this API's error codes, which are words. */
const RPC_CODES: Readonly<Record<string, number>> = {
  invalid_argument: 3,
  invalid_request: 3,
  permission_denied: 7,
  resource_exhausted: 8,
  rate_limit_exceeded: 8,
  failed_precondition: 9,
  internal: 13,
  internal_error: 13,
  unavailable: 14,
};

function answerOf({ status, steps, errors }: z.infer<typeof interactionSchema>): PollAnswer {
  switch (status) {
    case 'queued':
    case 'in_progress':
      return { kind: 'running' };
    case 'completed': {
      const content = (steps ?? [])
        .filter(({ type }) => type === 'model_output')
        .flatMap((step) => step.content ?? []);
      const sources = content.flatMap(({ type, uri }) => (type === 'video' && uri ? [{ uri }] : []));
      const result = { sources, filteredCount: 0, filteredReasons: [] };
      const words = wordsOf(content.flatMap(({ type, text }) => (type === 'text' && text ? [text] : [])));
      return { kind: 'done', result: words === undefined ? result : { ...result, words } };
    }
    case 'cancelled':
      return { kind: 'error', code: 1, message: 'The interaction was cancelled.' };
    case 'budget_exceeded':
      return { kind: 'error', code: 8, message: 'The budget of the interaction is used up.' };
    default: {
      const [first] = errors ?? [];
      const word = String(first?.code ?? status).toLowerCase();
      const message = first?.message ?? `The interaction ended as ${status}.`;
      if (/safety|blocked|prohibited/.test(word)) {
        // No field says which side was filtered. The filter of the input says so in its message.
        const filteredSide = /modify your (?:input|prompt)/i.test(message) ? 'input' : 'output';
        const withheld = { filteredCount: 1, filteredReasons: [message] };
        return { kind: 'done', result: { sources: [], ...withheld, filteredSide } };
      }
      // 2 is UNKNOWN: not retried, and whether it was charged is unknown.
      return {
        kind: 'error',
        code: typeof first?.code === 'number' ? first.code : (RPC_CODES[word] ?? 2),
        message,
      };
    }
  }
}
