/** Reads the images and the video of a request from any source, and rejects those that the models do not accept. */
import { createHash } from 'node:crypto';
import { Mp4Error, type ParsedMp4, parseMp4 } from '../../mp4/mp4-parser.ts';
import { type ImageType, imageTypeOf } from '../../png/image-header.ts';
import type { Surface } from '../catalogue.ts';
import { fileRefusal, GoogleError, invalid, refuse } from '../http/google-error.ts';
import { type ObjectStore, ObjectStoreRefusal } from './object-store.ts';
import type { MediaSource, PredictInstance } from './predict-request.ts';

export interface MediaReader {
  readonly objects: ObjectStore;
  /** The bytes of a Developer API file; undefined if it is missing or expired. */
  readonly readFile: (fileId: string) => Promise<Buffer | undefined>;
  readonly signal: AbortSignal;
}

/** An input image. The video shows its label, and an identicon of its digest. */
export interface InputImage {
  readonly label: string;
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly digest: string;
}

interface InputVideo {
  readonly bytes: Buffer;
  readonly parsed: ParsedMp4;
}

export interface InputMedia {
  readonly images: readonly InputImage[];
  /** Only Omni takes them. */
  readonly referenceVideos: readonly InputVideo[];
  readonly video: InputVideo | undefined;
}

const MAX_IMAGE_BYTES = 20 * 1024 * 1024;
/** Google's page on Veo. */
const VEO_IMAGE_TYPES: readonly string[] = ['image/jpeg', 'image/png'];
/** Google's page on Omni. */
export const OMNI_IMAGE_TYPES: readonly string[] = [
  ...VEO_IMAGE_TYPES,
  'image/webp',
  'image/heic',
  'image/heif',
];
const NAMES: Readonly<Record<ImageType, string>> = {
  'image/jpeg': 'JPEG',
  'image/png': 'PNG',
  'image/webp': 'WebP',
  'image/heic': 'HEIC',
};
/** The Developer API extends only its own videos, up to 141 s. */
const MAX_INPUT_SECONDS: Readonly<Record<Surface, number>> = { vertex: 30, developer: 141 };
/** Google's page on Omni: up to 3 s. Whether it refuses a clip that is a few frames longer, no page says. */
const MAX_REFERENCE_SECONDS = 3.1;

/** @throws GoogleError */
export async function readInputs(
  surface: Surface,
  instance: PredictInstance & { readonly referenceVideos?: readonly MediaSource[] },
  reader: MediaReader,
  imageTypes = VEO_IMAGE_TYPES,
): Promise<InputMedia> {
  const sources: (readonly [string, MediaSource])[] = [];
  if (instance.image !== undefined) sources.push(['FIRST', instance.image]);
  if (instance.lastFrame !== undefined) sources.push(['LAST', instance.lastFrame]);
  for (const [index, source] of instance.referenceImages.entries())
    sources.push([`REF ${index + 1}`, source]);
  const images: InputImage[] = [];
  for (const [label, source] of sources)
    images.push({ label, digest: await imageDigest(source, reader, imageTypes) });
  const referenceVideos: InputVideo[] = [];
  for (const source of instance.referenceVideos ?? [])
    referenceVideos.push(await readReferenceVideo(source, reader));
  const video = instance.video === undefined ? undefined : await readVideo(surface, instance.video, reader);
  return { images, referenceVideos, video };
}

async function imageDigest(
  source: MediaSource,
  reader: MediaReader,
  imageTypes: readonly string[],
): Promise<string> {
  const mimeType = source.kind === 'file' ? '' : source.mimeType;
  if (!imageTypes.includes(mimeType)) {
    return invalid(
      `Unsupported mime type '${mimeType}' at '${source.field}', supported types are [${imageTypes.join(',')}].`,
    );
  }
  const bytes = await readSource(source, reader);
  if (bytes.length > MAX_IMAGE_BYTES) return invalid(`The image at '${source.field}' is larger than 20 MB.`);
  const actual = imageTypeOf(bytes);
  if (actual === undefined || !imageTypes.includes(actual)) {
    const names = Object.entries(NAMES).flatMap(([type, name]) => (imageTypes.includes(type) ? [name] : []));
    return invalid(`Unable to process the image at '${source.field}': not a ${names.join(' or ')}.`);
  }
  // The detection does not distinguish HEIF from HEIC.
  if (actual !== mimeType.replace('heif', 'heic')) {
    return invalid(`The image at '${source.field}' is ${actual}, but its mime type says ${mimeType}.`);
  }
  return createHash('sha256').update(bytes).digest('hex');
}

async function readMp4(source: MediaSource, reader: MediaReader): Promise<InputVideo> {
  if (source.kind !== 'file' && source.mimeType !== 'video/mp4') {
    return invalid(
      `Unsupported mime type '${source.mimeType}' at '${source.field}', supported types are [video/mp4].`,
    );
  }
  const bytes = await readSource(source, reader);
  return { bytes, parsed: parseInputVideo(bytes, source.field) };
}

async function readReferenceVideo(source: MediaSource, reader: MediaReader): Promise<InputVideo> {
  const video = await readMp4(source, reader);
  const { durationSeconds } = video.parsed;
  if (durationSeconds <= MAX_REFERENCE_SECONDS) return video;
  return invalid(
    `Unsupported reference video duration ${durationSeconds} seconds at '${source.field}', it must be at most 3 seconds.`,
  );
}

async function readVideo(surface: Surface, source: MediaSource, reader: MediaReader): Promise<InputVideo> {
  const { bytes, parsed } = await readMp4(source, reader);
  const limit = MAX_INPUT_SECONDS[surface];
  if (parsed.durationSeconds < 1 || parsed.durationSeconds > limit) {
    return invalid(
      `Unsupported input video duration ${parsed.durationSeconds} seconds, it must be between 1 and ${limit} seconds.`,
    );
  }
  if (Math.abs(parsed.framesPerSecond - 24) > 0.1)
    return invalid('The input video must have 24 frames per second.');
  return { bytes, parsed };
}

function parseInputVideo(bytes: Buffer, field: string): ParsedMp4 {
  try {
    const parsed = parseMp4(bytes);
    // Reject a damaged video now: the producer could not report it to the caller.
    parsed.frames();
    return parsed;
  } catch (error) {
    if (error instanceof Mp4Error)
      return invalid(`Unable to process the video at '${field}': ${error.message}.`);
    throw error;
  }
}

/** @throws GoogleError when the source is missing or not readable */
export async function readSource(source: MediaSource, reader: MediaReader): Promise<Buffer> {
  switch (source.kind) {
    case 'inline':
      return source.bytes;
    case 'file':
      return (
        (await reader.readFile(source.fileId)) ?? refuse('PERMISSION_DENIED', fileRefusal(source.fileId))
      );
    case 'gcs':
      return reader.objects.read(source.location, reader.signal).catch((error: unknown) => {
        if (!(error instanceof ObjectStoreRefusal)) {
          throw new GoogleError('UNAVAILABLE', 'The service is currently unavailable.');
        }
        if (error.httpStatus === 404)
          return invalid(`The object at '${source.field}' was not found: ${source.uri}`);
        return refuse('PERMISSION_DENIED', `The caller does not have permission to read ${source.uri}`);
      });
  }
}
