/**
 * Reads an input image: its type by its content, and its end by its structure. Phones append a video (motion photos), a
 * second JPEG (MPO) or the rest of an older image. The image alone counts: what follows its end is neither checked nor
 * sent to a model.
 */
import { FILE_KIND_BYTES, type FileKind, fileKindOf, type ImageFormat } from './file-kind.ts';
import { createFileWindow, type FileWindow } from './file-window.ts';
import { heifEnd } from './heif.ts';
import type { ImageEnd } from './image-end.ts';
import { jpegEnd } from './jpeg.ts';
import { pngEnd } from './png.ts';
import type { ReadRange } from './read-range.ts';
import { webpEnd } from './webp.ts';

/** Google's limit for an input image. It applies to what is sent to the model: the image without what follows it. */
export const IMAGE_BYTES_MAX = 20 * 1024 * 1024;

/** Encoders pad images to whole blocks. So few bytes are sent with the image: they do not justify a copy of it. */
const PADDING_BYTES_MAX = 1024;

export interface GivenImage<T extends string> {
  /** Size of the whole file. */
  readonly sizeBytes: number;
  readonly read: ReadRange;
  /** The `mimeType` as the caller wrote it. */
  readonly declared: string | undefined;
  /** The types that the model takes. */
  readonly accepts: readonly T[];
  /** The model, for the refusal of a type that it does not take. */
  readonly model: string;
  /** Whether the signature of a PNG alone is accepted. */
  readonly acceptsBarePng?: boolean;
}

const PNG_SIGNATURE_BYTES = 8;

export type ReadImage<T extends string> =
  /** `sizeBytes`: of the image with its padding, from the beginning of the file: what is sent. */
  | { readonly mimeType: T; readonly sizeBytes: number }
  /** A sentence without its subject. */
  | { readonly fault: string };

const ENDS: Readonly<Partial<Record<ImageFormat, (file: FileWindow) => Promise<ImageEnd>>>> = {
  png: pngEnd,
  jpeg: jpegEnd,
  webp: webpEnd,
  heic: heifEnd,
  heif: heifEnd,
};

export async function readImage<T extends string>(given: GivenImage<T>): Promise<ReadImage<T>> {
  const { sizeBytes, read, accepts, model, acceptsBarePng = false } = given;
  if (sizeBytes === 0) return { fault: 'is empty.' };
  const file = createFileWindow(Math.min(sizeBytes, IMAGE_BYTES_MAX), read);
  const head = await file.bytes(0, Math.min(sizeBytes, FILE_KIND_BYTES));
  if (!head) return { fault: 'cannot be read to its end. Send it again.' };
  const kind = fileKindOf(new Uint8Array(head.buffer, head.byteOffset, head.byteLength));
  const declared = declaredType(given.declared);
  if (declared !== undefined && !isDeclared(kind, declared))
    return { fault: contradiction(kind, declared, accepts) };
  const mimeType = kind.category === 'image' ? accepts.find((type) => type === kind.mimeType) : undefined;
  if (mimeType === undefined || kind.category !== 'image') return { fault: refusal(kind, accepts, model) };
  if (acceptsBarePng && kind.format === 'png' && sizeBytes === PNG_SIGNATURE_BYTES)
    return { mimeType, sizeBytes };
  const end = await ENDS[kind.format]?.(file);
  if (!end) return { fault: refusal(kind, accepts, model) };
  if ('endAt' in end) {
    const isPadded = sizeBytes <= Math.min(end.endAt + PADDING_BYTES_MAX, IMAGE_BYTES_MAX);
    return { mimeType, sizeBytes: isPadded ? sizeBytes : end.endAt };
  }
  return end.isCut && sizeBytes > IMAGE_BYTES_MAX
    ? {
        fault: `has ${sizeBytes} bytes; the limit for an image is ${IMAGE_BYTES_MAX} bytes. Make it smaller.`,
      }
    : { fault: end.fault };
}

/** Types that programs send for a file whose type they do not know. */
const NO_TYPES = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
const OTHER_NAMES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
};

/** Undefined if nothing is declared. */
function declaredType(written: string | undefined): string | undefined {
  const type = (written ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return NO_TYPES.has(type) ? undefined : (OTHER_NAMES[type] ?? type);
}

/** HEIC is a form of HEIF, and programs use either name for both. */
function isDeclared(kind: FileKind, declared: string): boolean {
  const type = 'mimeType' in kind ? kind.mimeType : undefined;
  const isHeif = type === 'image/heic' || type === 'image/heif';
  return type === declared || (isHeif && (declared === 'image/heic' || declared === 'image/heif'));
}

/** An image that the model takes needs a correct `mimeType` only. For other files the advice says more. */
function contradiction(kind: FileKind, declared: string, accepts: readonly string[]): string {
  const type = 'mimeType' in kind ? kind.mimeType : undefined;
  if (type !== undefined && accepts.includes(type))
    return `is ${type}, but its mimeType is ${declared}. Correct the mimeType, or leave it out.`;
  const what =
    type === undefined
      ? `is ${noneOf(accepts)} but ${kind.name}, and its mimeType is ${declared}`
      : `is ${kind.name} (${type}), but its mimeType is ${declared}`;
  return `${what}. ${kind.advice ?? 'Send an image.'}`;
}

const refusal = (kind: FileKind, accepts: readonly string[], model: string): string =>
  `is ${noneOf(accepts)}, which ${model} takes, but ${kind.name}. ${kind.advice ?? 'Send an image.'}`;

function noneOf(accepts: readonly string[]): string {
  const names = accepts.map((type) => type.replace('image/', '').toUpperCase().replace('WEBP', 'WebP'));
  return names.length === 2
    ? `neither ${names.join(' nor ')}`
    : `none of ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
