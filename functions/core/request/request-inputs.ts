/** The inputs of a request: the mode that follows from them, and which of them go together. */
import { type Catalogue, modeOfTask, type VideoModelSpec } from '../catalogue/catalogue.ts';
import type { Mode, VideoTask } from '../catalogue/vocabulary.ts';
import type { FieldError } from '../problem.ts';
import type { RequestBody } from './request-body.ts';

/** What the job does with the video that it starts from; undefined when it starts from none. */
export function taskOf({
  task,
  video,
  previousJob,
}: Pick<RequestBody, 'task' | 'video' | 'previousJob'>): VideoTask | undefined {
  if (video) return task ?? 'extend';
  // Google's models edit on a next turn without a task.
  return previousJob === undefined ? undefined : (task ?? 'edit');
}

export function modeOf(body: RequestBody): Mode {
  const task = taskOf(body);
  if (task) return modeOfTask(task);
  if (body.referenceImages || body.referenceVideos) return 'references';
  if (body.lastFrame) return 'firstLast';
  return body.image || body.firstFrame ? 'image' : 'text';
}

const MODE_FIELDS = {
  text: 'prompt',
  image: 'image',
  firstLast: 'lastFrame',
  references: 'referenceImages',
  extension: 'video',
  edit: 'task',
  upscale: 'task',
} as const;

/** The field that puts the request into the mode; undefined if it is a text alone. */
export function fieldOfMode(body: RequestBody, mode: Mode): string | undefined {
  if (mode === 'text') return undefined;
  if (mode === 'image') return body.image ? 'image' : 'firstFrame';
  if (mode === 'extension') return body.video ? 'video' : 'previousJob';
  if (mode === 'references') return body.referenceImages ? 'referenceImages' : 'referenceVideos';
  return MODE_FIELDS[mode];
}

function checkMode(
  body: RequestBody,
  spec: VideoModelSpec,
  catalogue: Catalogue,
  errors: FieldError[],
): void {
  const { task, video, previousJob } = body;
  if (task && !video && previousJob === undefined)
    errors.push({
      field: 'task',
      detail: `is ${task}, which needs a video to ${task}: give video or previousJob.`,
    });
  const mode = modeOf(body);
  // Where the model does not take previousJob, one error is enough.
  if (spec.modes.has(mode) || (previousJob !== undefined && !spec.takes.has('previousJob'))) return;
  if (mode === 'references' && !body.referenceImages) return;
  const field = task ? 'task' : MODE_FIELDS[mode];
  const what = task ? `is ${task}, which ${spec.model} does not do` : `is not taken by ${spec.model}`;
  const others = catalogue.models.filter((each) => each.kind === 'video' && each.modes.has(mode));
  const names = [...new Set(others.map(({ model }) => model))].join(', ');
  errors.push({ field, detail: task ? `${what}; ${names} do.` : `${what}.` });
}

/** Refuses inputs that do not go together, and too many of them. */
export function checkInputs(
  body: RequestBody,
  spec: VideoModelSpec,
  catalogue: Catalogue,
  errors: FieldError[],
): void {
  checkMode(body, spec, catalogue, errors);
  if (body.lastFrame && !body.image && !body.firstFrame) {
    errors.push({ field: 'lastFrame', detail: 'needs image or firstFrame, the first frame.' });
  }
  const alone = (
    field: 'video' | 'previousJob' | 'referenceImages' | 'referenceVideos',
    others: readonly ('video' | 'image' | 'lastFrame' | 'referenceImages' | 'referenceVideos')[],
  ): void => {
    for (const other of others) {
      if (body[field] && body[other])
        errors.push({ field: other, detail: `does not go with ${field}; give one of them.` });
    }
  };
  // The reference images of an edit show what to put in. Which of several videos is edited, only the prompt could say.
  const others =
    taskOf(body) === 'edit'
      ? (['image', 'lastFrame', 'referenceVideos'] as const)
      : (['image', 'lastFrame', 'referenceImages', 'referenceVideos'] as const);
  alone('video', others);
  alone('previousJob', ['video', ...others]);
  alone('referenceImages', ['image', 'lastFrame']);
  alone('referenceVideos', ['image', 'lastFrame']);
  for (const [n, { referenceType }] of (body.referenceImages ?? []).entries()) {
    if (referenceType.toLowerCase() === 'asset') continue;
    const detail = `is ${JSON.stringify(referenceType)}; allowed: asset (style ended with Veo 2).`;
    errors.push({ field: `referenceImages.${n}.referenceType`, detail });
  }
  const references = body.referenceImages?.length ?? 0;
  if (references > spec.referenceImagesMax && spec.modes.has('references')) {
    errors.push({
      field: 'referenceImages',
      detail: `has ${references} images; ${spec.model} takes at most ${spec.referenceImagesMax}.`,
    });
  }
  checkReferenceVideos(body, spec, catalogue, errors);
}

function checkReferenceVideos(
  { referenceVideos }: RequestBody,
  { model, referenceVideos: limits }: VideoModelSpec,
  { models }: Catalogue,
  errors: FieldError[],
): void {
  const field = 'referenceVideos';
  if (!referenceVideos) return;
  if (!limits) {
    const others = models.flatMap((each) =>
      each.kind === 'video' && each.referenceVideos ? [each.model] : [],
    );
    errors.push({ field, detail: `is not taken by ${model}; ${others.join(', ')} take it.` });
  } else if (referenceVideos.length > limits.max) {
    const detail = `has ${referenceVideos.length} videos; ${model} takes at most ${limits.max}.`;
    errors.push({ field, detail });
  }
}
