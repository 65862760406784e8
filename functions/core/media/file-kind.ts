/** Names what a file is from its first bytes, so that a refusal can say what was sent and what to do about it. */

/** `fileKindOf` needs at most this many bytes. The tag that makes a TIFF a DNG may stand a few hundred bytes in. */
export const FILE_KIND_BYTES = 4096;

export type ImageFormat =
  | 'png'
  | 'jpeg'
  | 'webp'
  | 'heic'
  | 'heif'
  | 'avif'
  | 'gif'
  | 'bmp'
  | 'tiff'
  | 'dng'
  | 'raw'
  | 'jxl'
  | 'jp2'
  | 'psd'
  | 'ico'
  | 'svg';
export type VideoFormat = 'mp4' | 'mov' | 'webm' | 'avi';
export type ArchiveFormat = 'gzip' | 'zip' | 'bzip2' | 'xz' | 'zstd' | '7z' | 'rar';
export type DocumentFormat = 'pdf' | 'office' | 'old-office' | 'html' | 'rtf';

interface Named<C extends string, F extends string> {
  readonly category: C;
  readonly format: F;
  /** With its article, to follow "is": "a WebP image". */
  readonly name: string;
  /** A sentence, what to do with such a file. Absent where it is PNG, JPEG or text. */
  readonly advice?: string;
}

export type FileKind =
  | (Named<'image', ImageFormat> & { readonly mimeType: string })
  | (Named<'video', VideoFormat> & { readonly mimeType: string })
  | Named<'audio', 'wav' | 'mp3'>
  | Named<'archive', ArchiveFormat>
  | Named<'document', DocumentFormat>
  /** Readable characters: a prompt, JSON, CSV. In UTF-8, or in UTF-16 with its byte order mark, unless `legacy`. */
  | Named<'text', 'text' | 'json' | 'data-uri' | 'base64-image' | 'legacy'>
  | Named<'empty', 'empty'>
  | Named<'unknown', 'unknown'>;

export type ImageKind = Extract<FileKind, { category: 'image' }>;

/**
 * @param head the first bytes of the file: all of them, or at least {@link FILE_KIND_BYTES}. With fewer the result may
 *   be less exact (`tiff` for a DNG), but never another category.
 */
export function fileKindOf(head: Uint8Array): FileKind {
  if (head.length === 0)
    return { category: 'empty', format: 'empty', name: 'an empty file', advice: 'Upload it again.' };
  const found = SIGNATURES.find(({ test }) => test(head));
  return found?.kind(head) ?? textKind(head) ?? (isLegacyText(head) ? LEGACY_TEXT : UNKNOWN);
}

const IMAGES_ONLY = 'Images must be PNG or JPEG.';

const UNKNOWN: FileKind = {
  category: 'unknown',
  format: 'unknown',
  name: 'a file of an unknown type',
  advice: IMAGES_ONLY,
};

const TO_PNG_OR_JPEG = 'Convert it to PNG or JPEG.';

const image = (format: ImageFormat, mimeType: string, name: string, advice = TO_PNG_OR_JPEG): ImageKind => ({
  category: 'image',
  format,
  mimeType,
  name,
  ...(format === 'png' || format === 'jpeg' ? {} : { advice }),
});
const FRAME_OF_VIDEO = 'Where an image is needed, save one frame of it as PNG or JPEG.';
const video = (format: VideoFormat, mimeType: string, name: string, advice = FRAME_OF_VIDEO): FileKind => ({
  category: 'video',
  format,
  mimeType,
  name,
  advice,
});
const TO_MP4 = `Where a video is needed, convert it to MP4. ${FRAME_OF_VIDEO}`;
const archive = (format: ArchiveFormat, name: string): FileKind => ({
  category: 'archive',
  format,
  name,
  advice: format === 'gzip' ? 'Decompress it.' : 'Extract it, and send the files in it one by one.',
});
const document = (format: DocumentFormat, name: string, advice: string): FileKind => ({
  category: 'document',
  format,
  name,
  advice,
});

const RAW = 'Develop it in a photo program, and export it as JPEG or PNG.';
const PHONE = `${TO_PNG_OR_JPEG} (On an iPhone: Settings, Camera, Formats, Most Compatible.)`;
const HEIC = image('heic', 'image/heic', 'a HEIC image', PHONE);
const HEIF = image('heif', 'image/heif', 'a HEIF image', PHONE);
const AVIF = image('avif', 'image/avif', 'an AVIF image');
const JXL = image('jxl', 'image/jxl', 'a JPEG XL image');
const TIFF = image('tiff', 'image/tiff', 'a TIFF image');
const DNG = image('dng', 'image/x-adobe-dng', 'a raw photo (DNG)', RAW);
const RAW_PHOTO = image('raw', 'image/x-raw', 'a raw photo', RAW);
const JP2 = image('jp2', 'image/jp2', 'a JPEG 2000 image');
const MP4 = video('mp4', 'video/mp4', 'an MP4 video');
const MOV = video('mov', 'video/quicktime', 'a QuickTime video', TO_MP4);
const EXPORT = 'Export a table as CSV (UTF-8), and an image as PNG or JPEG.';
const OFFICE = document('office', 'an Office document', EXPORT);

