/**
 * The models, what each takes, and what each costs. One dated table; prices, quotas and retirement may be overridden by
 * configuration, because Google changes them more often than Clapper is deployed.
 *
 * Collected from Google's model pages, the Vertex AI reference and the Veo documents. A price marked "derived" is
 * computed from resellers' lists, one marked "recalled" is from memory: neither was read from Google's list.
 */
import { defined } from '../defined.ts';
import type {
  Catalogue,
  OptionalParameter,
  PricePerSecondUsd,
  RetiredId,
  VideoModelSpec,
} from './catalogue.ts';
import { IMAGE_MODELS } from './image-models.ts';
import type { Mode } from './vocabulary.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const modes = (...list: Mode[]): ReadonlySet<Mode> => new Set(list);
const parameters = (...list: OptionalParameter[]): ReadonlySet<OptionalParameter> => new Set(list);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);
const both = (price: number): PricePerSecondUsd => ({ withAudio: price, silent: price });

/** Google's documents: 11 s to 6 minutes. */
export const VIDEO_LATENCY = { minMs: 11 * SECOND, typicalMs: 2 * MINUTE, longestMs: 12 * MINUTE };

// About 1,024 tokens; four characters a token is the usual reckoning for English.
const VEO_PROMPT_CHARACTERS = 4096;

const UINT32_MAX = 4_294_967_295;

const VEO_VERTEX = {
  kind: 'video',
  provider: 'vertex',
  needsPrompt: false,
  modes: modes('text', 'image', 'firstLast', 'references', 'extension'),
  durationsSeconds: [4, 6, 8],
  defaultDurationSeconds: 8,
  inMode: { references: { durationsSeconds: [8] } },
  referenceImagesMax: 3,
  extension: {
    addsSeconds: [7],
    defaultAddsSeconds: 7,
    inputSecondsMin: 1,
    inputSecondsMax: 30,
    inputResolutions: ['720p', '1080p', '4k'],
    inputFramesPerSecond: 24,
    totalSecondsMax: 37,
    durationIsSent: false,
  },
  defaultResolution: '720p',
  aspectRatios: ['16:9', '9:16'],
  sampleCountMax: 4,
  personGeneration: ['allow_adult', 'dont_allow', 'allow_all'],
  personGenerationRestricted: ['allow_adult', 'dont_allow'],
  takes: parameters(
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
  ),
  seedMax: UINT32_MAX,
  promptCharactersMax: VEO_PROMPT_CHARACTERS,
  locations: ['us-central1'],
  latency: VIDEO_LATENCY,
} as const;

/** Veo as the Developer API served it until 2026-10-22. Kept for replaying and for the simulated models. */
const VEO_GEMINI = {
  kind: 'video',
  provider: 'gemini',
  needsPrompt: false,
  stage: 'preview',
  modes: modes('text', 'image', 'firstLast', 'references', 'extension'),
  // The Developer API's own rule: 20 times, and only videos that it still keeps.
  extension: {
    addsSeconds: [7],
    defaultAddsSeconds: 7,
    inputSecondsMin: 1,
    inputSecondsMax: 141,
    inputResolutions: ['720p'],
    inputFramesPerSecond: 24,
    totalSecondsMax: 148,
    durationIsSent: false,
    resolutions: ['720p'],
  },
  durationsSeconds: [4, 6, 8],
  defaultDurationSeconds: 8,
  // Of the Gemini API's page on Veo 3.1, whose table has the modes that the copies without its row labels lost.
  inMode: {
    text: { personGeneration: ['allow_all'] },
    image: { personGeneration: ['allow_adult'] },
    firstLast: { durationsSeconds: [8], personGeneration: ['allow_adult'] },
    references: { durationsSeconds: [8], aspectRatios: ['16:9'], personGeneration: ['allow_adult'] },
    extension: { personGeneration: ['allow_all'] },
  },
  referenceImagesMax: 3,
  highResolutionDurationsSeconds: [8],
  defaultResolution: '720p',
  aspectRatios: ['16:9', '9:16'],
  sampleCountMax: 1,
  personGeneration: ['allow_all', 'allow_adult'],
  personGenerationRestricted: ['allow_adult'],
  takes: parameters('negativePrompt', 'enhancePrompt', 'personGeneration'),
  seedMax: UINT32_MAX,
  promptCharactersMax: VEO_PROMPT_CHARACTERS,
  requestsPerMinute: 10,
  locations: ['global'],
  latency: VIDEO_LATENCY,
} as const;

