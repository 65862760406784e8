/** The types of the model catalogue and its queries. The table itself is in `models.ts`. */
import { OPTIONAL_SETTINGS, type OptionalSetting } from './model-settings.ts';

import {
  type AspectRatio,
  IMAGE_SIZES,
  type ImageMimeType,
  type ImageSize,
  type Mode,
  type ModelStage,
  type PersonGeneration,
  type ProviderName,
  RESOLUTIONS,
  type Resolution,
  type VideoTask,
} from './vocabulary.ts';

/** Fields of a request that not every video model takes. `previousJob`: the request continues another job's operation. */
export type OptionalField = OptionalSetting | 'previousJob';
export const OPTIONAL_FIELDS: readonly OptionalField[] = [...OPTIONAL_SETTINGS, 'previousJob'];

/** US dollars for one second of one video. */
export interface PricePerSecondUsd {
  readonly withAudio: number;
  readonly silent: number;
}

/** How long an operation takes. */
export interface LatencyProfile {
  readonly minMs: number;
  readonly typicalMs: number;
  /** An operation that left no trace by then is treated as never run. Google's documented maximum and a margin. */
  readonly longestMs: number;
}

/** A model that Google has switched off, or has announced to switch off. */
export interface Retirement {
  /** `YYYY-MM-DD`, UTC. The model is off from this day on. */
  readonly date: string;
  /** The successor that Google names. */
  readonly replacement: string;
  /** The live model that runs requests for this one, where aliases are allowed. */
  readonly runsOn: { readonly provider: ProviderName; readonly model: string };
}

/** The values that a model takes in one mode, where they differ from its other modes. */
export interface ModeLimits {
  readonly durationsSeconds: readonly number[];
  readonly aspectRatios: readonly AspectRatio[];
  readonly personGeneration: readonly PersonGeneration[];
}

interface SpecBase {
  readonly provider: ProviderName;
  readonly model: string;
  readonly stage: ModelStage;
  readonly retirement?: Retirement | undefined;
  readonly promptCharactersMax: number;
  readonly requestsPerMinute: number;
  /** Google Cloud locations of its calls, in the order in which they are tried. At least one. */
  readonly locations: readonly string[];
  /** Why this deployment does not call the model: none of its locations is allowed. */
  readonly outside?: string | undefined;
  readonly latency: LatencyProfile;
  /** The types of its input images. */
  readonly imageMimeTypes: readonly ImageMimeType[];
}

export interface VideoModelSpec extends SpecBase {
  readonly kind: 'video';
  /** How the model differs on Vertex AI, where both services have it. Requests may use either name. */
  readonly onVertex?: {
    readonly model?: string;
    readonly inputSecondsMax: number;
    readonly totalSecondsMax: number;
  };
  readonly modes: ReadonlySet<Mode>;
  readonly inMode?: Readonly<Partial<Record<Mode, Partial<ModeLimits>>>>;
  /** Whether every task but `upscale` needs a prompt, also with an image or a video. */
  readonly needsPrompt: boolean;
  readonly durationsSeconds: readonly number[];
  readonly defaultDurationSeconds: number;
  readonly referenceImagesMax: number;
  /** Videos that guide a new one. Absent: the model takes none. */
  readonly referenceVideos?: {
    readonly max: number;
    readonly secondsMax: number;
    /** The size of one file. */
    readonly bytesMax: number;
  };
  /** When set, 1080p and 4k are made at these durations only. */
  readonly highResolutionDurationsSeconds?: readonly number[];
  /** What an extension adds and takes. Present exactly where `modes` has `extension`. */
  readonly extension?: {
    readonly addsSeconds: readonly number[];
    readonly defaultAddsSeconds: number;
    readonly inputSecondsMin: number;
    readonly inputSecondsMax: number;
    /** The longest video that is sent as bytes, where that is less. The next turn of an operation sends none. */
    readonly uploadSecondsMax?: number;
    /** When set, the model extends videos of these resolutions only. */
    readonly inputResolutions?: readonly Resolution[];
    /** When set, the model extends videos of this frame rate only. */
    readonly inputFramesPerSecond?: number;
    readonly totalSecondsMax: number;
    /** When set, the model makes extensions at these resolutions only. */
    readonly resolutions?: readonly Resolution[];
    /** Whether the added duration is sent as a parameter. If not, the model always adds the same. */
    readonly durationIsSent: boolean;
  };
  /** Videos that the model edits or upscales. Present exactly where `modes` has either. */
  readonly editing?: { readonly inputSecondsMin: number; readonly inputSecondsMax: number };
  /** The keys are the resolutions that the model makes. */
  readonly pricePerSecondUsd: Readonly<Partial<Record<Resolution, PricePerSecondUsd>>>;
  readonly defaultResolution: Resolution;
  readonly aspectRatios: readonly AspectRatio[];
  readonly sampleCountMax: number;
  readonly personGeneration: readonly PersonGeneration[];
  /** Replaces `personGeneration` of every mode in the EU, the UK, Switzerland and MENA. */
  readonly personGenerationRestricted: readonly PersonGeneration[];
  readonly takes: ReadonlySet<OptionalField>;
  /** The smallest is 0. */
  readonly seedMax: number;
}

