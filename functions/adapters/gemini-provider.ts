/**
 * Veo and images on the Gemini Developer API. Veo goes over REST as its documents describe, because the SDK has no Veo
 * since version 3. Google ended the service on 2026-10-22. The adapter remains for servers that speak its protocol.
 */
import { GoogleGenAI } from '@google/genai';
import { z } from 'zod';
import type { Sent, SettingOf } from '../core/catalogue/model-settings.ts';
import { defined } from '../core/defined.ts';
import type { ImageStage, VideoStage } from '../core/job/stages.ts';
import type { StoredImage, StoredVideo } from '../core/job/video-request.ts';
import type { PaidSubmission, PollAnswer, SubmitAnswer, VideoProvider } from '../ports.ts';
import { openFile } from './file-download.ts';
import { geminiImagenSubmission } from './gemini-imagen.ts';
import { geminiImageSubmission } from './gemini-images.ts';
import { httpSignal, signalOf } from './provider-signal.ts';

export interface GeminiProviderOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly pollTimeoutMs: number;
  /** Reads an image from a bucket. This API takes no images by name. */
  readonly readImage: (gcsUri: string) => Promise<Uint8Array>;
  readonly fetch: typeof fetch;
  /** Google calls it when an operation has ended. */
  readonly webhook?: { readonly uri: string } | undefined;
}

const operationSchema = z.object({
  name: z.string(),
  done: z.boolean().optional(),
  error: z.object({ code: z.number().default(2), message: z.string().default('') }).optional(),
  response: z
    .object({
      generateVideoResponse: z
        .object({
          generatedSamples: z.array(z.object({ video: z.object({ uri: z.string() }) })).default([]),
          raiMediaFilteredCount: z.number().default(0),
          raiMediaFilteredReasons: z.array(z.string()).default([]),
        })
        .optional(),
    })
    .optional(),
});

export function createGeminiProvider(options: GeminiProviderOptions): VideoProvider {
  const { apiKey, baseUrl, pollTimeoutMs, readImage, webhook } = options;
  const headers = { 'x-goog-api-key': apiKey };
  const client = new GoogleGenAI({ enterprise: false, apiKey, httpOptions: { baseUrl } });
  const imageSubmission = async (stage: ImageStage, timeoutMs: number): Promise<PaidSubmission> => {
    if (stage.model.startsWith('imagen-')) return geminiImagenSubmission(options, stage, timeoutMs);
    const given = stage.image && {
      bytes: await readImage(stage.image.gcsUri),
      mimeType: stage.image.mimeType,
    };
    const submission = geminiImageSubmission(client, stage, timeoutMs, given);
    return () => submission().catch((error: unknown) => ({ kind: 'failed', signal: signalOf(error) }));
  };

  return {
    delivers: 'download',

    async prepare({ jobId, attemptId, stage, location, timeoutMs }) {
      if (stage.kind === 'image') return imageSubmission(stage, timeoutMs);
      const { model } = stage;
      const called = webhook && {
        webhookConfig: { uris: [webhook.uri], userMetadata: { job_id: jobId, attempt_id: attemptId } },
      };
      const body = JSON.stringify({ ...(await bodyOf(stage, readImage)), ...called });
      const url = `${baseUrl}/v1beta/models/${model}:predictLongRunning`;
      return async (): Promise<SubmitAnswer> => {
        try {
          const response = await options.fetch(url, {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body,
            signal: AbortSignal.timeout(timeoutMs),
            redirect: 'error',
          });
          if (!response.ok) return { kind: 'failed', signal: await httpSignal(response) };
          const parsed = z.object({ name: z.string().min(1) }).safeParse(await response.json());
          if (!parsed.success) {
            return {
              kind: 'failed',
              signal: { kind: 'unreadable', message: 'The answer names no operation.' },
            };
          }
          const operation = {
            provider: 'gemini',
            name: parsed.data.name,
            model,
            location,
          } as const;
          return { kind: 'accepted', operation };
        } catch (error) {
          return { kind: 'failed', signal: signalOf(error) };
        }
      };
    },

    async poll({ name }): Promise<PollAnswer> {
      try {
        const url = `${baseUrl}/v1beta/${name}`;
        const response = await options.fetch(url, {
          headers,
          signal: AbortSignal.timeout(pollTimeoutMs),
          redirect: 'error',
        });
        if (!response.ok) return { kind: 'failed', signal: await httpSignal(response) };
        return answerOf(operationSchema.parse(await response.json()));
      } catch (error) {
        return { kind: 'failed', signal: signalOf(error) };
      }
    },

    download: (sourceUri) => openFile(sourceUri, options),
  };
}

async function bodyOf(stage: VideoStage, readImage: GeminiProviderOptions['readImage']): Promise<object> {
  const inline = async ({ gcsUri, mimeType }: StoredImage): Promise<unknown> => ({
    bytesBase64Encoded: Buffer.from(await readImage(gcsUri)).toString('base64'),
    mimeType,
  });
  const { kind, prompt, image, lastFrame, referenceImages, video, durationSeconds, sampleCount, settings } =
    stage;
  const references = await Promise.all(
    referenceImages.map(async (reference) => ({ image: await inline(reference), referenceType: 'ASSET' })),
  );
  return {
    instances: [
      {
        ...defined({
          prompt,
          image: image && (await inline(image)),
          lastFrame: lastFrame && (await inline(lastFrame)),
          referenceImages: references.length === 0 ? undefined : references,
          video: video && { uri: keptUri(video), encoding: video.mimeType },
        }),
      },
    ],
    parameters: {
      sampleCount,
      ...defined({
        aspectRatio: settings.aspectRatio,
        resolution: settings.resolution,
        // The model decides what an extension adds.
        durationSeconds: kind === 'extend' ? undefined : durationSeconds,
        negativePrompt: settings.negativePrompt,
        enhancePrompt: settings.enhancePrompt,
        personGeneration: settings.personGeneration,
      } satisfies Sent<SettingOf<'gemini'> | 'durationSeconds'>),
    },
  };
}

/** This API extends only its own videos, and only for the two days that it keeps them. */
function keptUri({ sourceUri, gcsUri }: StoredVideo): string {
  if (sourceUri !== undefined) return sourceUri;
  throw new Error(`${gcsUri} was not made by the Developer API, which extends only its own videos`);
}

function answerOf({ done, error, response }: z.infer<typeof operationSchema>): PollAnswer {
  if (done !== true) return { kind: 'running' };
  if (error) return { kind: 'error', ...error };
  const result = response?.generateVideoResponse;
  return {
    kind: 'done',
    result: {
      sources: (result?.generatedSamples ?? []).map(({ video }) => ({ uri: video.uri })),
      filteredCount: result?.raiMediaFilteredCount ?? 0,
      filteredReasons: result?.raiMediaFilteredReasons ?? [],
    },
  };
}