const geminiRetirement = (successor: string) => ({
  date: '2026-10-22',
  replacement: 'gemini-omni-1.1-flash',
  runsOn: { provider: 'vertex', model: successor } as const,
});

const OMNI = {
  kind: 'video',
  provider: 'omni',
  // No document shows a request without words, but for an upscale; refusing is free.
  needsPrompt: true,
  modes: modes('text', 'image', 'references', 'extension', 'edit', 'upscale'),
  defaultDurationSeconds: 8,
  referenceImagesMax: 3,
  extension: {
    addsSeconds: range(3, 10),
    defaultAddsSeconds: 8,
    inputSecondsMin: 1,
    // No document says of which resolution or frame rate.
    inputSecondsMax: 27,
    totalSecondsMax: 30,
    durationIsSent: true,
  },
  onVertex: { totalSecondsMax: 40 },
  // Around $0.10 a second at 720p by its token price; the other resolutions by resellers' ratios (derived).
  pricePerSecondUsd: { '360p': both(0.03), '720p': both(0.1), '1080p': both(0.15), '4k': both(0.3) },
  defaultResolution: '720p',
  aspectRatios: ['16:9', '9:16'],
  sampleCountMax: 1,
  personGeneration: [],
  personGenerationRestricted: [],
  takes: parameters('seed', 'labels', 'previousJob'),
  // A signed 32-bit number.
  seedMax: 2_147_483_647,
  promptCharactersMax: 8192,
  requestsPerMinute: 10,
  locations: ['global'],
  latency: VIDEO_LATENCY,
} as const;

const VIDEO_MODELS: readonly VideoModelSpec[] = [
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-generate-001',
    stage: 'ga',
    pricePerSecondUsd: {
      '720p': { withAudio: 0.4, silent: 0.2 },
      '1080p': { withAudio: 0.4, silent: 0.2 },
      '4k': { withAudio: 0.6, silent: 0.4 }, // silent: derived
    },
    requestsPerMinute: 50,
  },
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-fast-generate-001',
    stage: 'ga',
    pricePerSecondUsd: {
      '720p': { withAudio: 0.1, silent: 0.08 },
      '1080p': { withAudio: 0.12, silent: 0.1 },
      '4k': { withAudio: 0.3, silent: 0.25 },
    },
    requestsPerMinute: 50,
  },
  {
    ...VEO_VERTEX,
    model: 'veo-3.1-lite-generate-001',
    stage: 'preview',
    // Sources disagree about a last frame, and none shows references; refusing is free, an unwanted clip is not.
    modes: modes('text', 'image', 'extension'),
    referenceImagesMax: 0,
    pricePerSecondUsd: {
      '720p': { withAudio: 0.05, silent: 0.03 }, // silent: derived
      '1080p': { withAudio: 0.08, silent: 0.05 }, // silent: derived
    },
    requestsPerMinute: 10,
  },
  {
    ...VEO_GEMINI,
    model: 'veo-3.1-generate-preview',
    retirement: geminiRetirement('veo-3.1-generate-001'),
    pricePerSecondUsd: { '720p': both(0.4), '1080p': both(0.4), '4k': both(0.6) },
  },
  {
    ...VEO_GEMINI,
    model: 'veo-3.1-fast-generate-preview',
    retirement: geminiRetirement('veo-3.1-fast-generate-001'),
    pricePerSecondUsd: { '720p': both(0.1), '1080p': both(0.12), '4k': both(0.3) },
  },
  {
    ...VEO_GEMINI,
    model: 'veo-3.1-lite-generate-preview',
    modes: modes('text', 'image', 'extension'),
    referenceImagesMax: 0,
    retirement: geminiRetirement('veo-3.1-lite-generate-001'),
    pricePerSecondUsd: { '720p': both(0.05), '1080p': both(0.08) },
  },
  {
    ...OMNI,
    model: 'gemini-omni-1.2-flash',
    stage: 'ga',
    durationsSeconds: range(3, 15),
    // No document says how long a video may be to be edited: as long as one that it makes.
    editing: { inputSecondsMin: 1, inputSecondsMax: 15 },
  },
  {
    ...OMNI,
    model: 'gemini-omni-1.1-flash',
    onVertex: { ...OMNI.onVertex, model: 'gemini-omni-1.1-flash-preview' },
    stage: 'ga',
    durationsSeconds: range(3, 10),
    editing: { inputSecondsMin: 1, inputSecondsMax: 10 },
  },
];

