/** Which models a request runs on: found, retired, or standing in for a retired one. */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  imageSizesOf,
  isRetired,
  type ModelSpec,
  type VideoModelSpec,
} from '../catalogue/catalogue.ts';
import type { ImageSize, ProviderName } from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { VideoRequest } from '../job/video-request.ts';
import type { FieldError } from '../problem.ts';
import { checkLength, oneOf } from './field-checks.ts';
import type { RequestBody } from './request-body.ts';

export interface RequestRules {
  readonly catalogue: Catalogue;
  /** `YYYY-MM-DD`, UTC. */
  readonly today: string;
  /** Retired models run all the same: for the simulated ones. */
  readonly allowRetired: boolean;
  /** A retired id runs on its successor instead of being refused. */
  readonly aliasRetired: boolean;
  readonly restrictedRegion: boolean;
  /** The models are the simulated ones, whose videos have fewer pixels than the resolution they stand for. */
  readonly scaledDownVideos?: boolean;
  /** Topics that requests may name, `projects/PROJECT/topics/TOPIC`; none when absent. */
  readonly pubsubTopics?: readonly string[];
}

interface Chosen<S extends ModelSpec> {
  readonly spec: S;
  readonly aliasOf?: { readonly model: string; readonly retiredOn: string };
}

export function videoModelOf(
  body: RequestBody,
  rules: RequestRules,
  errors: FieldError[],
): Chosen<VideoModelSpec> | undefined {
  const { model = rules.catalogue.defaultModel, provider } = body;
  const chosen = modelOf({ field: 'model', kind: 'video' }, model, provider, rules, errors);
  if (!chosen) return undefined;
  if (chosen.spec.kind === 'video') return { ...chosen, spec: chosen.spec };
  errors.push({ field: 'model', detail: `'${model}' makes pictures; name it in firstFrame.model.` });
  return undefined;
}

function modelOf(
  { field, kind }: { readonly field: string; readonly kind: ModelSpec['kind'] },
  model: string,
  provider: ProviderName | undefined,
  rules: RequestRules,
  errors: FieldError[],
): Chosen<ModelSpec> | undefined {
  const { catalogue, today } = rules;
  const spec = findModel(catalogue, model, provider);
  if (spec && (!isRetired(spec, today) || rules.allowRetired)) return { spec };
  const retirement = spec?.retirement ?? findRetired(catalogue, model, provider)?.retirement;
  if (!retirement) {
    // What could stand in this field: of its kind, and named once, though two providers may have it.
    const known = new Set(
      catalogue.models
        .filter((each) => each.kind === kind && !isRetired(each, today))
        .filter((each) => provider === undefined || each.provider === provider)
        .map((each) => each.model),
    );
    const where = provider === undefined ? '' : ` of provider ${provider}`;
    const list = known.size === 0 ? '' : `; known: ${[...known].join(', ')}`;
    errors.push({ field, detail: `'${model}' is not a known model${where}${list}.` });
    return undefined;
  }
  const { date, replacement, runsOn } = retirement;
  const successor = rules.aliasRetired ? findModel(catalogue, runsOn.model, runsOn.provider) : undefined;
  if (successor && !isRetired(successor, today))
    return { spec: successor, aliasOf: { model, retiredOn: date } };
  errors.push({ field, detail: `'${model}' was retired on ${date}; use ${replacement}.` });
  return undefined;
}

const DEFAULT_IMAGE_MODEL = 'gemini-3.1-flash-image';

/** The picture to be made first, without the one it may be made from. */
export function firstFrameOf(
  { firstFrame, image, video, previousJob, referenceImages, aspectRatio, personGeneration }: RequestBody,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest['firstFrame'] {
  if (!firstFrame) return undefined;
  if (image)
    errors.push({
      field: 'image',
      detail: 'and firstFrame are both the first frame; to edit a picture, put it in firstFrame.image.',
    });
  if (video || previousJob !== undefined || referenceImages)
    errors.push({
      field: 'firstFrame',
      detail: 'goes with a new video only, not with video, previousJob or referenceImages.',
    });
  const { model = DEFAULT_IMAGE_MODEL, provider, prompt } = firstFrame;
  const chosen = modelOf({ field: 'firstFrame.model', kind: 'image' }, model, provider, rules, errors);
  if (!chosen) return undefined;
  const { spec, aliasOf } = chosen;
  if (spec.kind !== 'image') {
    errors.push({ field: 'firstFrame.model', detail: `'${model}' makes videos, not pictures.` });
    return undefined;
  }
  const imageSize = checkFirstFrame(firstFrame, spec, aspectRatio, errors);
  if (personGeneration !== undefined && !spec.takesPersonGeneration)
    errors.push({
      field: 'personGeneration',
      detail: `is not taken by ${spec.model} of provider ${spec.provider}, which is to make the first frame.`,
    });
  return {
    provider: spec.provider,
    model: spec.model,
    prompt,
    ...defined({ imageSize, aliasOf }),
  };
}

/** Returns the size that was asked for, if any. */
function checkFirstFrame(
  { prompt, image, imageSize }: NonNullable<RequestBody['firstFrame']>,
  spec: ImageModelSpec,
  aspectRatio: string | undefined,
  errors: FieldError[],
): ImageSize | undefined {
  if (prompt.trim() === '') errors.push({ field: 'firstFrame.prompt', detail: 'is empty.' });
  checkLength('firstFrame.prompt', prompt, spec, errors);
  if (image && !spec.edits)
    errors.push({
      field: 'firstFrame.image',
      detail: `is not taken by ${spec.model}: it does not edit pictures.`,
    });
  oneOf('aspectRatio', aspectRatio, spec.aspectRatios, '16:9', errors);
  if (imageSize === undefined) return undefined;
  return oneOf('firstFrame.imageSize', imageSize, imageSizesOf(spec), '1K', errors);
}
