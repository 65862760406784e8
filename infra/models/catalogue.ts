/** The Veo models of each surface, and their features (as of November 2026). */

/** `vertex`: Vertex AI, now Gemini Enterprise Agent Platform. `developer`: the Gemini Developer API. */
export type Surface = 'vertex' | 'developer';

export type Resolution = '720p' | '1080p' | '4k';

export interface VeoModel {
  readonly id: string;
  readonly resolutions: readonly Resolution[];
  readonly hasLastFrame: boolean;
  readonly hasReferenceImages: boolean;
  readonly hasExtension: boolean;
  /** Its latency relative to the standard model. */
  readonly latencyFactor: number;
}

const STANDARD = {
  resolutions: ['720p', '1080p', '4k'],
  hasLastFrame: true,
  hasReferenceImages: true,
  hasExtension: true,
  latencyFactor: 1,
} as const;
const FAST = { ...STANDARD, latencyFactor: 0.6 } as const;
/** Google's page on reference images does not list it. On the Developer API, sources disagree about last frames. */
const LITE = {
  resolutions: ['720p', '1080p'],
  hasLastFrame: true,
  hasReferenceImages: false,
  hasExtension: true,
  latencyFactor: 0.5,
} as const;

const LIVE: Readonly<Record<Surface, readonly VeoModel[]>> = {
  vertex: [
    { id: 'veo-3.1-generate-001', ...STANDARD },
    { id: 'veo-3.1-fast-generate-001', ...FAST },
    { id: 'veo-3.1-lite-generate-001', ...LITE },
  ],
  developer: [
    { id: 'veo-3.1-generate-preview', ...STANDARD },
    { id: 'veo-3.1-fast-generate-preview', ...FAST },
    { id: 'veo-3.1-lite-generate-preview', ...LITE, hasLastFrame: false },
  ],
};

const RETIRED_EVERYWHERE = [
  'veo-2.0-generate-001',
  'veo-2.0-generate-exp',
  'veo-2.0-generate-preview',
  'veo-3.0-generate-001',
  'veo-3.0-fast-generate-001',
  'veo-3.0-generate-preview',
  'veo-3.0-fast-generate-preview',
];
/** The `-001` ids replaced the previews on Vertex on 2026-04-02. Omni replaced them on the Developer API on 2026-10-22. */
const RETIRED_PREVIEWS = LIVE.developer.map((model) => model.id);

export type ModelLookup =
  | { readonly kind: 'live'; readonly model: VeoModel }
  | { readonly kind: 'retired' }
  | { readonly kind: 'unknown' };

/** `isDeveloperVeoAlive`: whether the Developer API still serves the 3.1 previews, as it did until 2026-10-22. */
export function findModel(surface: Surface, id: string, isDeveloperVeoAlive: boolean): ModelLookup {
  const model = LIVE[surface].find((candidate) => candidate.id === id);
  if (model !== undefined && (surface === 'vertex' || isDeveloperVeoAlive)) return { kind: 'live', model };
  const isRetired = RETIRED_EVERYWHERE.includes(id) || RETIRED_PREVIEWS.includes(id);
  return { kind: isRetired ? 'retired' : 'unknown' };
}
