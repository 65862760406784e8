/**
 * Validates the inputs of a request before the job exists: the content of images, the length of videos, and whether the
 * caller may use them. Inline images are stored in the input bucket, but only once the whole request is valid.
 */

import { uploadCallerOf, uploadRuleFor } from '../../core/batch/upload-rules.ts';
import { IMAGE_EXTENSIONS } from '../../core/catalogue/vocabulary.ts';
import type { PreviousTurn, StoredImage, StoredVideo } from '../../core/job/video-request.ts';
import { decodeBase64, imageFault } from '../../core/media/image.ts';
import { mp4Info, shapeOf } from '../../core/media/mp4.ts';
import { type FieldError, invalidRequest } from '../../core/problem.ts';
import type { FoundInputs, GivenInputs } from '../../core/request/request.ts';
import type { ImageBody, VideoBody } from '../../core/request/request-body.ts';
import type { InputObject, Services } from '../../ports.ts';
import { earlierVideo, previousTurnOf } from './earlier-jobs.ts';

/** A validated image: already in a bucket, still to be stored, or to be copied before it is replaced. */
type CheckedImage =
  | StoredImage
  | { readonly bytes: Uint8Array; readonly mimeType: StoredImage['mimeType'] }
  | (StoredImage & { readonly generation: string });

export type CheckedInputs = GivenInputs<CheckedImage, StoredVideo, PreviousTurn>;

/** How far an image is checked: `whole` checks that the file is complete, `kind` only its type and size. */
export type ImageDepth = 'whole' | 'kind';

/** @throws ProblemError 400 that lists every input that cannot be used */
export async function checkInputs(
  services: Services,
  caller: string,
  given: GivenInputs,
  imageDepth: ImageDepth = 'whole',
): Promise<CheckedInputs> {
  const errors: FieldError[] = [];
  const image = (field: string, body: ImageBody | undefined): Promise<CheckedImage | undefined> =>
    checkImage(services, caller, field, body, imageDepth, errors);
  const referenceImages = await Promise.all(
    given.referenceImages.map((body, n) => image(`referenceImages.${n}.image`, body)),
  );
  const checked = {
    image: await image('image', given.image),
    lastFrame: await image('lastFrame', given.lastFrame),
    referenceImages: referenceImages.filter((each) => each !== undefined),
    firstFrameImage: await image('firstFrame.image', given.firstFrameImage),
    video: await checkVideo(services, caller, given.video, errors),
    previousJob:
      given.previousJob === undefined
        ? undefined
        : await previousTurnOf(services, caller, given.previousJob, errors),
  };
  if (errors.length > 0) throw invalidRequest(errors);
  return checked;
}

/**
 * Stores inline images in the input bucket, under the job's id, and copies images that were requested by generation: a
 * job may wait for hours, and the object may be replaced meanwhile.
 */
export async function storeInputs(
  services: Services,
  jobId: string,
  checked: CheckedInputs,
): Promise<FoundInputs> {
  const store = async (field: string, image: CheckedImage | undefined): Promise<StoredImage | undefined> => {
    if (!image || ('gcsUri' in image && !('generation' in image))) return image;
    const { mimeType } = image;
    // Named by content: two requests that race under one key must not use each other's image.
    const nameOf = (...content: string[]): string =>
      `jobs/${jobId}/${field}-${services.ids.hash(content)}.${IMAGE_EXTENSIONS[mimeType]}`;
    if ('bytes' in image) {
      const { bytes } = image;
      const name = nameOf(Buffer.from(bytes).toString('base64'));
      return { gcsUri: await services.inputs.putOnce(name, mimeType, bytes), mimeType };
    }
    const { gcsUri, generation } = image;
    const copy = await services.inputs.copyOnce(gcsUri, generation, nameOf(gcsUri, generation));
    return { gcsUri: copy, mimeType, copyOf: `${gcsUri}#${generation}` };
  };
  const referenceImages = await Promise.all(
    checked.referenceImages.map((image, n) => store(`referenceImages.${n}`, image)),
  );
  return {
    image: await store('image', checked.image),
    lastFrame: await store('lastFrame', checked.lastFrame),
    referenceImages: referenceImages.filter((each) => each !== undefined),
    firstFrameImage: await store('firstFrame', checked.firstFrameImage),
    video: checked.video,
    previousJob: checked.previousJob,
  };
}

/** The caller's own folder in the input bucket. */
export const callerFolder = ({ ids }: Pick<Services, 'ids'>, caller: string): string =>
  `callers/${ids.hash(['caller', caller])}/`;