interface Signature {
  readonly test: (head: Uint8Array) => boolean;
  readonly kind: (head: Uint8Array) => FileKind;
}

const matches = (head: Uint8Array, hex: string, at: number): boolean =>
  Buffer.from(hex, 'hex').every((byte, i) => head[at + i] === byte);
const starts =
  (...alternatives: readonly string[]) =>
  (head: Uint8Array): boolean =>
    alternatives.some((hex) => matches(head, hex, 0));
const latin1 = (head: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...head.subarray(from, to));
const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
const riff =
  (type: string) =>
  (head: Uint8Array): boolean =>
    latin1(head, 0, 4) === 'RIFF' && latin1(head, 8, 12) === type;
const always = (kind: FileKind) => (): FileKind => kind;

// The first match counts. Signatures of two bytes are the last ones.
const SIGNATURES: readonly Signature[] = [
  { test: starts('89504e470d0a1a0a'), kind: always(image('png', 'image/png', 'a PNG image')) },
  { test: starts('ffd8ff'), kind: always(image('jpeg', 'image/jpeg', 'a JPEG image')) },
  { test: riff('WEBP'), kind: always(image('webp', 'image/webp', 'a WebP image')) },
  { test: starts(hex('GIF87a'), hex('GIF89a')), kind: always(image('gif', 'image/gif', 'a GIF image')) },
  { test: starts('0000000c4a584c200d0a870a'), kind: always(JXL) },
  { test: starts('0000000c6a5020200d0a870a', 'ff4fff51'), kind: always(JP2) },
  { test: (head) => latin1(head, 4, 8) === 'ftyp', kind: isoKind },
  // QuickTime files from before 2001 have no `ftyp`.
  {
    test: (head) => /^(?:moov|mdat|wide|free|skip|pnot)$/.test(latin1(head, 4, 8)) && head[0] === 0,
    kind: always(MOV),
  },
  { test: starts('49492a00', '4d4d002a', '49492b00', '4d4d002b'), kind: tiffKind },
  {
    test: starts(hex('FUJIFILMCCD-RAW'), hex('IIRO'), hex('IIRS'), hex('MMOR'), '49495500', hex('FOVb')),
    kind: always(RAW_PHOTO),
  },
  {
    test: starts(hex('8BPS')),
    kind: always(image('psd', 'image/vnd.adobe.photoshop', 'a Photoshop document')),
  },
  { test: riff('AVI '), kind: always(video('avi', 'video/x-msvideo', 'an AVI video', TO_MP4)) },
  {
    test: starts('1a45dfa3'),
    kind: always(video('webm', 'video/webm', 'a WebM or Matroska video', TO_MP4)),
  },
  {
    test: riff('WAVE'),
    kind: always({ category: 'audio', format: 'wav', name: 'a sound file (WAV)', advice: IMAGES_ONLY }),
  },
  {
    test: starts(hex('ID3'), 'fffb', 'fff3'),
    kind: always({ category: 'audio', format: 'mp3', name: 'a sound file (MP3)', advice: IMAGES_ONLY }),
  },
  { test: starts('504b0304', '504b0506', '504b0708'), kind: zipKind },
  {
    test: starts('d0cf11e0a1b11ae1'),
    kind: always(document('old-office', 'an Office document of before 2007', EXPORT)),
  },
  {
    test: starts(hex('%PDF-')),
    kind: always(document('pdf', 'a PDF', 'Export its text or its images, these as PNG or JPEG.')),
  },
  {
    test: starts(hex('{\\rtf')),
    kind: always(
      document('rtf', 'an RTF document', 'Save it as plain text. (In TextEdit: Format, Make Plain Text.)'),
    ),
  },
  { test: starts('377abcaf271c'), kind: always(archive('7z', 'a 7z archive')) },
  { test: starts(hex('Rar!')), kind: always(archive('rar', 'a RAR archive')) },
  { test: starts('fd377a585a00'), kind: always(archive('xz', 'an xz archive')) },
  { test: starts('28b52ffd'), kind: always(archive('zstd', 'a Zstandard archive')) },
  {
    test: (head) => /^BZh[1-9]1AY&SY/.test(latin1(head, 0, 10)),
    kind: always(archive('bzip2', 'a bzip2 archive')),
  },
  { test: starts('1f8b'), kind: always(archive('gzip', 'a gzip-compressed file')) },
  // The four reserved bytes are zero.
  {
    test: (head) => matches(head, '424d', 0) && matches(head, '00000000', 6),
    kind: always(image('bmp', 'image/bmp', 'a BMP image')),
  },
  { test: starts('00000100'), kind: always(image('ico', 'image/x-icon', 'an icon')) },
  // The bare codestream of JPEG XL.
  { test: starts('ff0a'), kind: always(JXL) },
];

