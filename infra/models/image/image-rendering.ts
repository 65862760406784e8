/** Renders a plan to a PNG. Equal plans and samples give equal bytes. */
import { halveToRgb } from '../../png/picture-to-rgb.ts';
import { encodePng } from '../../png/png-encoder.ts';
import type { InputImage } from '../operation/media-input.ts';
import { drawImageScene } from './image-scene.ts';

/** Determines an image's bytes. */
export interface ImagePlan {
  readonly model: string;
  readonly aspectRatio: string;
  /** 512, 1K, 2K or 4K, as in requests. */
  readonly size: string;
  readonly prompt: string;
  /** The seed of sample 0; sample n uses seed + n. */
  readonly seed: number;
  readonly inputs: readonly InputImage[];
}

/** The longer side in pixels. Images are scaled down: the real sizes are 512 to 4096. */
const LONG_SIDE: Readonly<Record<string, number>> = { '512': 640, '1K': 640, '2K': 960, '4K': 1280 };

function imagePixels(aspectRatio: string, size: string): { width: number; height: number } {
  const [across = 1, down = 1] = aspectRatio.split(':').map(Number);
  const long = LONG_SIDE[size] ?? 640;
  return across >= down
    ? { width: long, height: Math.round((long * down) / across) }
    : { width: Math.round((long * across) / down), height: long };
}

/** `sample` counts from 0. */
export function renderImage(plan: ImagePlan, sample: number, sampleCount: number): Buffer {
  const { model, aspectRatio, size, prompt, seed, inputs } = plan;
  const picture = drawImageScene({
    ...imagePixels(aspectRatio, size),
    prompt,
    caption: `${model} ${size} ${aspectRatio}${sampleCount === 1 ? '' : ` sample ${sample}`}`,
    seed: (seed + sample) >>> 0,
    inputs,
  });
  return encodePng(halveToRgb(picture), { Software: 'SIMULATED, not made by a model', Source: model });
}
