/** What is asked of a model, as it is stored: the request of a job with every default settled, and its inputs in buckets. */
import { z } from 'zod';
import {
  ASPECT_RATIOS,
  COMPRESSION_QUALITIES,
  IMAGE_MIME_TYPES,
  IMAGE_SIZES,
  PERSON_GENERATIONS,
  PROVIDERS,
  RESIZE_MODES,
  RESOLUTIONS,
  VIDEO_MIME_TYPE,
  VIDEO_TASKS,
} from '../catalogue/vocabulary.ts';

export const providerSchema = z.enum(PROVIDERS);
const aspectRatioSchema = z.enum(ASPECT_RATIOS);
const resolutionSchema = z.enum(RESOLUTIONS);
const personGenerationSchema = z.enum(PERSON_GENERATIONS);
/** The retired model that was asked for, where another runs in its place. */
const aliasOfSchema = z.object({ model: z.string(), retiredOn: z.string() });

/** One input picture, already in a bucket: inline bytes never enter the job record (Firestore's 1 MiB). */
const storedImageSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.enum(IMAGE_MIME_TYPES),
  /** `gs://bucket/name#generation`, of the job's own copy of a picture that others may replace. */
  copyOf: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImageSchema>;

/** A video in a bucket, to be extended, edited or enlarged; its length was read from the file. */
const storedVideoSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.literal(VIDEO_MIME_TYPE),
  durationSeconds: z.number(),
  /** Where its provider keeps it, for one that extends only what it still has. */
  sourceUri: z.string().optional(),
  /** Its shape, where the file or its job says. */
  aspectRatio: aspectRatioSchema.optional(),
  /** Absent where it has none of Google's. */
  resolution: resolutionSchema.optional(),
  /** In pixels, and frames a second, where the file was looked into: that of a job is taken at its word. */
  picture: z.object({ width: z.number(), height: z.number() }).optional(),
  framesPerSecond: z.number().optional(),
});
export type StoredVideo = z.infer<typeof storedVideoSchema>;

/** The operation that a request goes on from, and what it had made. */
const previousTurnSchema = storedVideoSchema
  .pick({ durationSeconds: true, aspectRatio: true, resolution: true })
  .extend({ jobId: z.string(), operationName: z.string() });
export type PreviousTurn = z.infer<typeof previousTurnSchema>;

/** The request of one of Google's own surfaces that a job was made of: its operation is named and answered by this. */
const compatOriginSchema = z.object({
  surface: z.enum(['developer', 'vertex']),
  /** The model that was asked for, as the operation's name has it. */
  model: z.string(),
  /** `projects/{project}/locations/{location}` of the Vertex surface; absent in its express mode, and elsewhere. */
  parent: z.string().optional(),
  /** What was asked and runs otherwise, a sentence each. */
  changes: z.array(z.string()),
});
export type CompatOrigin = z.infer<typeof compatOriginSchema>;

/** A request with every default settled: what goes out is written here, not decided later. */
export const videoRequestSchema = z.object({
  provider: providerSchema,
  model: z.string(),
  prompt: z.string().optional(),
  /** A picture to be made first, from words or from another picture, that becomes `image`. */
  firstFrame: z
    .object({
      provider: providerSchema,
      model: z.string(),
      prompt: z.string(),
      image: storedImageSchema.optional(),
      imageSize: z.enum(IMAGE_SIZES).optional(),
      aliasOf: aliasOfSchema.optional(),
    })
    .optional(),
  image: storedImageSchema.optional(),
  lastFrame: storedImageSchema.optional(),
  referenceImages: z.array(storedImageSchema).optional(),
  /** The video that `task` is done with: extended, `prompt` says how it goes on; edited, what becomes different. */
  video: storedVideoSchema.optional(),
  /** What is done with `video`, or with the video of `previousTurn`. Absent: a new video, or an extension of `video`. */
  task: z.enum(VIDEO_TASKS).optional(),
  /** Instead of `video`: the provider still has it, and what was said of it. */
  previousTurn: previousTurnSchema.optional(),
  /** Further extensions, one after the other. */
  extensions: z.array(z.object({ prompt: z.string().optional(), durationSeconds: z.number() })).optional(),
  /** Of a new video its length, of an extension what it adds; an edited or enlarged one keeps its length. */
  durationSeconds: z.number(),
  aspectRatio: aspectRatioSchema,
  resolution: resolutionSchema,
  sampleCount: z.number(),
  generateAudio: z.boolean(),
  seed: z.number().optional(),
  negativePrompt: z.string().optional(),
  enhancePrompt: z.boolean().optional(),
  personGeneration: personGenerationSchema.optional(),
  resizeMode: z.enum(RESIZE_MODES).optional(),
  compressionQuality: z.enum(COMPRESSION_QUALITIES).optional(),
  fps: z.number().optional(),
  /** For the bill: Google groups costs by them. */
  labels: z.record(z.string(), z.string()).optional(),
  /** Where Google publishes what becomes of the operation, with its own identity. */
  pubsubTopic: z.string().optional(),
  /** New attempts after a filter withheld everything it had made, each paid for only if it delivers. */
  rerollOnSafety: z.number().optional(),
  aliasOf: aliasOfSchema.optional(),
  /** `gs://bucket/folder/` that the landed videos are copied under, besides our own bucket. */
  deliverTo: z.string().optional(),
  compat: compatOriginSchema.optional(),
});
export type VideoRequest = z.infer<typeof videoRequestSchema>;