const HEVC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs']);
const AVIF_BRANDS = new Set(['avif', 'avis']);
const HEIF_BRANDS = new Set(['mif1', 'msf1', 'mif2', 'miaf']);

/** Files of ISO/IEC 14496-12. A general brand (`mif1`) comes first in many HEIC and AVIF files. */
function isoKind(head: Uint8Array): FileKind {
  const boxBytes = Math.min(head.length, new DataView(head.buffer, head.byteOffset, 4).getUint32(0));
  const major = latin1(head, 8, 12);
  const brands = [major];
  for (let at = 16; at + 4 <= boxBytes; at += 4) brands.push(latin1(head, at, at + 4));
  if (AVIF_BRANDS.has(major)) return AVIF;
  if (HEVC_BRANDS.has(major)) return HEIC;
  if (HEIF_BRANDS.has(major))
    return brands.some((brand) => AVIF_BRANDS.has(brand))
      ? AVIF
      : brands.some((brand) => HEVC_BRANDS.has(brand))
        ? HEIC
        : HEIF;
  if (major === 'crx ') return RAW_PHOTO;
  if (major === 'jp2 ') return JP2;
  if (major === 'jxl ') return JXL;
  return major === 'qt  ' ? MOV : MP4;
}

const DNG_VERSION_TAG = 50706;

/** The first directory of a DNG has the tag DNGVersion. Canon's CR2 says so in its header. */
function tiffKind(head: Uint8Array): FileKind {
  if (latin1(head, 8, 10) === 'CR') return RAW_PHOTO;
  if (head.length < 8) return TIFF;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const isLittle = head[0] === 0x49;
  const at = view.getUint32(4, isLittle);
  if (at + 2 > head.length) return TIFF;
  const entries = view.getUint16(at, isLittle);
  for (let n = 0; n < entries && at + 2 + 12 * n + 2 <= head.length; n++)
    if (view.getUint16(at + 2 + 12 * n, isLittle) === DNG_VERSION_TAG) return DNG;
  return TIFF;
}

/** Office and OpenDocument files are ZIP archives; the name of the first file in them tells. */
function zipKind(head: Uint8Array): FileKind {
  const first = latin1(head, 30, 60);
  return /^(?:\[Content_Types\]\.xml|_rels\/|docProps\/|xl\/|word\/|ppt\/|mimetypeapplication\/vnd\.oasis|Index\/)/.test(
    first,
  )
    ? OFFICE
    : archive('zip', 'a ZIP archive');
}

const TEXT: FileKind = { category: 'text', format: 'text', name: 'text' };
const DATA_URI: FileKind = {
  category: 'text',
  format: 'data-uri',
  name: 'text, a data: URI',
  advice: 'Store the bytes that it encodes.',
};
const BASE64_IMAGE: FileKind = {
  category: 'text',
  format: 'base64-image',
  name: 'text, an image in base64',
  advice: 'Store the decoded bytes.',
};
const LEGACY_TEXT: FileKind = {
  category: 'text',
  format: 'legacy',
  name: 'text that is not UTF-8',
  advice: 'Save it as UTF-8.',
};

/** Undefined for bytes that are no text. A character at the end may be cut. */
function textKind(head: Uint8Array): FileKind | undefined {
  const text = textOf(head);
  if (text === undefined) return undefined;
  const start = text.trimStart().slice(0, 1000);
  if (/^data:[\w.+-]+\/[\w.+-]+[;,]/i.test(start)) return DATA_URI;
  // The first bytes of a PNG and a JPEG.
  if (/^(?:iVBORw0KGgo|\/9j\/)/.test(start)) return BASE64_IMAGE;
  if (/^(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg[\s>]/is.test(start))
    return image('svg', 'image/svg+xml', 'an SVG image');
  if (/^(?:<!DOCTYPE html|<html|<head|<body)/i.test(start))
    return document(
      'html',
      'an HTML page',
      'Often it is an error page: open the link, and save the file itself.',
    );
  return /^[[{]/.test(start) ? { category: 'text', format: 'json', name: 'JSON text' } : TEXT;
}

/** Tab, line ends, form feed and escape occur in text. The other control characters do not. */
const isControl = (code: number): boolean => code < 0x20 && !(code >= 0x09 && code <= 0x0d) && code !== 0x1b;

function textOf(head: Uint8Array): string | undefined {
  const label = matches(head, 'fffe', 0) ? 'utf-16le' : matches(head, 'feff', 0) ? 'utf-16be' : 'utf-8';
  try {
    const text = new TextDecoder(label, { fatal: true }).decode(head, { stream: true });
    for (let at = 0; at < text.length; at++) if (isControl(text.charCodeAt(at))) return undefined;
    return text;
  } catch {
    return undefined;
  }
}

/** Bytes of an encoding of the time before Unicode: nearly all are ASCII, and none is a control character. */
function isLegacyText(head: Uint8Array): boolean {
  const beyondAscii = head.reduce((sum, byte) => sum + (byte >= 0x80 ? 1 : 0), 0);
  return beyondAscii < head.length / 2 && !head.some(isControl);
}
