/**
 * Classifies an uploaded object: an image to animate, a sidecar of an image, a request, a manifest, or a file that is
 * refused. Images are recognised by their bytes, whatever the name and the declared type; whether the job's model takes the
 * format is checked with the request. Texts are recognised by their name, because a prompt, a request and a table look the
 * same.
 */
import { IMAGE_MIME_TYPES, type ImageMimeType } from '../catalogue/vocabulary.ts';
import type { FileKind } from '../media/file-kind.ts';
import { baseOf, hasImageExtension, imagesOfSidecar, isErrorFile, partsOf } from './upload-names.ts';
import { reservedFolderOf, type UploadRule, uploadRuleFor } from './upload-rules.ts';

/** Objects that have no error file, because no user expects anything of them. */
export function ruleOrReason(
  rules: readonly UploadRule[],
  name: string,
): { readonly rule: UploadRule } | { readonly ignored: string } {
  if (isErrorFile(name)) return { ignored: 'it is an error file' };
  if (reservedFolderOf(name) !== undefined) return { ignored: 'Clapper itself writes to its folder' };
  if (name.endsWith('/')) return { ignored: 'it is a folder' };
  const rule = uploadRuleFor(rules, name);
  return rule ? { rule } : { ignored: 'its name begins with no prefix of an upload rule' };
}

export type Arrival =
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'image'; readonly mimeType: ImageMimeType }
  /** `images`: names of the images that it may describe, most likely first. */
  | { readonly kind: 'sidecar'; readonly images: readonly string[] }
  /** A request, unless one of `images` exists: then it is the sidecar of that image. */
  | { readonly kind: 'request'; readonly images: readonly string[] }
  | { readonly kind: 'manifest' };

const TYPES_BY_EXTENSION: Readonly<Record<string, ImageMimeType>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
};

const MANIFESTS = new Set(['jsonl', 'ndjson', 'csv', 'tsv']);

type NamedAs = 'manifest' | 'prompt' | 'json' | 'other';

function namedAs(name: string): NamedAs {
  const { stem, extension } = partsOf(name);
  if (MANIFESTS.has(extension) || (extension === 'gz' && MANIFESTS.has(partsOf(stem).extension)))
    return 'manifest';
  return extension === 'txt' ? 'prompt' : extension === 'json' ? 'json' : 'other';
}

/** @param found what the first bytes are; undefined if the object no longer exists: then its name decides */
export function arrivalOf(rule: UploadRule, name: string, found: FileKind | undefined): Arrival | undefined {
  const as = namedAs(name);
  const mimeType = found ? mimeTypeOf(found) : TYPES_BY_EXTENSION[partsOf(name).extension];
  if (found?.category === 'image' && mimeType === undefined) return refused(found);
  if (mimeType) return { kind: 'image', mimeType };
  const fault = found && (systemFileFault(name) ?? contentFault(name, as, found));
  if (fault !== undefined) return { kind: 'refused', detail: fault };
  switch (as) {
    case 'manifest':
      return { kind: 'manifest' };
    case 'prompt':
      return { kind: 'sidecar', images: imagesOfSidecar(name) };
    case 'json': {
      // cat.png.json can only describe cat.png. If sidecars are required, every JSON file is one.
      const isSidecar = rule.sidecar === 'required' || hasImageExtension(partsOf(name).stem);
      return { kind: isSidecar ? 'sidecar' : 'request', images: imagesOfSidecar(name) };
    }
    case 'other':
      return undefined;
  }
}

const mimeTypeOf = (found: FileKind): ImageMimeType | undefined =>
  found.category === 'image' ? IMAGE_MIME_TYPES.find((type) => type === found.mimeType) : undefined;

const refused = (found: FileKind): Arrival => ({ kind: 'refused', detail: whatItIs(found) });

const whatItIs = ({ name, advice }: FileKind): string => `is ${name}. ${advice ?? ''}`.trim();

