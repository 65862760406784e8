/**
 * The models: what each takes and what each costs. One dated table. Configuration may override prices, quotas and
 * retirement, because Google changes them more often than Clapper is deployed.
 *
 * Sources: Google's model pages, the Vertex AI reference and the Veo documents. A price marked "derived" is computed
 * from resellers' lists, a price marked "recalled" is from memory. Neither was read from Google's list.
 */
import { defined } from '../defined.ts';
import { MINUTE, SECOND } from '../time-units.ts';
import type { Catalogue, OptionalField, PricePerSecondUsd, RetiredId, VideoModelSpec } from './catalogue.ts';
import { IMAGE_MODELS } from './image-models.ts';
import {
  OPTIONAL_SETTINGS,
  SEED_MAX,
  type Setting,
  settingsOf,
  VEO_FRAMES_PER_SECOND,
} from './model-settings.ts';
import {
  ASPECT_RATIOS,
  COMMON_IMAGE_MIME_TYPES,
  IMAGE_MIME_TYPES,
  type Mode,
  PERSON_GENERATIONS,
  type ProviderName,
} from './vocabulary.ts';

const modes = (...list: Mode[]): ReadonlySet<Mode> => new Set(list);
/** Every optional setting of the provider. For a model that takes fewer, `takes` is a list of its own. */
const everySettingOf = (provider: ProviderName, ...others: OptionalField[]): ReadonlySet<OptionalField> => {
  const settings: readonly Setting[] = settingsOf(provider);
  return new Set([...OPTIONAL_SETTINGS.filter((setting) => settings.includes(setting)), ...others]);
};
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);
const both = (price: number): PricePerSecondUsd => ({ withAudio: price, silent: price });

/** Google's documents: 11 s to 6 minutes. Twice that before an operation is treated as never run. */
export const VIDEO_LATENCY = { minMs: 11 * SECOND, typicalMs: 2 * MINUTE, longestMs: 12 * MINUTE };

// About 1,024 tokens, at four characters a token, the usual estimate for English.
const VEO_PROMPT_CHARACTERS = 4096;

// No retirement date: third parties quote 2027-05-04 as Google's earliest, and a copy of Google's page has none.
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
    inputFramesPerSecond: VEO_FRAMES_PER_SECOND,
    totalSecondsMax: 37,
    durationIsSent: false,
  },
  defaultResolution: '720p',
  aspectRatios: ASPECT_RATIOS,
  sampleCountMax: 4,
  personGeneration: PERSON_GENERATIONS,
  personGenerationRestricted: ['allow_adult', 'dont_allow'],
  takes: everySettingOf('vertex'),
  seedMax: SEED_MAX,
  promptCharactersMax: VEO_PROMPT_CHARACTERS,
  locations: ['us-central1'],
  latency: VIDEO_LATENCY,
  imageMimeTypes: COMMON_IMAGE_MIME_TYPES,
} as const;

/** Veo on the Developer API until 2026-10-22. Kept for replays and for the simulated models. */
const VEO_GEMINI = {
  kind: 'video',
  provider: 'gemini',
  needsPrompt: false,
  stage: 'preview',
  modes: modes('text', 'image', 'firstLast', 'references', 'extension'),
  // The Developer API extends a video 20 times, and only while it keeps the video.
  extension: {
    addsSeconds: [7],
    defaultAddsSeconds: 7,
    inputSecondsMin: 1,
    inputSecondsMax: 141,
    inputResolutions: ['720p'],
    inputFramesPerSecond: VEO_FRAMES_PER_SECOND,
    totalSecondsMax: 148,
    durationIsSent: false,
    resolutions: ['720p'],
  },
  durationsSeconds: [4, 6, 8],
  defaultDurationSeconds: 8,
  // From the Gemini API's page on Veo 3.1. Copies of its table without the row labels lack the modes.
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
  aspectRatios: ASPECT_RATIOS,
  sampleCountMax: 1,
  personGeneration: ['allow_all', 'allow_adult'],
  personGenerationRestricted: ['allow_adult'],
  takes: everySettingOf('gemini'),
  seedMax: SEED_MAX,
  promptCharactersMax: VEO_PROMPT_CHARACTERS,
  requestsPerMinute: 10,
  locations: ['global'],
  latency: VIDEO_LATENCY,
  imageMimeTypes: COMMON_IMAGE_MIME_TYPES,
} as const;

const geminiRetirement = (successor: string) => ({
  date: '2026-10-22',
  replacement: 'gemini-omni-1.1-flash',
  runsOn: { provider: 'vertex', model: successor } as const,
});

