/** The image models of each surface, and their features (as of November 2026). */

import type { Surface } from '../catalogue.ts';

interface ModelBase {
  readonly id: string;
  readonly aspectRatios: readonly string[];
  /** The values that requests use, the default first. */
  readonly sizes: readonly string[];
  /** Its latency relative to the flash model. */
  readonly latencyFactor: number;
}

/** Serves `:generateContent`. */
export interface GeminiImageModel extends ModelBase {
  readonly family: 'gemini';
  readonly maxInputImages: number;
  /** Tokens per generated image, by size. */
  readonly imageTokens: Readonly<Record<string, number>>;
}

/** Serves `:predict`. */
export interface ImagenModel extends ModelBase {
  readonly family: 'imagen';
}

export type ImageModel = GeminiImageModel | ImagenModel;

const COMMON_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'];
const ALL_RATIOS = [...COMMON_RATIOS, '1:4', '4:1', '1:8', '8:1'];
const MAX_INPUT_IMAGES = 14;
const FLASH_TOKENS = { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 };

const GEMINI: readonly GeminiImageModel[] = [
  {
    family: 'gemini',
    id: 'gemini-3.1-flash-image',
    aspectRatios: ALL_RATIOS,
    sizes: ['1K', '512', '2K', '4K'],
    latencyFactor: 1,
    maxInputImages: MAX_INPUT_IMAGES,
    imageTokens: FLASH_TOKENS,
  },
  {
    family: 'gemini',
    id: 'gemini-3-pro-image',
    aspectRatios: COMMON_RATIOS,
    sizes: ['1K', '2K', '4K'],
    latencyFactor: 1.6,
    maxInputImages: MAX_INPUT_IMAGES,
    imageTokens: { '1K': 1120, '2K': 1120, '4K': 2000 },
  },
  {
    family: 'gemini',
    id: 'gemini-3.1-flash-lite-image',
    aspectRatios: COMMON_RATIOS,
    sizes: ['1K'],
    latencyFactor: 0.6,
    maxInputImages: MAX_INPUT_IMAGES,
    imageTokens: FLASH_TOKENS,
  },
  {
    family: 'gemini',
    id: 'gemini-nano-banana-2.1',
    aspectRatios: ALL_RATIOS,
    sizes: ['1K', '2K', '4K'],
    latencyFactor: 1,
    maxInputImages: MAX_INPUT_IMAGES,
    imageTokens: FLASH_TOKENS,
  },
];

/** Retired on the Developer API on 2026-10-02; on Vertex AI until 2027-03-15. */
const GEMINI_2_5: GeminiImageModel = {
  family: 'gemini',
  id: 'gemini-2.5-flash-image',
  aspectRatios: COMMON_RATIOS,
  sizes: ['1K'],
  latencyFactor: 1,
  maxInputImages: 3,
  imageTokens: { '1K': 1290 },
};

const IMAGEN_RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9'];

const IMAGEN: readonly ImagenModel[] = [
  {
    family: 'imagen',
    id: 'imagen-4.0-generate-001',
    aspectRatios: IMAGEN_RATIOS,
    sizes: ['1K', '2K'],
    latencyFactor: 1,
  },
  {
    family: 'imagen',
    id: 'imagen-4.0-fast-generate-001',
    aspectRatios: IMAGEN_RATIOS,
    sizes: ['1K'],
    latencyFactor: 0.5,
  },
  {
    family: 'imagen',
    id: 'imagen-4.0-ultra-generate-001',
    aspectRatios: IMAGEN_RATIOS,
    sizes: ['1K', '2K'],
    latencyFactor: 1.5,
  },
];

const RETIRED = [
  'gemini-2.0-flash-exp-image-generation',
  'gemini-2.0-flash-preview-image-generation',
  'gemini-2.5-flash-image',
  'gemini-2.5-flash-image-preview',
  'gemini-3-pro-image-preview',
  'gemini-3.1-flash-image-preview',
  'imagen-3.0-capability-001',
  'imagen-3.0-fast-generate-001',
  'imagen-3.0-generate-001',
  'imagen-3.0-generate-002',
  'imagen-4.0-fast-generate-preview-06-06',
  'imagen-4.0-generate-preview-06-06',
  'imagen-4.0-ultra-generate-preview-06-06',
];

export type ImageModelLookup<M extends ImageModel> =
  | { readonly kind: 'live'; readonly model: M }
  | { readonly kind: 'retired' }
  | { readonly kind: 'unknown' };

export const findGeminiImageModel = (
  id: string,
  surface: Surface = 'developer',
): ImageModelLookup<GeminiImageModel> => lookUp(id, surface === 'vertex' ? [...GEMINI, GEMINI_2_5] : GEMINI);

/**
 * `isImagenAlive`: whether Google still serves Imagen 4, as Vertex AI did until 2026-06-30 and the Developer API until
 * 2026-08-17.
 */
export function findImagenModel(id: string, isImagenAlive: boolean): ImageModelLookup<ImagenModel> {
  const found = lookUp(id, IMAGEN);
  return found.kind === 'live' && !isImagenAlive ? { kind: 'retired' } : found;
}

function lookUp<M extends ImageModel>(id: string, models: readonly M[]): ImageModelLookup<M> {
  const model = models.find((candidate) => candidate.id === id);
  if (model !== undefined) return { kind: 'live', model };
  return { kind: RETIRED.includes(id) ? 'retired' : 'unknown' };
}
