/** Images by the Gemini image models, which answer with the bytes. The call is the same on Vertex AI and the Developer API. */
import type { GenerateContentResponse, GoogleGenAI, Part } from '@google/genai';
import type { Sent } from '../core/catalogue/model-settings.ts';
import { type ImageMimeType, imageMimeTypeOf } from '../core/catalogue/vocabulary.ts';
import { defined } from '../core/defined.ts';
import type { FilteredSide } from '../core/job/attempt-record.ts';
import type { ImageSettings, ImageStage } from '../core/job/stages.ts';
import type { StoredImage } from '../core/job/video-request.ts';
import type { PaidSubmission, SubmitAnswer } from '../ports.ts';
import { wordsOf } from './provider-signal.ts';

/** An image to edit: by name where the service reads buckets, otherwise as bytes. */
type GivenImage = StoredImage | { readonly bytes: Uint8Array; readonly mimeType: ImageMimeType };

/** These models' values differ from those of Imagen and Veo. */
const PEOPLE = { allow_all: 'ALLOW_ALL', allow_adult: 'ALLOW_ADULT', dont_allow: 'ALLOW_NONE' } as const;

/** The submission may throw the SDK's errors. */
export function geminiImageSubmission(
  client: GoogleGenAI,
  { model, prompt, aspectRatio, imageSize, personGeneration }: ImageStage,
  timeoutMs: number,
  given: GivenImage | undefined,
): PaidSubmission {
  const parts: Part[] = [...(given ? [partOf(given)] : []), { text: prompt }];
  const parameters = {
    model,
    contents: [{ role: 'user', parts }],
    config: {
      responseModalities: ['IMAGE'],
      imageConfig: defined({
        aspectRatio,
        imageSize,
        personGeneration: personGeneration && PEOPLE[personGeneration],
      } satisfies Sent<keyof ImageSettings>),
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => contentAnswer(await client.models.generateContent(parameters));
}

function partOf(image: GivenImage): Part {
  const { mimeType } = image;
  if ('gcsUri' in image) return { fileData: { fileUri: image.gcsUri, mimeType } };
  return { inlineData: { data: Buffer.from(image.bytes).toString('base64'), mimeType } };
}

const withheld = (side: FilteredSide, reason: string, message = 'no image was returned.'): SubmitAnswer => ({
  kind: 'withheld',
  side,
  reasons: [`${reason}: ${message}`],
});

function contentAnswer({ candidates, promptFeedback }: GenerateContentResponse): SubmitAnswer {
  const [candidate] = candidates ?? [];
  const inline = candidate?.content?.parts?.find(
    ({ inlineData }) => inlineData?.data !== undefined,
  )?.inlineData;
  if (inline?.data !== undefined)
    return {
      kind: 'image',
      bytes: Buffer.from(inline.data, 'base64'),
      mimeType: imageMimeTypeOf(inline.mimeType),
    };
  const { finishReason, finishMessage } = candidate ?? {};
  const { blockReason, blockReasonMessage } = promptFeedback ?? {};
  if (blockReason !== undefined) return withheld('input', blockReason, blockReasonMessage);
  if (finishReason !== undefined && finishReason !== 'STOP')
    return withheld('output', finishReason, finishMessage);
  const words = wordsOf(
    (candidate?.content?.parts ?? []).flatMap(({ text, thought }) => (text && !thought ? [text] : [])),
  );
  if (words !== undefined) {
    const message = `The model made no image and answered: ${words}`;
    return { kind: 'failed', signal: { kind: 'declined', message } };
  }
  return {
    kind: 'failed',
    signal: { kind: 'unreadable', message: 'The answer holds no image and no reason.' },
  };
}
