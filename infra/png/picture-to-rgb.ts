/** Converts a drawn image (YUV 4:2:0 planes) to the RGB pixels of a PNG. */
import type { Picture } from '../mp4/picture.ts';
import type { RgbPicture } from './png-encoder.ts';

/**
 * Halves the width and the height. Averaging four luma samples smooths edges. Every output pixel has its own chroma
 * sample, so that colours end where shapes end. Width and height of `picture` must be even.
 */
export function halveToRgb(picture: Picture): RgbPicture {
  const width = picture.width / 2;
  const height = picture.height / 2;
  const { stride, y: luma } = picture;
  const rgb = new Uint8Array(width * height * 3);
  let out = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = 2 * (row * stride + column);
      const sum =
        (luma[at] ?? 0) + (luma[at + 1] ?? 0) + (luma[at + stride] ?? 0) + (luma[at + stride + 1] ?? 0);
      const chromaAt = row * (stride / 2) + column;
      // BT.601, limited range, in units of 1/1024: `sum` holds four luma samples, so chroma is multiplied by 4.
      // Integer arithmetic gives the same bytes on every machine.
      const y = 298 * (sum - 64);
      const u = 4 * ((picture.u[chromaAt] ?? 0) - 128);
      const v = 4 * ((picture.v[chromaAt] ?? 0) - 128);
      rgb[out++] = toByte(y + 409 * v);
      rgb[out++] = toByte(y - 100 * u - 208 * v);
      rgb[out++] = toByte(y + 516 * u);
    }
  }
  return { width, height, rgb };
}

/** Converts a level in units of 1/1024 to a byte, rounded. */
const toByte = (value: number): number => Math.max(0, Math.min(255, (value + 512) >> 10));
