/**
 * Imagen on the Gemini Developer API, over REST, because the SDK has no Imagen since version 3. Google ended the service
 * on 2026-08-17. The adapter remains for servers that speak its protocol.
 */
import { z } from 'zod';
import type { Sent } from '../core/catalogue/model-settings.ts';
import { imageMimeTypeOf } from '../core/catalogue/vocabulary.ts';
import { defined } from '../core/defined.ts';
import type { ImageSettings, ImageStage } from '../core/job/stages.ts';
import type { PaidSubmission, SubmitAnswer } from '../ports.ts';
import { httpSignal, signalOf } from './provider-signal.ts';

export interface GeminiImagenOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
}

const answerSchema = z.object({
  predictions: z
    .array(
      z.object({
        bytesBase64Encoded: z.string().optional(),
        mimeType: z.string().optional(),
        raiFilteredReason: z.string().optional(),
      }),
    )
    .default([]),
});

export function geminiImagenSubmission(
  { apiKey, baseUrl, fetch }: GeminiImagenOptions,
  stage: ImageStage,
  timeoutMs: number,
): PaidSubmission {
  const { model } = stage;
  const { aspectRatio, imageSize, personGeneration } = {
    aspectRatio: stage.aspectRatio,
    imageSize: stage.imageSize,
    personGeneration: stage.personGeneration,
  } satisfies Sent<keyof ImageSettings>;
  const body = JSON.stringify({
    instances: [{ prompt: stage.prompt }],
    parameters: {
      sampleCount: 1,
      aspectRatio,
      ...defined({ sampleImageSize: imageSize, personGeneration }),
      includeRaiReason: true,
    },
  });
  return async () => {
    try {
      const response = await fetch(`${baseUrl}/v1beta/models/${model}:predict`, {
        method: 'POST',
        headers: { 'x-goog-api-key': apiKey, 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      if (!response.ok) return { kind: 'failed', signal: await httpSignal(response) };
      return answerOf(answerSchema.parse(await response.json()));
    } catch (error) {
      return { kind: 'failed', signal: signalOf(error) };
    }
  };
}

function answerOf({ predictions }: z.infer<typeof answerSchema>): SubmitAnswer {
  const made = predictions.find(({ bytesBase64Encoded }) => bytesBase64Encoded !== undefined);
  if (made?.bytesBase64Encoded !== undefined) {
    const mimeType = imageMimeTypeOf(made.mimeType);
    return { kind: 'image', bytes: Buffer.from(made.bytesBase64Encoded, 'base64'), mimeType };
  }
  const reasons = predictions.flatMap(({ raiFilteredReason }) => raiFilteredReason ?? []);
  if (reasons.length > 0) return { kind: 'withheld', side: 'output', reasons };
  const message = 'The answer holds no image and no reason.';
  return { kind: 'failed', signal: { kind: 'unreadable', message } };
}
