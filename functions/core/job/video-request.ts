/** A request as a job stores it: every default is filled in, and its inputs are in buckets. */
import { z } from 'zod';
import { SETTINGS_IN_JOB } from '../catalogue/model-settings.ts';
import {
  IMAGE_MIME_TYPES,
  IMAGE_SIZES,
  PROVIDERS,
  VIDEO_MIME_TYPE,
  VIDEO_TASKS,
} from '../catalogue/vocabulary.ts';

export const providerSchema = z.enum(PROVIDERS);
/** The retired model that the request named, where its successor runs instead. */
/** `YYYY-MM-DD`: Google has retired the model. The job ran all the same, because the models are simulated. */
const retiredOnSchema = z.string();
const aliasOfSchema = z.object({ model: z.string(), retiredOn: z.string() });

/** An input image in a bucket. Inline bytes never enter the job record: Firestore's limit is 1 MiB. */
const storedImageSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.enum(IMAGE_MIME_TYPES),
  /** `gs://bucket/name#generation` of the object that this is the job's own copy of. */
  copyOf: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImageSchema>;

/** A video in a bucket that the job extends, edits, upscales or takes as a reference. Its duration was read from the file. */
const storedVideoSchema = z.object({
  gcsUri: z.string(),
  mimeType: z.literal(VIDEO_MIME_TYPE),
  durationSeconds: z.number(),
  /** The provider's own copy, for a provider that extends only videos that it still keeps. */
  sourceUri: z.string().optional(),
  /** Absent where neither the file nor its job says it. */
  aspectRatio: SETTINGS_IN_JOB.aspectRatio.optional(),
  /** Absent where it is none of Google's. */
  resolution: SETTINGS_IN_JOB.resolution.optional(),
  /** Width and height in pixels. Present where the file was read; the videos of our own jobs are not read. */
  picture: z.object({ width: z.number(), height: z.number() }).optional(),
  framesPerSecond: z.number().optional(),
});
export type StoredVideo = z.infer<typeof storedVideoSchema>;

/** The operation that a request continues, and what it made. */
const previousTurnSchema = storedVideoSchema
  .pick({ durationSeconds: true, aspectRatio: true, resolution: true })
  .extend({ jobId: z.string(), operationName: z.string() });
export type PreviousTurn = z.infer<typeof previousTurnSchema>;

/** The request of one of Google's own surfaces that created the job. The job's operation gets its name from it. */
const compatOriginSchema = z.object({
  surface: z.enum(['developer', 'vertex']),
  /** The model that the request named, which is in the operation's name. */
  model: z.string(),
  /** `projects/{project}/locations/{location}` on the Vertex surface; absent in express mode and elsewhere. */
  parent: z.string().optional(),
  /** What runs otherwise than requested, one sentence each. */
  changes: z.array(z.string()),
});
export type CompatOrigin = z.infer<typeof compatOriginSchema>;

/** A request with every default filled in. Nothing that goes to a provider is decided later. */
export const videoRequestSchema = z.object({
  provider: providerSchema,
  model: z.string(),
  prompt: z.string().optional(),
  /** An image that the job makes first, from words or from another image. It becomes `image`. */
  firstFrame: z
    .object({
      provider: providerSchema,
      model: z.string(),
      prompt: z.string(),
      image: storedImageSchema.optional(),
      imageSize: z.enum(IMAGE_SIZES).optional(),
      aliasOf: aliasOfSchema.optional(),
      retiredOn: retiredOnSchema.optional(),
    })
    .optional(),
  image: storedImageSchema.optional(),
  lastFrame: storedImageSchema.optional(),
  referenceImages: z.array(storedImageSchema).optional(),
  referenceVideos: z.array(storedVideoSchema).optional(),
  /** The video that `task` applies to. `prompt` says how an extension continues, or what an edit changes. */
  video: storedVideoSchema.optional(),
  /** Applies to `video` or to the video of `previousTurn`. Absent: a new video, or an extension of `video`. */
  task: z.enum(VIDEO_TASKS).optional(),
  /** Instead of `video`: the provider still has the video. */
  previousTurn: previousTurnSchema.optional(),
  /** Further extensions, one after the other. */
  extensions: z.array(z.object({ prompt: z.string().optional(), durationSeconds: z.number() })).optional(),
  /** The duration of a new video, or what an extension adds. An edited or upscaled video keeps its duration. */
  durationSeconds: z.number(),
  sampleCount: z.number(),
  ...SETTINGS_IN_JOB,
  /** New attempts after a filter withheld every video. Google charges only for those that deliver. */
  rerollOnSafety: z.number().optional(),
  aliasOf: aliasOfSchema.optional(),
  retiredOn: retiredOnSchema.optional(),
  /** `gs://bucket/folder/` that gets a copy of the landed videos, besides our own bucket. */
  deliverTo: z.string().optional(),
  compat: compatOriginSchema.optional(),
});
export type VideoRequest = z.infer<typeof videoRequestSchema>;
