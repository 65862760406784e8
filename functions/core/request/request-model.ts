/** The models that a request runs on: live, retired, or the successor of a retired one. */
import {
  type Catalogue,
  findModel,
  findRetired,
  type ImageModelSpec,
  imageSizesOf,
  isRetired,
  isServed,
  type ModelSpec,
  type VideoModelSpec,
} from '../catalogue/catalogue.ts';
import { DEFAULT_ASPECT_RATIO, type ImageSize, type ProviderName } from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { VideoRequest } from '../job/video-request.ts';
import { didYouMean } from '../near-miss.ts';
import type { FieldError } from '../problem.ts';
import { shown } from '../shown.ts';
import { checkLength, oneOf } from './field-checks.ts';
import type { RequestBody } from './request-body.ts';

export interface RequestRules {
  readonly catalogue: Catalogue;
  /** `YYYY-MM-DD`, UTC. */
  readonly today: string;
  /** Milliseconds since the epoch. The times of a request must be later. */
  readonly now?: number;
  /** Texts stay as they are, as with Google: no placeholder is filled in or refused, and no error value of a spreadsheet. */
  readonly isGoogles?: boolean;
  /** Retired models run, as the simulated models do. */
  readonly allowRetired: boolean;
  /** A retired model runs on its successor. Otherwise it is refused. */
  readonly aliasRetired: boolean;
  readonly restrictedRegion: boolean;
  /** The models are simulated. Their videos have fewer pixels than the resolution that they stand for. */
  readonly scaledDownVideos?: boolean;
  /** Topics that requests may name, `projects/PROJECT/topics/TOPIC`. Absent: none. */
  readonly pubsubTopics?: readonly string[];
}

interface Chosen<S extends ModelSpec> {
  readonly spec: S;
  readonly aliasOf?: { readonly model: string; readonly retiredOn: string };
  /** Set if a retired model runs itself. */
  readonly retiredOn?: string;
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
  errors.push({ field: 'model', detail: `'${model}' makes images; name it in firstFrame.model.` });
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
  if (spec && isServed(spec, today)) return { spec };
  if (spec?.outside !== undefined && (rules.allowRetired || !isRetired(spec, today))) {
    errors.push({ field, detail: `is ${shown(model)}, which is refused: ${spec.outside}.` });
    return undefined;
  }
  if (spec?.retirement && rules.allowRetired) return { spec, retiredOn: spec.retirement.date };
  const retirement = spec?.retirement ?? findRetired(catalogue, model, provider)?.retirement;
  if (!retirement) {
    // Only models that this field takes. A set, because two providers may have the same model.
    const known = new Set(
      catalogue.models
        .filter((each) => each.kind === kind && isServed(each, today))
        .filter((each) => provider === undefined || each.provider === provider)
        .map((each) => each.model),
    );
    const where = provider === undefined ? '' : ` of provider ${provider}`;
    const list = known.size === 0 ? '' : `; known: ${[...known].join(', ')}`;
    const meant = didYouMean(model, [...known]).replace('?', '');
    errors.push({ field, detail: `${shown(model)} is not a known model${where}${meant}${list}.` });
    return undefined;
  }
  const { date, replacement, runsOn } = retirement;
  const successor = rules.aliasRetired ? findModel(catalogue, runsOn.model, runsOn.provider) : undefined;
  if (successor && isServed(successor, today))
    return { spec: successor, aliasOf: { model, retiredOn: date } };
  errors.push({ field, detail: `'${model}' was retired on ${date}; use ${replacement}.` });
  return undefined;
}

const DEFAULT_IMAGE_MODEL = 'gemini-3.1-flash-image';

/** The first frame to make, without the image that it may be made from. */
export function firstFrameOf(
  body: RequestBody,
  rules: RequestRules,
  errors: FieldError[],
): VideoRequest['firstFrame'] {
  const { firstFrame, image, video, previousJob, aspectRatio, personGeneration } = body;
  if (!firstFrame) return undefined;
  if (image)
    errors.push({
      field: 'image',
      detail:
        'does not go with firstFrame, which is the first frame too; to edit an image, give it in firstFrame.image.',
    });
  if (video || previousJob !== undefined || body.referenceImages || body.referenceVideos)
    errors.push({
      field: 'firstFrame',
      detail:
        'does not go with video, previousJob, referenceImages or referenceVideos; it starts a new video.',
    });
  const { model = DEFAULT_IMAGE_MODEL, provider, prompt } = firstFrame;
  const chosen = modelOf({ field: 'firstFrame.model', kind: 'image' }, model, provider, rules, errors);
  if (!chosen) return undefined;
  const { spec, aliasOf, retiredOn } = chosen;
  if (spec.kind !== 'image') {
    errors.push({ field: 'firstFrame.model', detail: `'${model}' makes videos; name an image model.` });
    return undefined;
  }
  const imageSize = checkFirstFrame(firstFrame, spec, aspectRatio, errors);
  if (personGeneration !== undefined && !spec.takesPersonGeneration)
    errors.push({
      field: 'personGeneration',
      detail: `is not taken by ${spec.model} of provider ${spec.provider}, which makes the first frame.`,
    });
  return {
    provider: spec.provider,
    model: spec.model,
    prompt,
    ...defined({ imageSize, aliasOf, retiredOn }),
  };
}

/** @returns the requested size, if any */
function checkFirstFrame(
  { prompt, image, imageSize }: NonNullable<RequestBody['firstFrame']>,
  spec: ImageModelSpec,
  aspectRatio: string | undefined,
  errors: FieldError[],
): ImageSize | undefined {
  if (prompt.trim() === '')
    errors.push({ field: 'firstFrame.prompt', detail: 'is empty; say what to make.' });
  checkLength('firstFrame.prompt', prompt, spec, errors);
  if (image && !spec.edits)
    errors.push({
      field: 'firstFrame.image',
      detail: `is not taken by ${spec.model}, which does not edit images.`,
    });
  oneOf('aspectRatio', aspectRatio, spec.aspectRatios, DEFAULT_ASPECT_RATIO, errors);
  if (imageSize === undefined) return undefined;
  return oneOf('firstFrame.imageSize', imageSize, imageSizesOf(spec), '1K', errors);
}
