/** Imagen: `predict` on Vertex AI, and on the Developer API until it retired Imagen. */
import { createHash } from 'node:crypto';
import { parseDirectives, withoutDirectives } from '../fault/prompt-directives.ts';
import { GoogleError, refuse } from '../http/google-error.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { type Call, jsonBody } from '../http/router.ts';
import { ObjectStoreRefusal, parseGsUri } from '../operation/object-store.ts';
import { generateImages, type ImageContext, type ImageResult, type ImageTarget } from './image-call.ts';
import type { ImagenModel } from './image-catalogue.ts';
import type { ImageCall } from './image-ledger.ts';
import { type ImagenRequest, parseImagenRequest } from './image-predict-request.ts';
import { imagenFilterReason, imagenPromptBlock } from './image-safety.ts';

/** @throws GoogleError when the call is rejected; then nothing was paid */
export async function predictImages(
  context: ImageContext,
  target: ImageTarget<ImagenModel>,
  call: Call,
): Promise<Reply> {
  const { model } = target;
  const request = parseImagenRequest(target.surface, model, jsonBody(call));
  parseDirectives(request.prompt);
  const prompt = withoutDirectives(request.prompt);
  const { aspectRatio, size, sampleCount, storageUri } = request;
  const seed = request.seed ?? createHash('sha256').update(prompt).digest().readUInt32BE();
  const plan = { model: model.id, aspectRatio, size, prompt, seed, inputs: [] };
  const generation = {
    prompt: request.prompt,
    plan,
    sampleCount,
    storageUri,
    promptRefusal: imagenPromptBlock,
  };
  return generateImages(context, target, generation, async (result, accepted) => {
    const predictions = await predictionsOf(context, request, result, accepted);
    return jsonReply(predictions.length > 0 ? { predictions } : {});
  });
}

type Prediction = Readonly<Record<string, unknown>>;

async function predictionsOf(
  context: ImageContext,
  request: ImagenRequest,
  result: ImageResult,
  call: ImageCall,
): Promise<readonly Prediction[]> {
  if (!('images' in result)) return [];
  const predictions: Prediction[] = [];
  if (result.kind === 'filtered' && request.includeRaiReason) {
    const raiFilteredReason = imagenFilterReason(result.category, result.heldBack, request.sampleCount);
    for (let i = 0; i < result.heldBack; i++) predictions.push({ raiFilteredReason });
  }
  for (const { sample, png } of result.images) {
    predictions.push({
      mimeType: 'image/png',
      ...(request.storageUri === undefined
        ? { bytesBase64Encoded: png.toString('base64') }
        : {
            gcsUri: await store(context, `${request.storageUri}/${folderOf(call)}/sample_${sample}.png`, png),
          }),
      ...(request.enhancePrompt && { prompt: withoutDirectives(request.prompt) }),
      ...(request.includeSafetyAttributes && { safetyAttributes: SAFE }),
    });
  }
  if (request.includeSafetyAttributes) {
    predictions.push({ contentType: 'Positive Prompt', safetyAttributes: SAFE });
  }
  return predictions;
}

const SAFE = { categories: ['Porn', 'Violence'], scores: [0.1, 0.1] };

/** A number that the server chooses, as for videos. */
const folderOf = (call: ImageCall): string =>
  createHash('sha256').update(call.id).digest().readBigUInt64BE().toString();

async function store(context: ImageContext, uri: string, png: Buffer): Promise<string> {
  const location = parseGsUri(uri);
  if (location === undefined) throw new Error(`not a gs:// URI: ${uri}`);
  try {
    await context.objects.createIfMissing(location, png, 'image/png', context.signal);
    return uri;
  } catch (error) {
    if (!(error instanceof ObjectStoreRefusal)) {
      throw new GoogleError('UNAVAILABLE', 'The service is currently unavailable.');
    }
    return error.httpStatus === 404
      ? refuse('NOT_FOUND', `The specified bucket does not exist: ${location.bucket}`)
      : refuse(
          'PERMISSION_DENIED',
          `The service has no permission to write to the bucket ${location.bucket}.`,
        );
  }
}
