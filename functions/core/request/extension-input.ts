/** Whether a model extends this video. Decided by the request of the job that made it, otherwise by its file. */
import type { VideoModelSpec } from '../catalogue/catalogue.ts';
import type { StoredVideo } from '../job/video-request.ts';
import { hasLinesOf } from '../media/mp4.ts';
import type { FieldError } from '../problem.ts';

/** 23.976 counts as 24, with Google too. */
const RATE_TOLERANCE = 0.1;

/** The simulated models' files have so many lines, whatever resolution they stand for. */
const SCALED_DOWN_LINES = [180, 360];

export interface ExtensionInput {
  readonly field: string;
  /** An unknown property is accepted. */
  readonly source: Pick<StoredVideo, 'aspectRatio' | 'resolution' | 'picture' | 'framesPerSecond'>;
  /** Whether the models are simulated. Their files look like files that really have so few lines. */
  readonly isScaledDown: boolean;
}

export function extensionInputErrors(input: ExtensionInput, spec: VideoModelSpec): FieldError[] {
  const { field, source } = input;
  const { inputFramesPerSecond: rate } = spec.extension ?? {};
  const { picture, aspectRatio, framesPerSecond } = source;
  const errors: FieldError[] = [];
  const refuse = (found: string, allowed: string): void => {
    errors.push({ field, detail: `${found}; ${spec.model} extends videos of ${allowed}.` });
  };
  if (picture && !aspectRatio)
    refuse(`is ${picture.width} × ${picture.height} pixels`, spec.aspectRatios.join(', '));
  else if (!isOfSize(input, spec)) {
    const found = picture ? `${picture.width} × ${picture.height} pixels` : source.resolution;
    refuse(`is ${found}`, (spec.extension?.inputResolutions ?? []).join(', '));
  }
  if (
    rate !== undefined &&
    framesPerSecond !== undefined &&
    Math.abs(framesPerSecond - rate) > RATE_TOLERANCE
  )
    refuse(`has ${Number(framesPerSecond.toFixed(3))} frames a second`, `${rate} frames a second`);
  return errors;
}

function isOfSize({ source, isScaledDown }: ExtensionInput, { extension }: VideoModelSpec): boolean {
  const { picture, resolution } = source;
  const allowed = extension?.inputResolutions;
  if (!allowed) return true;
  if (!picture) return resolution === undefined || allowed.includes(resolution);
  const isSimulated = isScaledDown && SCALED_DOWN_LINES.includes(Math.min(picture.width, picture.height));
  return isSimulated || allowed.some((each) => hasLinesOf(picture, each));
}
