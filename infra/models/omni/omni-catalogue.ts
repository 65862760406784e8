/** The Omni models of each host, and their features (as of November 2026). */
import type { Resolution, Surface } from '../catalogue.ts';

export type OmniResolution = Resolution | '360p';

export interface OmniModel {
  readonly id: string;
  readonly resolutions: readonly OmniResolution[];
  /** The longest video of one interaction, in seconds; also the longest video that can be edited. */
  readonly maxSeconds: number;
  readonly hasExtension: boolean;
  readonly hasLastFrame: boolean;
  /** Its latency relative to the standard Veo model. */
  readonly latencyFactor: number;
}

export const MIN_SECONDS = 3;
export const DEFAULT_SECONDS = 8;
/** The limit of one extension, even if the model makes longer videos. */
export const MAX_EXTENSION_SECONDS = 10;
/** The longest video between a first and a last frame. */
export const MAX_BETWEEN_FRAMES_SECONDS = 10;
/** The longest video in a request to the Developer API that is extended. That of an earlier turn may be longer. */
export const MAX_UPLOADED_SECONDS = 10;
/** The limit of input and extension together. */
export const MAX_EXTENDED_SECONDS: Readonly<Record<Surface, number>> = { vertex: 40, developer: 30 };

const FLASH = {
  resolutions: ['360p', '720p', '1080p', '4k'],
  maxSeconds: 10,
  hasExtension: true,
  hasLastFrame: true,
  latencyFactor: 0.6,
} as const;
const FLASH_1_2 = { id: 'gemini-omni-1.2-flash', ...FLASH, maxSeconds: 15 };
const FIRST_PREVIEW = {
  ...FLASH,
  id: 'gemini-omni-flash-preview',
  resolutions: ['720p'],
  hasExtension: false,
  hasLastFrame: false,
} as const;

const LIVE: Readonly<Record<Surface, readonly OmniModel[]>> = {
  developer: [FLASH_1_2, { id: 'gemini-omni-1.1-flash', ...FLASH }],
  // The previews are deprecated on Vertex since 2026-11-06, but not shut down.
  vertex: [FLASH_1_2, { id: 'gemini-omni-1.1-flash-preview', ...FLASH }, FIRST_PREVIEW],
};

/** The Developer API shut the first preview down on 2026-09-30. */
const RETIRED: Readonly<Record<Surface, readonly string[]>> = { developer: [FIRST_PREVIEW.id], vertex: [] };

export type OmniLookup =
  | { readonly kind: 'live'; readonly model: OmniModel }
  | { readonly kind: 'retired' }
  | { readonly kind: 'unknown' };

export function findOmniModel(host: Surface, id: string): OmniLookup {
  const model = LIVE[host].find((candidate) => candidate.id === id);
  if (model !== undefined) return { kind: 'live', model };
  return { kind: RETIRED[host].includes(id) ? 'retired' : 'unknown' };
}