const OMNI = {
  kind: 'video',
  provider: 'omni',
  // No document shows a request without a prompt, except an upscale. Refusing costs nothing.
  needsPrompt: true,
  modes: modes('text', 'image', 'firstLast', 'references', 'extension', 'edit', 'upscale'),
  // 1.2: three resellers agree. 1.1: the example of Google's page on the Developer API has 6; its notebook on Vertex AI
  // recommends at most 5 "for best results", and resellers accept 3, 7, 10 or 14.
  referenceImagesMax: 6,
  // Google's page on Omni on the Developer API (2026-08-30): at most 3 clips of up to 3 s each, of which the sound is
  // ignored. Its page on references on Vertex AI says that 1.1 and 1.2 take videos, without numbers; its notebook
  // recommends no more than 3. The page on the first preview also has 3, but of 10 s. The size is Clapper's own limit,
  // the same as for an image: no page has one, and the Developer API gets the bytes inside the request.
  referenceVideos: { max: 3, secondsMax: 3, bytesMax: 20 * 1024 * 1024 },
  // From gateways: 1.2 makes at most 10 s between two frames.
  inMode: { firstLast: { durationsSeconds: range(3, 10) } },
  defaultDurationSeconds: 8,
  extension: {
    addsSeconds: range(3, 10),
    defaultAddsSeconds: 8,
    inputSecondsMin: 1,
    // No document names a resolution or frame rate of the input.
    inputSecondsMax: 27,
    // Google's page on Omni on the Developer API: at most 10 s, unless the video is that of an earlier turn.
    uploadSecondsMax: 10,
    totalSecondsMax: 30,
    durationIsSent: true,
  },
  // Google's notebook on Omni 1.1 on Vertex AI: the input must not exceed 30 s.
  onVertex: { inputSecondsMax: 30, totalSecondsMax: 40 },
  defaultResolution: '720p',
  aspectRatios: ASPECT_RATIOS,
  sampleCountMax: 1,
  personGeneration: [],
  personGenerationRestricted: [],
  takes: everySettingOf('omni', 'previousJob'),
  // Signed 32 bits.
  seedMax: 2_147_483_647,
  promptCharactersMax: 8192,
  requestsPerMinute: 10,
  locations: ['global'],
  latency: VIDEO_LATENCY,
  // Google's page on Omni.
  imageMimeTypes: IMAGE_MIME_TYPES,
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
    // Google's page on first and last frames lists it; its page on references does not.
    modes: modes('text', 'image', 'firstLast', 'extension'),
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
    // Read 2026-11-30. Gateways list 0.0232, 0.0695, 0.1043 and 0.2085; resellers 0.023, 0.07, 0.105 and 0.21, and one
    // quotes $0.70 for 10 s of 720p as Google's price. Each is the highest of these.
    pricePerSecondUsd: { '360p': both(0.0232), '720p': both(0.07), '1080p': both(0.105), '4k': both(0.21) },
    durationsSeconds: range(3, 15),
    // No document gives the longest video for an edit. Assumed: the longest that the model makes.
    editing: { inputSecondsMin: 1, inputSecondsMax: 15 },
  },
  {
    ...OMNI,
    model: 'gemini-omni-1.1-flash',
    onVertex: { ...OMNI.onVertex, model: 'gemini-omni-1.1-flash-preview' },
    stage: 'ga',
    // Read 2026-11-30. 5,792 tokens a second of 720p at $17.50 a million tokens is 0.10136; resellers list 0.1. 360p is
    // 0.3 or a third of that, by seller, 1080p 1.5 times and 4k 3 times. Each is the highest of these.
    pricePerSecondUsd: {
      '360p': both(0.0338),
      '720p': both(0.1014),
      '1080p': both(0.1521),
      '4k': both(0.3041),
    },
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
/** The durations of its successor, except with reference images. */
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
  // Image models of Google's old samples. Dates: recalled. Their successors of the day, Imagen 4, are retired too.
  ...retired('imagen-3.0-generate-002', '2025-11-10', 'gemini-3.1-flash-image'),
  ...retired('imagen-3.0-generate-001', '2025-11-10', 'gemini-3.1-flash-image'),
  ...retired('imagen-3.0-fast-generate-001', '2025-11-10', 'gemini-3.1-flash-image'),
  ...retired('imagen-4.0-generate-preview-06-06', '2025-11-30', 'gemini-3.1-flash-image'),
  ...retired('imagen-4.0-ultra-generate-preview-06-06', '2025-11-30', 'gemini-3-pro-image'),
  ...retired('gemini-2.0-flash-preview-image-generation', '2025-11-14', 'gemini-3.1-flash-image'),
  ...retired('gemini-2.5-flash-image-preview', '2026-01-15', 'gemini-3.1-flash-image'),
  {
    model: 'gemini-2.5-flash-image',
    provider: 'gemini',
    retirement: {
      date: '2026-10-02',
      replacement: 'gemini-3.1-flash-image',
      runsOn: { provider: 'vertex', model: 'gemini-3.1-flash-image' },
    },
  },
  {
    model: 'gemini-omni-flash-preview',
    provider: 'omni',
    // On the Developer API. Google's page on Vertex AI names 2027-06-30, but deployments may use either host.
    retirement: {
      date: '2026-09-30',
      replacement: 'gemini-omni-1.1-flash',
      runsOn: { provider: 'omni', model: 'gemini-omni-1.1-flash' },
    },
  },
];

export const CATALOGUE: Catalogue = {
  date: '2026-11-30',
  models: [...VIDEO_MODELS, ...IMAGE_MODELS],
  retired: RETIRED,
  // The cheapest Veo that is generally available.
  defaultModel: 'veo-3.1-fast-generate-001',
};
