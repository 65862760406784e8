/** The vocabulary of the model catalogue, and how it is asked. The table itself is in `models.ts`. */

import {
  type AspectRatio,
  IMAGE_SIZES,
  type ImageSize,
  type Mode,
  type ModelStage,
  type PersonGeneration,
  type ProviderName,
  RESOLUTIONS,
  type Resolution,
  type VideoTask,
} from './vocabulary.ts';

/** Parameters that not every model takes; one that a model does not take is refused by name. */
export const OPTIONAL_PARAMETERS = [
  'seed',
  'negativePrompt',
  'enhancePrompt',
  'generateAudio',
  'personGeneration',
  'resizeMode',
  'compressionQuality',
  'fps',
  'labels',
  'pubsubTopic',
  // The next turn after the operation of another job.
  'previousJob',
] as const;
export type OptionalParameter = (typeof OPTIONAL_PARAMETERS)[number];

/** Price in US dollars for one second of one video. */
export interface PricePerSecondUsd {
  readonly withAudio: number;
  readonly silent: number;
}

/** How long an operation takes, in milliseconds. */
export interface LatencyProfile {
  readonly minMs: number;
  readonly typicalMs: number;
  /** After this an operation that left no trace is taken not to have run. Documented maximum with a margin. */
  readonly longestMs: number;
}

/** What Google has switched off, or has said when it will. */
export interface Retirement {
  /** `YYYY-MM-DD`, UTC: off from this day on. */
  readonly date: string;
  /** What Google names as its successor. */
  readonly replacement: string;
  /** The living model that code written for this one runs on, where an alias is allowed. */
  readonly runsOn: { readonly provider: ProviderName; readonly model: string };
}

/** What a model takes in one of its modes, where that is not what it takes in the others. */
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
  readonly locations: readonly string[];
  readonly latency: LatencyProfile;
}

export interface VideoModelSpec extends SpecBase {
  readonly kind: 'video';
  /** What differs where a model of both services runs on Vertex AI. Requests may use either name. */
  readonly onVertex?: { readonly model?: string; readonly totalSecondsMax: number };
  readonly modes: ReadonlySet<Mode>;
  readonly inMode?: Readonly<Partial<Record<Mode, Partial<ModeLimits>>>>;
  /** Whether a picture or a video says too little by itself: everything but an upscale needs words. */
  readonly needsPrompt: boolean;
  readonly durationsSeconds: readonly number[];
  readonly defaultDurationSeconds: number;
  readonly referenceImagesMax: number;
  /** When set, 1080p and 4k exist at these durations only. */
  readonly highResolutionDurationsSeconds?: readonly number[];
  /** What an extension adds and takes; present exactly where `modes` has it. */
  readonly extension?: {
    readonly addsSeconds: readonly number[];
    readonly defaultAddsSeconds: number;
    readonly inputSecondsMin: number;
    readonly inputSecondsMax: number;
    /** When set, only videos of these resolutions are extended. */
    readonly inputResolutions?: readonly Resolution[];
    /** When set, only videos of this frame rate are extended. */
    readonly inputFramesPerSecond?: number;
    readonly totalSecondsMax: number;
    /** When set, extensions are made at these resolutions only. */
    readonly resolutions?: readonly Resolution[];
    /** Whether the added duration is a parameter, or always the same and not sent. */
    readonly durationIsSent: boolean;
  };
  /** Length of a video that it edits or enlarges; present exactly where `modes` has either. */
  readonly editing?: { readonly inputSecondsMin: number; readonly inputSecondsMax: number };
  /** Keys are the resolutions the model can make. */
  readonly pricePerSecondUsd: Readonly<Partial<Record<Resolution, PricePerSecondUsd>>>;
  readonly defaultResolution: Resolution;
  readonly aspectRatios: readonly AspectRatio[];
  readonly sampleCountMax: number;
  readonly personGeneration: readonly PersonGeneration[];
  /** What it takes instead, in every mode, in the EU, UK, Switzerland and MENA. */
  readonly personGenerationRestricted: readonly PersonGeneration[];
  readonly takes: ReadonlySet<OptionalParameter>;
  /** Largest seed; the smallest is 0. */
  readonly seedMax: number;
}

export interface ImageModelSpec extends SpecBase {
  readonly kind: 'image';
  /** Makes a picture from a picture and a prompt. */
  readonly edits: boolean;
  readonly surface: 'generateContent' | 'predict';
  /** Whether it can be told which people it may show. */
  readonly takesPersonGeneration: boolean;
  readonly aspectRatios: readonly AspectRatio[];
  /** Of the size it makes when none is asked for. */
  readonly pricePerImageUsd: number;
  /** Keys are the sizes it makes; the values, how many times `pricePerImageUsd` each costs. */
  readonly sizePriceFactors: Readonly<Partial<Record<ImageSize, number>>>;
}

export type ModelSpec = VideoModelSpec | ImageModelSpec;

/** A model that is gone from every service, known so that it can be refused with a date, or run on another. */
export interface RetiredId {
  readonly model: string;
  readonly provider: ProviderName;
  readonly retirement: Retirement;
  /** What it took, where its successor does not take all of that. */
  readonly durationsSeconds?: readonly number[];
}

export interface Catalogue {
  /** The day the table was checked, `YYYY-MM-DD`. */
  readonly date: string;
  readonly models: readonly ModelSpec[];
  readonly retired: readonly RetiredId[];
  /** What a request runs on when it names no model. */
  readonly defaultModel: string;
}

/** The first model of that name, at that provider if one is named. */
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

/** What Vertex AI calls the model. */
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

/** Whether it was switched off at or before the day `today` (`YYYY-MM-DD`). */
export const isRetired = ({ retirement }: Pick<ModelSpec, 'retirement'>, today: string): boolean =>
  retirement !== undefined && retirement.date <= today;

/** What the model takes in this mode. */
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

/** The mode in which a task is listed. */
export const modeOfTask = (task: VideoTask): Mode => (task === 'extend' ? 'extension' : task);
