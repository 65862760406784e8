/** The image models, which make a job's first frame. Part of the table in `models.ts`. */
import { SECOND } from '../time-units.ts';
import type { ImageModelSpec, Retirement } from './catalogue.ts';
import { ASPECT_RATIOS, IMAGE_MIME_TYPES } from './vocabulary.ts';

/** The model answers with the image while the caller waits. */
const IMAGE_LATENCY = { minMs: 3 * SECOND, typicalMs: 8 * SECOND, longestMs: 120 * SECOND };

/** Google charges by tokens: 1120, 1680 and 2520 (recalled). */
const FLASH_SIZES = { '1K': 1, '2K': 1.5, '4K': 2.25 } as const;
/** 1120 tokens up to 2K, 2000 at 4K (recalled). */
const PRO_SIZES = { '1K': 1, '2K': 1, '4K': 1.8 } as const;
const ONE_SIZE = { '1K': 1 } as const;

const GEMINI_IMAGE = {
  kind: 'image',
  provider: 'vertex',
  stage: 'ga',
  edits: true,
  surface: 'generateContent',
  takesPersonGeneration: true,
  aspectRatios: ASPECT_RATIOS,
  sizePriceFactors: FLASH_SIZES,
  promptCharactersMax: 8192,
  requestsPerMinute: 60,
  // Google lists the Gemini 3 image models under the global endpoint; another location may answer 404.
  locations: ['global'],
  latency: IMAGE_LATENCY,
  imageMimeTypes: IMAGE_MIME_TYPES,
} as const;

/**
 * Google retired all of Imagen. Kept for replays and for the simulated models. The dates: Vertex AI's pages name
 * 2026-06-30 (an older page of Firebase 2026-06-24), the Gemini API's release notes 2026-08-17.
 */
const IMAGEN = {
  kind: 'image',
  provider: 'vertex',
  stage: 'ga',
  edits: false,
  surface: 'predict',
  takesPersonGeneration: true,
  aspectRatios: ASPECT_RATIOS,
  sizePriceFactors: { '1K': 1, '2K': 1 },
  // Google's page: 480 tokens.
  promptCharactersMax: 1920,
  requestsPerMinute: 60,
  locations: ['us-central1'],
  latency: IMAGE_LATENCY,
  imageMimeTypes: [],
} as const;

// Prices: recalled.
const GEMINI_IMAGES: readonly ImageModelSpec[] = [
  { ...GEMINI_IMAGE, model: 'gemini-3.1-flash-image', pricePerImageUsd: 0.067 },
  {
    ...GEMINI_IMAGE,
    model: 'gemini-3-pro-image',
    pricePerImageUsd: 0.134,
    sizePriceFactors: PRO_SIZES,
  },
  {
    ...GEMINI_IMAGE,
    model: 'gemini-3.1-flash-lite-image',
    pricePerImageUsd: 0.039,
    sizePriceFactors: ONE_SIZE,
  },
  { ...GEMINI_IMAGE, model: 'gemini-nano-banana-2.1', pricePerImageUsd: 0.067 },
];

/** The Developer API retired it on 2026-10-02 (`models.ts`). Vertex AI's page on model versions, read 2026-11-30. */
const GEMINI_2_5_IMAGE: ImageModelSpec = {
  ...GEMINI_IMAGE,
  model: 'gemini-2.5-flash-image',
  pricePerImageUsd: 0.039,
  sizePriceFactors: ONE_SIZE,
  retirement: {
    date: '2027-03-15',
    replacement: 'gemini-3.1-flash-lite-image',
    runsOn: { provider: 'vertex', model: 'gemini-3.1-flash-lite-image' },
  },
};

/** On Vertex AI. Successors: Firebase's page on the migration from Imagen. */
const imagenRetirement = (successor: string): Retirement => ({
  date: '2026-06-30',
  replacement: successor,
  runsOn: { provider: 'vertex', model: successor },
});

const IMAGENS = [
  {
    ...IMAGEN,
    model: 'imagen-4.0-generate-001',
    pricePerImageUsd: 0.04,
    retirement: imagenRetirement('gemini-3.1-flash-image'),
  },
  {
    ...IMAGEN,
    model: 'imagen-4.0-fast-generate-001',
    pricePerImageUsd: 0.02,
    sizePriceFactors: ONE_SIZE,
    retirement: imagenRetirement('gemini-3.1-flash-image'),
  },
  {
    ...IMAGEN,
    model: 'imagen-4.0-ultra-generate-001',
    pricePerImageUsd: 0.06,
    retirement: imagenRetirement('gemini-3-pro-image'),
  },
] as const satisfies readonly ImageModelSpec[];

export const IMAGE_MODELS: readonly ImageModelSpec[] = [
  ...GEMINI_IMAGES,
  GEMINI_2_5_IMAGE,
  ...GEMINI_IMAGES.map(
    (spec): ImageModelSpec => ({
      ...spec,
      provider: 'gemini',
      locations: ['global'],
      takesPersonGeneration: false,
    }),
  ),
  ...IMAGENS,
  ...IMAGENS.map(
    (spec): ImageModelSpec => ({
      ...spec,
      provider: 'gemini',
      locations: ['global'],
      retirement: { ...spec.retirement, date: '2026-08-17' },
    }),
  ),
];
