/**
 * The video models, what each takes, and what each costs. One dated table; prices and quotas may be overridden by
 * configuration because Google changes them more often than Clapper is deployed.
 *
 * Collected 2026-11-20 from Google's model pages, the Vertex AI reference and the Veo documents; a silent price marked
 * "derived" is computed from resellers' lists, not read from Google's.
 */

export type ProviderName = 'vertex' | 'gemini';
export type Resolution = '720p' | '1080p' | '4k';
export type AspectRatio = '16:9' | '9:16';
export type PersonGeneration = 'allow_adult' | 'dont_allow' | 'allow_all';

/** Price in US dollars for one second of one video. */
export interface PricePerSecondUsd {
  readonly withAudio: number;
  readonly silent: number;
}

export interface ModelSpec {
  readonly provider: ProviderName;
  readonly model: string;
  readonly stage: 'ga' | 'preview';
  /** Set when Google has switched the model off, or has said when it will. The date is `YYYY-MM-DD`, UTC. */
  readonly retirement?: { readonly date: string; readonly replacement: string };
  readonly durationsSeconds: readonly number[];
  readonly defaultDurationSeconds: number;
  /** Keys are the resolutions the model can make. */
  readonly pricePerSecondUsd: Readonly<Partial<Record<Resolution, PricePerSecondUsd>>>;
  /** When set, 1080p and 4k exist at these durations only (Developer API documents). */
  readonly highResolutionDurationsSeconds?: readonly number[];
  readonly aspectRatios: readonly AspectRatio[];
  readonly sampleCountMax: number;
  readonly personGeneration: readonly PersonGeneration[];
  /** Optional parameters the model takes; any other is refused by name. */
  readonly takes: ReadonlySet<OptionalParameter>;
  readonly lastFrame: boolean;
  /** `gs://` inputs; the Developer API takes image bytes only. */
  readonly readsGcs: boolean;
  readonly promptCharactersMax: number;
  readonly requestsPerMinute: number;
  readonly locations: readonly string[];
  readonly latency: LatencyProfile;
}

/** How long an operation takes, in milliseconds, by Google's documents (11 s to 6 min, mostly about 2 min). */
export interface LatencyProfile {
  readonly minMs: number;
  readonly typicalMs: number;
  /** After this an operation that left no trace is taken not to have run. Documented maximum with a margin. */
  readonly longestMs: number;
}

export type OptionalParameter =
  | 'seed'
  | 'negativePrompt'
  | 'enhancePrompt'
  | 'generateAudio'
  | 'personGeneration'
  | 'resizeMode'
  | 'compressionQuality';

const MINUTE = 60_000;
const VEO_LATENCY: LatencyProfile = { minMs: 11_000, typicalMs: 2 * MINUTE, longestMs: 12 * MINUTE };

const VEO_VERTEX = {
  provider: 'vertex',
  durationsSeconds: [4, 6, 8],
  defaultDurationSeconds: 8,
  aspectRatios: ['16:9', '9:16'],
  sampleCountMax: 4,
  personGeneration: ['allow_adult', 'dont_allow', 'allow_all'],
  takes: new Set<OptionalParameter>([
    'seed',
    'negativePrompt',
    'enhancePrompt',
    'generateAudio',
    'personGeneration',
    'resizeMode',
    'compressionQuality',
  ]),
  readsGcs: true,
  // About 1,024 tokens; four characters a token is the usual reckoning for English.
  promptCharactersMax: 4096,
  locations: ['us-central1'],
  latency: VEO_LATENCY,
} as const;

/** Veo as the Developer API served it until 2026-10-22. Kept for replaying and for the simulated models. */
const VEO_GEMINI = {
  provider: 'gemini',
  stage: 'preview',
  retirement: { date: '2026-10-22', replacement: 'gemini-omni-1.1-flash' },
  durationsSeconds: [4, 6, 8],
  defaultDurationSeconds: 8,
  highResolutionDurationsSeconds: [8],
  aspectRatios: ['16:9', '9:16'],
  sampleCountMax: 1,
  personGeneration: ['allow_adult', 'dont_allow', 'allow_all'],
  takes: new Set<OptionalParameter>(['negativePrompt', 'personGeneration']),
  lastFrame: true,
  readsGcs: false,
  promptCharactersMax: 4096,
  requestsPerMinute: 10,
  locations: ['global'],
  latency: VEO_LATENCY,
} as const;

const STANDARD_PRICE = {
  '720p': { withAudio: 0.4, silent: 0.2 },
  '1080p': { withAudio: 0.4, silent: 0.2 },
  '4k': { withAudio: 0.6, silent: 0.4 }, // silent: derived
} as const;
const FAST_PRICE = {
  '720p': { withAudio: 0.1, silent: 0.08 },
  '1080p': { withAudio: 0.12, silent: 0.1 },
  '4k': { withAudio: 0.3, silent: 0.25 },
} as const;
const LITE_PRICE = {
  '720p': { withAudio: 0.05, silent: 0.03 }, // silent: derived
  '1080p': { withAudio: 0.08, silent: 0.05 }, // silent: derived
} as const;

export const MODELS: readonly ModelSpec[] = [
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-generate-001',
    stage: 'ga',
    pricePerSecondUsd: STANDARD_PRICE,
    lastFrame: true,
    requestsPerMinute: 50,
  },
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-fast-generate-001',
    stage: 'ga',
    pricePerSecondUsd: FAST_PRICE,
    lastFrame: true,
    requestsPerMinute: 50,
  },
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-lite-generate-001',
    stage: 'preview',
    pricePerSecondUsd: LITE_PRICE,
    // Sources disagree; refusing is free, an unwanted clip is not.
    lastFrame: false,
    requestsPerMinute: 10,
  },
  { ...VEO_GEMINI, model: 'veo-3.1-generate-preview', pricePerSecondUsd: STANDARD_PRICE },
  { ...VEO_GEMINI, model: 'veo-3.1-fast-generate-preview', pricePerSecondUsd: FAST_PRICE },
  { ...VEO_GEMINI, model: 'veo-3.1-lite-generate-preview', pricePerSecondUsd: LITE_PRICE },
];

/** The model a request runs on when it names none: the cheaper generally available one. */
export const DEFAULT_MODEL = 'veo-3.1-fast-generate-001';

export function findModel(model: string, provider?: ProviderName): ModelSpec | undefined {
  return MODELS.find(
    (spec) => spec.model === model && (provider === undefined || spec.provider === provider),
  );
}

/** Whether the model was switched off at or before the day `today` (`YYYY-MM-DD`). */
export function isRetired(spec: ModelSpec, today: string): boolean {
  return spec.retirement !== undefined && spec.retirement.date <= today;
}

export const resolutionsOf = (spec: ModelSpec): readonly Resolution[] =>
  (['720p', '1080p', '4k'] as const).filter((resolution) => spec.pricePerSecondUsd[resolution]);
