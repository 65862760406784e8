/** Gemini's image models: `generateContent` on both surfaces. */
import { createHash } from 'node:crypto';
import { parseDirectives, withoutDirectives } from '../fault/prompt-directives.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { type Call, jsonBody } from '../http/router.ts';
import { generateImages, type ImageContext, type ImageResult, type ImageTarget } from './image-call.ts';
import type { GeminiImageModel } from './image-catalogue.ts';
import { type ContentRequest, parseContentRequest } from './image-content-request.ts';
import { type ReadImage, readImages } from './image-inputs.ts';
import type { ImageCall } from './image-ledger.ts';
import type { ImagePlan } from './image-rendering.ts';
import { geminiOutputBlock, geminiPromptBlock } from './image-safety.ts';

/** @throws GoogleError when the call is rejected; then nothing was paid */
export async function generateContent(
  context: ImageContext,
  target: ImageTarget<GeminiImageModel>,
  call: Call,
): Promise<Reply> {
  const { surface, model } = target;
  const request = parseContentRequest(surface, model, jsonBody(call));
  parseDirectives(request.prompt);
  const inputs = await readImages(surface, request.images, context.objects, context.signal);
  const plan = planOf(model, request, inputs);
  const generation = { prompt: request.prompt, plan, sampleCount: 1, storageUri: undefined };
  return generateImages(context, target, generation, (result, accepted) =>
    jsonReply(answerOf(target, request, plan, result, accepted)),
  );
}

function planOf(model: GeminiImageModel, request: ContentRequest, inputs: readonly ReadImage[]): ImagePlan {
  const prompt = withoutDirectives(request.prompt);
  return {
    model: model.id,
    aspectRatio: request.aspectRatio ?? nearestRatio(model, inputs[0]),
    size: request.size ?? model.sizes[0] ?? '1K',
    prompt,
    seed: request.seed ?? seedFrom(prompt, inputs),
    inputs: inputs.map(({ label, digest }) => ({ label, digest })),
  };
}

/** The default aspect ratio: the one nearest to the first input, or 1:1. */
function nearestRatio(model: GeminiImageModel, input: ReadImage | undefined): string {
  if (input?.pixels === undefined) return '1:1';
  const wanted = Math.log(input.pixels.width / input.pixels.height);
  const distance = (ratio: string): number => {
    const [across = 1, down = 1] = ratio.split(':').map(Number);
    return Math.abs(Math.log(across / down) - wanted);
  };
  return model.aspectRatios.reduce((best, ratio) => (distance(ratio) < distance(best) ? ratio : best), '1:1');
}

/** The default seed: equal inputs give equal images, different inputs give different ones. */
function seedFrom(prompt: string, inputs: readonly ReadImage[]): number {
  const hash = createHash('sha256').update(prompt);
  for (const { digest } of inputs) hash.update(digest);
  return hash.digest().readUInt32BE();
}

function answerOf(
  { surface, model }: ImageTarget<GeminiImageModel>,
  request: ContentRequest,
  plan: ImagePlan,
  result: ImageResult,
  call: ImageCall,
): unknown {
  const hasImage = result.kind === 'images';
  return {
    ...candidateOf(request, plan, result),
    usageMetadata: usageOf(model, request, plan, hasImage),
    modelVersion: model.id,
    ...(surface === 'vertex' && { createTime: new Date(call.acceptedAtMs).toISOString() }),
    responseId: call.id,
  };
}

type Json = Readonly<Record<string, unknown>>;

function candidateOf(request: ContentRequest, plan: ImagePlan, result: ImageResult): Json {
  const candidate = (parts: readonly unknown[], finish: Json): Json => ({
    candidates: [{ content: { role: 'model', ...(parts.length > 0 && { parts }) }, ...finish, index: 0 }],
  });
  switch (result.kind) {
    case 'images': {
      const imageParts = result.images.map(({ png }) => ({
        inlineData: { mimeType: 'image/png', data: png.toString('base64') },
      }));
      const textParts = request.wantsText ? [{ text: `SIMULATED: an image for "${plan.prompt}".` }] : [];
      return candidate([...textParts, ...imageParts], { finishReason: 'STOP' });
    }
    case 'filtered':
      return candidate([], geminiOutputBlock(result.category));
    case 'prompt-blocked':
      return { promptFeedback: geminiPromptBlock(result.category) };
    case 'text-only':
      return candidate([{ text: `SIMULATED: text for "${plan.prompt}", without an image.` }], {
        finishReason: 'STOP',
      });
    case 'empty':
      return candidate([], { finishReason: 'NO_IMAGE' });
  }
}

const INPUT_IMAGE_TOKENS = 560;
const CHARACTERS_PER_TOKEN = 4;

function usageOf(model: GeminiImageModel, request: ContentRequest, plan: ImagePlan, hasImage: boolean): Json {
  const text = Math.ceil(request.textLength / CHARACTERS_PER_TOKEN);
  const images = request.images.length * INPUT_IMAGE_TOKENS;
  const made = hasImage ? (model.imageTokens[plan.size] ?? 0) : 0;
  return {
    promptTokenCount: text + images,
    ...(made > 0 && { candidatesTokenCount: made }),
    totalTokenCount: text + images + made,
    promptTokensDetails: [
      { modality: 'TEXT', tokenCount: text },
      ...(images > 0 ? [{ modality: 'IMAGE', tokenCount: images }] : []),
    ],
    ...(made > 0 && { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: made }] }),
  };
}
