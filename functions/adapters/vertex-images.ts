/**
 * Pictures on Vertex AI, for a job's first stage: the Gemini image models answer with the bytes, Imagen writes under the
 * output URI, where its objects are evidence like those of a video.
 */
import type { GoogleGenAI } from '@google/genai';
import type { ImageStage } from '../core/stages.ts';
import type { PaidCall, PaidSubmission } from '../ports.ts';
import { geminiImageSubmission } from './gemini-images.ts';

export function imageSubmission(client: GoogleGenAI, stage: ImageStage, call: PaidCall): PaidSubmission {
  return stage.model.startsWith('imagen-')
    ? imagenSubmission(client, stage, call)
    : geminiImageSubmission(client, stage, call.timeoutMs, stage.image);
}

function imagenSubmission(
  client: GoogleGenAI,
  stage: ImageStage,
  { outputUri, timeoutMs }: PaidCall,
): PaidSubmission {
  const { model, prompt, aspectRatio } = stage;
  const parameters = {
    model,
    prompt,
    config: {
      numberOfImages: 1,
      aspectRatio,
      outputGcsUri: outputUri,
      includeRaiReason: true,
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => {
    const { generatedImages } = await client.models.generateImages(parameters);
    const [made] = generatedImages ?? [];
    if (made?.image?.gcsUri !== undefined) return { kind: 'stored', uri: made.image.gcsUri };
    if (made?.raiFilteredReason !== undefined) return { kind: 'withheld', reasons: [made.raiFilteredReason] };
    return {
      kind: 'failed',
      signal: { kind: 'unreadable', message: 'The answer holds no picture and no reason.' },
    };
  };
}
