/**
 * Images on Vertex AI, for a job's first stage. The Gemini image models answer with the bytes. Imagen writes under the
 * output URI, where its objects are evidence like those of a video.
 */
import { type GoogleGenAI, PersonGeneration } from '@google/genai';
import type { Sent } from '../core/catalogue/model-settings.ts';
import { imageMimeTypeOf } from '../core/catalogue/vocabulary.ts';
import { defined } from '../core/defined.ts';
import type { ImageSettings, ImageStage } from '../core/job/stages.ts';
import type { PaidCall, PaidSubmission } from '../ports.ts';
import { geminiImageSubmission } from './gemini-images.ts';

/** @param readImage set where images are sent as bytes, not by name */
export async function imageSubmission(
  client: GoogleGenAI,
  stage: ImageStage,
  call: PaidCall,
  readImage: ((gcsUri: string) => Promise<Uint8Array>) | undefined,
): Promise<PaidSubmission> {
  if (stage.model.startsWith('imagen-')) return imagenSubmission(client, stage, call);
  const { image } = stage;
  const given =
    image && readImage ? { bytes: await readImage(image.gcsUri), mimeType: image.mimeType } : image;
  return geminiImageSubmission(client, stage, call.timeoutMs, given);
}

const PEOPLE = {
  allow_adult: PersonGeneration.ALLOW_ADULT,
  allow_all: PersonGeneration.ALLOW_ALL,
  dont_allow: PersonGeneration.DONT_ALLOW,
} as const;

function imagenSubmission(
  client: GoogleGenAI,
  stage: ImageStage,
  { outputUri, timeoutMs }: PaidCall,
): PaidSubmission {
  const { model, prompt, aspectRatio, imageSize, personGeneration } = stage;
  const parameters = {
    model,
    prompt,
    config: {
      numberOfImages: 1,
      ...defined({
        aspectRatio,
        imageSize,
        personGeneration: personGeneration && PEOPLE[personGeneration],
      } satisfies Sent<keyof ImageSettings>),
      outputGcsUri: outputUri,
      includeRaiReason: true,
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => {
    const { generatedImages } = await client.models.generateImages(parameters);
    const [made] = generatedImages ?? [];
    if (made?.image?.gcsUri !== undefined) return { kind: 'stored', uri: made.image.gcsUri };
    // We asked for an object in the bucket, but the image is paid for.
    if (made?.image?.imageBytes !== undefined) {
      const mimeType = imageMimeTypeOf(made.image.mimeType);
      return { kind: 'image', bytes: Buffer.from(made.image.imageBytes, 'base64'), mimeType };
    }
    if (made?.raiFilteredReason !== undefined)
      return { kind: 'withheld', side: 'output', reasons: [made.raiFilteredReason] };
    return {
      kind: 'failed',
      signal: { kind: 'unreadable', message: 'The answer holds no image and no reason.' },
    };
  };
}