const retired = (
  model: string,
  date: string,
  successor: string,
  durationsSeconds?: readonly number[],
): RetiredId[] =>
  (['vertex', 'gemini'] as const).map((provider) => ({
    model,
    provider,
    retirement: { date, replacement: successor, runsOn: { provider: 'vertex', model: successor } },
    ...defined({ durationsSeconds }),
  }));

const VEO_2_SECONDS = range(5, 8);
/** The same as its successor's, but for a request with references. */
const VEO_3_SECONDS = [4, 6, 8];

const RETIRED: readonly RetiredId[] = [
  ...retired('veo-2.0-generate-001', '2026-06-30', 'veo-3.1-generate-001', VEO_2_SECONDS),
  ...retired('veo-2.0-generate-exp', '2026-04-02', 'veo-3.1-generate-001', VEO_2_SECONDS),
  ...retired('veo-2.0-generate-preview', '2026-04-02', 'veo-3.1-generate-001', VEO_2_SECONDS),
  ...retired('veo-3.0-generate-001', '2026-06-30', 'veo-3.1-generate-001', VEO_3_SECONDS),
  ...retired('veo-3.0-fast-generate-001', '2026-06-30', 'veo-3.1-fast-generate-001', VEO_3_SECONDS),
  ...retired('veo-3.0-generate-preview', '2026-04-02', 'veo-3.1-generate-001', VEO_3_SECONDS),
  ...retired('veo-3.0-fast-generate-preview', '2026-04-02', 'veo-3.1-fast-generate-001', VEO_3_SECONDS),
  ...[
    ['veo-3.1-generate-preview', 'veo-3.1-generate-001'] as const,
    ['veo-3.1-fast-generate-preview', 'veo-3.1-fast-generate-001'] as const,
    ['veo-3.1-lite-generate-preview', 'veo-3.1-lite-generate-001'] as const,
  ].map(
    ([model, successor]): RetiredId => ({
      model,
      provider: 'vertex',
      retirement: {
        date: '2026-04-02',
        replacement: successor,
        runsOn: { provider: 'vertex', model: successor },
      },
    }),
  ),
  // Pictures of Google's old samples. Dates: recalled.
  ...retired('imagen-3.0-generate-002', '2025-11-10', 'imagen-4.0-generate-001'),
  ...retired('imagen-3.0-generate-001', '2025-11-10', 'imagen-4.0-generate-001'),
  ...retired('imagen-3.0-fast-generate-001', '2025-11-10', 'imagen-4.0-fast-generate-001'),
  ...retired('imagen-4.0-generate-preview-06-06', '2026-02-17', 'imagen-4.0-generate-001'),
  ...retired('imagen-4.0-ultra-generate-preview-06-06', '2026-02-17', 'imagen-4.0-ultra-generate-001'),
  ...retired('gemini-2.0-flash-preview-image-generation', '2025-11-14', 'gemini-3.1-flash-image'),
  ...retired('gemini-2.5-flash-image-preview', '2026-01-15', 'gemini-3.1-flash-image'),
  ...retired('gemini-2.5-flash-image', '2026-10-02', 'gemini-3.1-flash-image'),
  {
    model: 'gemini-omni-flash-preview',
    provider: 'omni',
    retirement: {
      date: '2026-09-30',
      replacement: 'gemini-omni-1.1-flash',
      runsOn: { provider: 'omni', model: 'gemini-omni-1.1-flash' },
    },
  },
];

export const CATALOGUE: Catalogue = {
  date: '2026-11-20',
  models: [...VIDEO_MODELS, ...IMAGE_MODELS],
  retired: RETIRED,
  // The cheaper one of those that are generally available.
  defaultModel: 'veo-3.1-fast-generate-001',
};
