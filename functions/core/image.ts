/** Pictures given in a request: what they are, by their content and not by their label. */

export type ImageMimeType = 'image/png' | 'image/jpeg';

/** Google's limit for an input picture. */
export const IMAGE_BYTES_MAX = 20 * 1024 * 1024;

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];

export function sniffImage(bytes: Uint8Array): ImageMimeType | undefined {
  const startsWith = (magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  if (startsWith(PNG)) return 'image/png';
  if (startsWith(JPEG)) return 'image/jpeg';
  return undefined;
}

// No group inside: a repeated group overflows the stack of the regular expression engine at a few megabytes.
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Decodes standard base64; undefined when the text is anything else (Buffer would skip what it does not know). */
export function decodeBase64(text: string): Uint8Array | undefined {
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
