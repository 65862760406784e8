/** Pictures by the Gemini image models, which answer with the bytes: the same call on Vertex AI and the Developer API. */
import type { GenerateContentResponse, GoogleGenAI, Part } from '@google/genai';
import { type ImageMimeType, imageMimeTypeOf } from '../core/catalogue/vocabulary.ts';
import { defined } from '../core/defined.ts';
import type { FilteredSide } from '../core/job/attempt-record.ts';
import type { ImageStage } from '../core/job/stages.ts';
import type { StoredImage } from '../core/job/video-request.ts';
import type { PaidSubmission, SubmitAnswer } from '../ports.ts';
import { wordsOf } from './provider-signal.ts';

/** A picture to edit: by name where the service reads buckets, as bytes where not. */
type GivenPicture = StoredImage | { readonly bytes: Uint8Array; readonly mimeType: ImageMimeType };

/** These models' own words for it, which are not those of Imagen and Veo. */
const PEOPLE = { allow_all: 'ALLOW_ALL', allow_adult: 'ALLOW_ADULT', dont_allow: 'ALLOW_NONE' } as const;

/** The call may throw; what it throws is the SDK's. */
export function geminiImageSubmission(
  client: GoogleGenAI,
  { model, prompt, aspectRatio, imageSize, personGeneration }: ImageStage,
  timeoutMs: number,
  given: GivenPicture | undefined,
): PaidSubmission {
  const parts: Part[] = [...(given ? [partOf(given)] : []), { text: prompt }];
  const parameters = {
    model,
    contents: [{ role: 'user', parts }],
    config: {
      responseModalities: ['IMAGE'],
      imageConfig: {
        aspectRatio,
        ...defined({ imageSize }),
        ...(personGeneration === undefined ? {} : { personGeneration: PEOPLE[personGeneration] }),
      },
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => contentAnswer(await client.models.generateContent(parameters));
}

function partOf(picture: GivenPicture): Part {
  const { mimeType } = picture;
  if ('gcsUri' in picture) return { fileData: { fileUri: picture.gcsUri, mimeType } };
  return { inlineData: { data: Buffer.from(picture.bytes).toString('base64'), mimeType } };
}

const withheld = (side: FilteredSide, reason: string, message = 'no picture was shown.'): SubmitAnswer => ({
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
    const message = `The model made no picture, but said: ${words}`;
    return { kind: 'failed', signal: { kind: 'declined', message } };
  }
  return {
    kind: 'failed',
    signal: { kind: 'unreadable', message: 'The answer holds no picture and no reason.' },
  };
}