/**
 * Clapper reads `gs://` objects with its own identity, so a caller may name only objects in its own folder, in a
 * readable prefix, or under an upload rule for this caller.
 */
export function mayRead(services: Services, caller: string, gcsUri: string): boolean {
  const { readablePrefixes, uploadRules = [] } = services.settings;
  const { bucket } = services.inputs;
  const own = `gs://${bucket}/${callerFolder(services, caller)}`;
  if ([own, ...readablePrefixes].some((prefix) => gcsUri.startsWith(prefix))) return true;
  const name = gcsUri.startsWith(`gs://${bucket}/`) ? gcsUri.slice(`gs://${bucket}/`.length) : undefined;
  const rule = name === undefined ? undefined : uploadRuleFor(uploadRules, name);
  return rule !== undefined && uploadCallerOf(rule, bucket) === caller;
}

/** A caller may have videos copied to its own folder and to the delivery prefixes. */
export function mayDeliver(services: Services, caller: string, folder: string): boolean {
  const own = `gs://${services.inputs.bucket}/${callerFolder(services, caller)}`;
  const open = services.settings.deliveryPrefixes ?? [];
  return [own, ...open].some((prefix) => folder.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}

const NOT_READABLE = 'is not in a bucket and folder that this caller may read from.';

async function checkImage(
  services: Services,
  caller: string,
  field: string,
  body: ImageBody | undefined,
  imageDepth: ImageDepth,
  errors: FieldError[],
): Promise<CheckedImage | undefined> {
  if (!body) return undefined;
  if ('bytesBase64Encoded' in body) {
    const at = `${field}.bytesBase64Encoded`;
    const bytes = decodeBase64(body.bytesBase64Encoded);
    if (!bytes) {
      errors.push({ field: at, detail: 'is not base64.' });
      return undefined;
    }
    const read = async (start: number, end: number): Promise<Uint8Array> => bytes.subarray(start, end + 1);
    const fault = await imageFault(body.mimeType, bytes.length, read, imageDepth);
    if (fault === undefined) return { bytes, mimeType: body.mimeType };
    errors.push({ field: at, detail: fault });
    return undefined;
  }
  const { gcsUri, mimeType, generation } = body;
  const at = `${field}.gcsUri`;
  if (!mayRead(services, caller, gcsUri)) {
    errors.push({ field: at, detail: NOT_READABLE });
    return undefined;
  }
  const object = await services.inputs.head(gcsUri, generation);
  if (!object && generation !== undefined) {
    const detail = `is ${generation}, which no longer exists: ${gcsUri} was replaced or deleted. Upload the image again.`;
    errors.push({ field: `${field}.generation`, detail });
    return undefined;
  }
  const fault = object
    ? await storedImageFault(services, body, object, imageDepth)
    : `is ${gcsUri}, which does not exist.`;
  if (fault === undefined)
    return generation === undefined ? { gcsUri, mimeType } : { gcsUri, mimeType, generation };
  errors.push({ field: at, detail: fault });
  return undefined;
}

async function storedImageFault(
  { inputs }: Services,
  { gcsUri, mimeType, generation }: Extract<ImageBody, { gcsUri: string }>,
  { bytes }: InputObject,
  imageDepth: ImageDepth,
): Promise<string | undefined> {
  const read = (start: number, end: number): Promise<Uint8Array> =>
    inputs.readRange(gcsUri, start, end, generation);
  return imageFault(mimeType, bytes, read, imageDepth);
}

async function checkVideo(
  services: Services,
  caller: string,
  body: VideoBody | undefined,
  errors: FieldError[],
): Promise<StoredVideo | undefined> {
  if (!body) return undefined;
  if ('job' in body) return earlierVideo(services, caller, body, errors);
  const { gcsUri, mimeType } = body;
  if (!mayRead(services, caller, gcsUri)) {
    errors.push({ field: 'video.gcsUri', detail: NOT_READABLE });
    return undefined;
  }
  const object = await services.inputs.head(gcsUri);
  if (!object) {
    errors.push({ field: 'video.gcsUri', detail: `is ${gcsUri}, which does not exist.` });
    return undefined;
  }
  const info = await mp4Info(object.bytes, (start, end) => services.inputs.readRange(gcsUri, start, end));
  if (info) return { gcsUri, mimeType, ...info, ...shapeOf(info) };
  errors.push({ field: 'video.gcsUri', detail: `is ${gcsUri}, which is not an MP4 file with a duration.` });
  return undefined;
}
