/** Words that Google's APIs and ours share. Each list stands here once; the zod schemas are made of these lists. */
/** `vertex`: Vertex AI. `gemini`: the Gemini Developer API. `omni`: the Interactions API, on either host. */
export const PROVIDERS = ['vertex', 'gemini', 'omni'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** Providers that have image models. */
export const IMAGE_PROVIDERS = ['vertex', 'gemini'] as const satisfies readonly ProviderName[];
export type ImageProviderName = (typeof IMAGE_PROVIDERS)[number];

/** From the smallest to the largest. */
export const RESOLUTIONS = ['360p', '720p', '1080p', '4k'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

export const ASPECT_RATIOS = ['16:9', '9:16'] as const;
export type AspectRatio = (typeof ASPECT_RATIOS)[number];
export const DEFAULT_ASPECT_RATIO: AspectRatio = '16:9';

export const PERSON_GENERATIONS = ['allow_adult', 'dont_allow', 'allow_all'] as const;
export type PersonGeneration = (typeof PERSON_GENERATIONS)[number];

export const RESIZE_MODES = ['pad', 'crop'] as const;
export const COMPRESSION_QUALITIES = ['optimized', 'lossless'] as const;

/** Sizes of images, from the smallest to the largest. */
export const IMAGE_SIZES = ['1K', '2K', '4K'] as const;
export type ImageSize = (typeof IMAGE_SIZES)[number];

/** Images that every model takes. */
export const COMMON_IMAGE_MIME_TYPES = ['image/png', 'image/jpeg'] as const;
/** All images that a model takes: Google's list for Gemini and Omni. */
export const IMAGE_MIME_TYPES = [
  ...COMMON_IMAGE_MIME_TYPES,
  'image/webp',
  'image/heic',
  'image/heif',
] as const;
export type ImageMimeType = (typeof IMAGE_MIME_TYPES)[number];
export const VIDEO_MIME_TYPE = 'video/mp4';

/** Extensions of the objects that hold such images. */
export const IMAGE_EXTENSIONS = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/heic': 'heic',
  'image/heif': 'heif',
} as const satisfies Record<ImageMimeType, string>;

/** The type that a service reports for an image of its own; PNG is the default of all of them. */
export const imageMimeTypeOf = (reported: string | null | undefined): ImageMimeType =>
  reported === 'image/jpeg' ? 'image/jpeg' : 'image/png';

/** What a job does with an existing video. */
export const VIDEO_TASKS = ['extend', 'edit', 'upscale'] as const;
export type VideoTask = (typeof VIDEO_TASKS)[number];

/** What a video is made from. */
export type Mode = 'text' | 'image' | 'firstLast' | 'references' | 'extension' | 'edit' | 'upscale';

export const STAGES = ['ga', 'preview'] as const;
export type ModelStage = (typeof STAGES)[number];