export interface ImageModelSpec extends SpecBase {
  readonly kind: 'image';
  /** Whether the model edits an image. */
  readonly edits: boolean;
  readonly surface: 'generateContent' | 'predict';
  /** Whether the model takes `personGeneration`. */
  readonly takesPersonGeneration: boolean;
  readonly aspectRatios: readonly AspectRatio[];
  /** The price of the default size, in US dollars. */
  readonly pricePerImageUsd: number;
  /** The keys are the sizes that the model makes. The price of a size is this factor times `pricePerImageUsd`. */
  readonly sizePriceFactors: Readonly<Partial<Record<ImageSize, number>>>;
}

export type ModelSpec = VideoModelSpec | ImageModelSpec;

/** A model that no service has any more. Requests for it are refused with the date, or run on the successor. */
export interface RetiredId {
  readonly model: string;
  readonly provider: ProviderName;
  readonly retirement: Retirement;
  /** The durations that the model took, where its successor does not take all of them. */
  readonly durationsSeconds?: readonly number[];
}

export interface Catalogue {
  /** The day of the last check of the table, `YYYY-MM-DD`. */
  readonly date: string;
  readonly models: readonly ModelSpec[];
  readonly retired: readonly RetiredId[];
  /** For requests that name no model. */
  readonly defaultModel: string;
}

/** The first model of this name, at this provider if one is given. */
export function findModel(
  catalogue: Catalogue,
  model: string,
  provider?: ProviderName,
): ModelSpec | undefined {
  return catalogue.models.find(
    (spec) =>
      (spec.model === model || (spec.kind === 'video' && spec.onVertex?.model === model)) &&
      (provider === undefined || spec.provider === provider),
  );
}

/** The model's name on Vertex AI. */
export function idOnVertex(catalogue: Catalogue, model: string, provider: ProviderName): string {
  const spec = findModel(catalogue, model, provider);
  return (spec?.kind === 'video' ? spec.onVertex?.model : undefined) ?? model;
}

export function findRetired(
  catalogue: Catalogue,
  model: string,
  provider?: ProviderName,
): RetiredId | undefined {
  return catalogue.retired.find(
    (id) => id.model === model && (provider === undefined || id.provider === provider),
  );
}

/** Whether the model is off on the day `today` (`YYYY-MM-DD`). */
export const isRetired = ({ retirement }: Pick<ModelSpec, 'retirement'>, today: string): boolean =>
  retirement !== undefined && retirement.date <= today;

/** Whether new requests can run on the model. */
export const isServed = (spec: Pick<ModelSpec, 'retirement' | 'outside'>, today: string): boolean =>
  !isRetired(spec, today) && spec.outside === undefined;

/** The values that the model takes in this mode. */
export const limitsIn = (spec: VideoModelSpec, mode: Mode): ModeLimits => ({
  durationsSeconds: spec.durationsSeconds,
  aspectRatios: spec.aspectRatios,
  personGeneration: spec.personGeneration,
  ...spec.inMode?.[mode],
});

export const resolutionsOf = (spec: VideoModelSpec): readonly Resolution[] =>
  RESOLUTIONS.filter((resolution) => spec.pricePerSecondUsd[resolution]);

export const imageSizesOf = (spec: ImageModelSpec): readonly ImageSize[] =>
  IMAGE_SIZES.filter((size) => spec.sizePriceFactors[size] !== undefined);

export const isLarger = (resolution: Resolution, than: Resolution): boolean =>
  RESOLUTIONS.indexOf(resolution) > RESOLUTIONS.indexOf(than);

/** The mode that stands for the task in a model's `modes`. */
export const modeOfTask = (task: VideoTask): Mode => (task === 'extend' ? 'extension' : task);
