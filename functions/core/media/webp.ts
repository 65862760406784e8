/** Finds the end of a WebP by its RIFF header, and checks its chunks (RFC 9649), without decoding it. */
import type { FileWindow } from './file-window.ts';
import { CUT, damaged, type ImageEnd } from './image-end.ts';

/** `RIFF`, the size of what follows, `WEBP`. */
const HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const START_CODE = 0x9d012a;
const LOSSLESS_SIGNATURE = 0x2f;

const damagedWebp = (what: string): ImageEnd => damaged('WebP', what);

/** @param file a file that begins with the header of WebP */
export async function webpEnd(file: FileWindow): Promise<ImageEnd> {
  const riffBytes = (await file.bytes(4, 4))?.getUint32(0, true);
  if (riffBytes === undefined) return CUT;
  const endAt = 8 + riffBytes + (riffBytes % 2);
  if (endAt > file.endAt) return CUT;
  let images = 0;
  for (let at = HEADER_BYTES; at < endAt; ) {
    const head = at + CHUNK_HEADER_BYTES <= endAt ? await file.bytes(at, CHUNK_HEADER_BYTES) : undefined;
    if (!head) return damagedWebp(`byte ${at} does not begin a chunk`);
    const type = String.fromCharCode(...[0, 1, 2, 3].map((i) => head.getUint8(i)));
    const length = head.getUint32(4, true);
    const nextAt = at + CHUNK_HEADER_BYTES + length + (length % 2);
    if (nextAt > endAt) return damagedWebp(`its chunk ${JSON.stringify(type)} at byte ${at} is too long`);
    if (at === HEADER_BYTES && !/^VP8[ LX]$/.test(type))
      return damagedWebp('it does not begin with an image');
    if (type === 'VP8 ' || type === 'VP8L') {
      const body = length >= 10 ? await file.bytes(at + CHUNK_HEADER_BYTES, 10) : undefined;
      if (!body || !hasImageHeader(type, body)) return damagedWebp('the header of its image is not valid');
      images++;
    }
    if (type === 'ANMF') images++;
    at = nextAt;
  }
  return images === 0 ? damagedWebp('it has no image data') : { endAt };
}

function hasImageHeader(type: string, body: DataView): boolean {
  if (type === 'VP8L') return body.getUint8(0) === LOSSLESS_SIGNATURE && body.getUint8(4) >> 5 === 0;
  const isKeyFrame = (body.getUint8(0) & 1) === 0;
  const startCode = body.getUint32(2) & 0xffffff;
  // The upper two bits of both sizes are a scale.
  const [width, height] = [body.getUint16(6, true) & 0x3fff, body.getUint16(8, true) & 0x3fff];
  return isKeyFrame && startCode === START_CODE && width > 0 && height > 0;
}
