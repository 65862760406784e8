/** Renders a plan to an MP4. Equal plans and samples give equal bytes. */
import { canFollow, encodeClip, FRAMES_PER_SECOND } from '../../mp4/clip.ts';
import type { ParsedMp4 } from '../../mp4/mp4-parser.ts';
import type { Resolution } from '../catalogue.ts';
import type { RenderPlan } from './operations.ts';
import { type Scene, sceneDrawer } from './scene.ts';

/** Frames are scaled down, in each dimension: to a quarter of 720p, to a third of 1080p. */
export function frameSize(
  aspectRatio: '16:9' | '9:16',
  resolution: Resolution,
): { width: number; height: number } {
  const [long, short] = resolution === '720p' ? [320, 180] : [640, 360];
  return aspectRatio === '16:9' ? { width: long, height: short } : { width: short, height: long };
}

/** `input`: the video that an extension continues. */
export function renderSample(
  plan: RenderPlan,
  sample: number,
  input: ParsedMp4 | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const newFrames = plan.seconds * FRAMES_PER_SECOND;
  const framesBefore = input === undefined ? 0 : Math.round(input.durationSeconds * FRAMES_PER_SECOND);
  const scene: Scene = {
    width: plan.width,
    height: plan.height,
    prompt: plan.prompt,
    caption: `${plan.caption} sample ${sample}`,
    seed: (plan.seed + sample) >>> 0,
    identicons: plan.images,
    totalFrames: framesBefore + newFrames,
    framesBefore,
  };
  const { width, height } = plan;
  const draw = sceneDrawer(scene);
  if (input === undefined) return encodeClip({ width, height, frameCount: newFrames, draw, signal });
  if (canFollow(input) && input.width === width && input.height === height) {
    return encodeClip({ width, height, frameCount: newFrames, draw, after: input, signal });
  }
  // The simulation cannot decode other videos. A placeholder of equal length keeps the total duration correct.
  const prompt = 'The input video plays here. The simulation cannot show videos that it did not make.';
  const drawPlaceholder = sceneDrawer({ ...scene, prompt, caption: 'input video', framesBefore: 0 });
  return encodeClip({
    width,
    height,
    frameCount: framesBefore + newFrames,
    draw: (picture, index) =>
      index < framesBefore ? drawPlaceholder(picture, index) : draw(picture, index - framesBefore),
    signal,
  });
}
