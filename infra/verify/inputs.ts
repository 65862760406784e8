/** The inputs of the paid steps: plain images that no safety filter objects to. */
import { encodePng } from '../png/png-encoder.ts';

// Google recommends 720p or more.
const WIDTH = 1280;
const HEIGHT = 720;

/** A PNG of a plain landscape, in base64. Another `hue` (0 to 1) gives another image. */
export function landscape(hue: number): string {
  const rgb = new Uint8Array(WIDTH * HEIGHT * 3);
  const sky = [Math.round(90 + 120 * hue), 150, Math.round(230 - 120 * hue)];
  const ground = [70, Math.round(160 - 60 * hue), 80];
  for (let y = 0; y < HEIGHT; y++) {
    const colour = y < HEIGHT * 0.6 ? sky : ground;
    for (let x = 0; x < WIDTH; x++) rgb.set(colour, (y * WIDTH + x) * 3);
  }
  return encodePng({ width: WIDTH, height: HEIGHT, rgb }).toString('base64');
}

export const image = (hue: number) => ({ bytesBase64Encoded: landscape(hue) });

export const references = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ image: image(n / count), referenceType: 'asset' }));

const IMAGE_PROMPT = 'A plain watercolour of a green hill under a blue sky';

export const imageBody = (method: 'generateContent' | 'predict'): unknown =>
  method === 'predict'
    ? { instances: [{ prompt: IMAGE_PROMPT }], parameters: { sampleCount: 1 } }
    : {
        contents: [{ role: 'user', parts: [{ text: IMAGE_PROMPT }] }],
        generationConfig: { responseModalities: ['TEXT', 'IMAGE'] },
      };
