/** Reads the input images of a call, and rejects those that Gemini does not accept. */
import { createHash } from 'node:crypto';
import { imageSizeOf, imageTypeOf, type PixelSize } from '../../png/image-header.ts';
import type { Surface } from '../catalogue.ts';
import { invalid } from '../http/google-error.ts';
import { type InputImage, readSource } from '../operation/media-input.ts';
import type { ObjectStore } from '../operation/object-store.ts';
import type { MediaSource } from '../operation/predict-request.ts';

export interface ReadImage extends InputImage {
  /** Undefined when the size cannot be read from the header. */
  readonly pixels: PixelSize | undefined;
}

const MEGABYTE = 1024 * 1024;
const MAX_INLINE_BYTES: Readonly<Record<Surface, number>> = {
  vertex: 7 * MEGABYTE,
  developer: 20 * MEGABYTE,
};
const MAX_OBJECT_BYTES = 30 * MEGABYTE;
/** Declared MIME type to detected type. The detection does not distinguish HEIF from HEIC. */
const TYPES: Readonly<Record<string, string>> = {
  'image/png': 'image/png',
  'image/jpeg': 'image/jpeg',
  'image/webp': 'image/webp',
  'image/heic': 'image/heic',
  'image/heif': 'image/heic',
};

/** @throws GoogleError */
export async function readImages(
  surface: Surface,
  sources: readonly MediaSource[],
  objects: ObjectStore,
  signal: AbortSignal,
): Promise<readonly ReadImage[]> {
  const images: ReadImage[] = [];
  for (const [index, source] of sources.entries()) {
    const declared = source.kind === 'file' ? '' : source.mimeType;
    if (TYPES[declared] === undefined) return invalid(`Unsupported MIME type: ${declared}`);
    const bytes = await readSource(source, {
      objects,
      signal,
      readFile: () => Promise.resolve(undefined),
    });
    const limit = source.kind === 'inline' ? MAX_INLINE_BYTES[surface] : MAX_OBJECT_BYTES;
    if (bytes.length > limit) {
      return invalid(`The image at '${source.field}' is larger than ${limit / MEGABYTE} MB.`);
    }
    const actual = imageTypeOf(bytes);
    if (actual === undefined)
      return invalid(`Unable to process input image. Please retry or report in ${HELP}`);
    if (actual !== TYPES[declared]) {
      return invalid(`The image at '${source.field}' is ${actual}, but its mime type says ${declared}.`);
    }
    images.push({
      label: `IMAGE ${index + 1}`,
      digest: createHash('sha256').update(bytes).digest('hex'),
      pixels: imageSizeOf(bytes),
    });
  }
  return images;
}

const HELP = 'https://developers.generativeai.google/guide/troubleshooting';
