/**
 * Pictures on Vertex AI, for a job's first stage: the Gemini image models answer with the bytes, Imagen writes under the
 * output URI, where its objects are evidence like those of a video.
 */
import type { GenerateContentResponse, GoogleGenAI, Part } from '@google/genai';
import type { ImageStage } from '../core/stages.ts';
import type { PaidCall, PaidSubmission, SubmitAnswer } from '../ports.ts';

export function imageSubmission(client: GoogleGenAI, stage: ImageStage, call: PaidCall): PaidSubmission {
  return stage.model.startsWith('imagen-')
    ? imagenSubmission(client, stage, call)
    : geminiSubmission(client, stage, call);
}

function geminiSubmission(client: GoogleGenAI, stage: ImageStage, { timeoutMs }: PaidCall): PaidSubmission {
  const { model, prompt, image, aspectRatio } = stage;
  const parts: Part[] = [
    ...(image ? [{ fileData: { fileUri: image.gcsUri, mimeType: image.mimeType } }] : []),
    { text: prompt },
  ];
  const parameters = {
    model,
    contents: [{ role: 'user', parts }],
    config: {
      responseModalities: ['IMAGE'],
      imageConfig: { aspectRatio },
      httpOptions: { timeout: timeoutMs },
    },
  };
  return async () => contentAnswer(await client.models.generateContent(parameters));
}

function contentAnswer({ candidates, promptFeedback }: GenerateContentResponse): SubmitAnswer {
  const [candidate] = candidates ?? [];
  const inline = candidate?.content?.parts?.find(
    ({ inlineData }) => inlineData?.data !== undefined,
  )?.inlineData;
  const mimeType = inline?.mimeType === 'image/jpeg' ? 'image/jpeg' : 'image/png';
  if (inline?.data !== undefined)
    return { kind: 'image', bytes: Buffer.from(inline.data, 'base64'), mimeType };
  const { finishReason, finishMessage } = candidate ?? {};
  const { blockReason, blockReasonMessage } = promptFeedback ?? {};
  const withheld =
    blockReason ?? (finishReason === undefined || finishReason === 'STOP' ? undefined : finishReason);
  if (withheld !== undefined) {
    return {
      kind: 'withheld',
      reasons: [`${withheld}: ${blockReasonMessage ?? finishMessage ?? 'no picture was shown.'}`],
    };
  }
  return {
    kind: 'failed',
    signal: { kind: 'unreadable', message: 'The answer holds no picture and no reason.' },
  };
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