/** Files that programs leave in folders; they come along when a whole folder is uploaded. */
const SYSTEM_FILES = new Set(['.ds_store', 'thumbs.db', 'desktop.ini', '.gitkeep', '.keep', '.gitignore']);

function systemFileFault(name: string): string | undefined {
  const base = baseOf(name);
  return SYSTEM_FILES.has(base.toLowerCase()) || base.startsWith('._')
    ? 'is a file that the operating system or a tool keeps beside others, not an upload. Leave it out.'
    : undefined;
}

const KNOWN_NAMES =
  'Its name has to say what it is: .json for a request, .txt for the prompt of an image with the same name, .csv or ' +
  '.jsonl for the rows of a batch.';

const EMPTY = 'is empty: it has 0 bytes. Upload it again with its content.';

/** Why content of this kind cannot be used under this name. */
function contentFault(name: string, as: NamedAs, found: FileKind): string | undefined {
  const { stem, extension } = partsOf(name);
  const base = baseOf(name);
  if (found.category === 'empty') return EMPTY;
  if (found.format === 'data-uri' || found.format === 'base64-image') return whatItIs(found);
  const renamed = (kind: string, to: string): string =>
    `is named '${base}', as a ${kind} inside another file. Programs may hide the last extension. Upload it as '${to}'.`;
  if (extension === 'txt' && namedAs(stem) === 'manifest') return renamed('table', baseOf(stem));
  switch (as) {
    case 'manifest':
      // The reader of manifests reports other encodings, binary files and compressions by itself.
      return found.category === 'text' || found.format === 'gzip' || found.category === 'unknown'
        ? undefined
        : `${whatItIs(found)} A manifest is CSV or JSON lines in UTF-8, also gzipped.`;
    case 'prompt':
    case 'json':
      return textFault(extension, found);
    case 'other':
      return otherFault(name, found);
  }
}

/** Why content of this kind is neither a prompt (`.txt`) nor JSON. Compressed text is decompressed when it is read. */
function textFault(extension: string, found: FileKind): string | undefined {
  if (found.category === 'text' || found.format === 'gzip') return undefined;
  return `is ${found.name}, but its name ends in .${extension}, as that of ${
    extension === 'txt' ? 'a prompt' : 'a request or a sidecar in JSON'
  }. ${found.category === 'unknown' ? 'Save it as text in UTF-8.' : (found.advice ?? '')}`.trim();
}

/** Why the content of a sidecar, decompressed, cannot describe an image. Its reader names faults inside its text. */
export function sidecarFault(name: string, found: FileKind): string | undefined {
  if (found.category === 'unknown') return undefined;
  if (found.category === 'empty') return EMPTY;
  const isEncodedFile = found.format === 'data-uri' || found.format === 'base64-image';
  return isEncodedFile ? whatItIs(found) : textFault(partsOf(name).extension, found);
}

function otherFault(name: string, found: FileKind): string {
  const { stem, extension } = partsOf(name);
  if (found.format === 'gzip' && extension === 'gz' && namedAs(stem) !== 'other')
    return `is ${found.name}. Only manifests (.csv.gz, .jsonl.gz) may be compressed. Decompress it, and upload '${baseOf(stem)}'.`;
  if (found.format === 'gzip')
    return `is ${found.name}. Decompress it. (gcloud compresses with --gzip-local, gsutil with -z and -Z.)`;
  if (found.category === 'video')
    return (
      `is ${found.name}. Only images start a job by themselves: to use a video, name it in a request (.json) as ` +
      '"video": {"gcsUri": "gs://…"}. For an image to animate, save one frame of it as PNG or JPEG.'
    );
  if (hasImageExtension(name))
    return `is ${found.name}, but its name ends in .${extension}. An image has to be PNG or JPEG.`;
  return found.category === 'text' ? `is ${found.name}. ${KNOWN_NAMES}` : whatItIs(found);
}
