/**
 * Validates the inputs of a request before the job exists: the content of images, the length of videos, and whether the
 * caller may use them. Inline images are stored in the input bucket, but only once the whole request is valid.
 */
import { Readable } from 'node:stream';
import { uploadCallerOf, uploadRuleFor } from '../../core/batch/upload-rules.ts';
import { findModel, type ModelSpec } from '../../core/catalogue/catalogue.ts';
import { IMAGE_EXTENSIONS, type ImageMimeType } from '../../core/catalogue/vocabulary.ts';
import type { PreviousTurn, StoredImage, StoredVideo } from '../../core/job/video-request.ts';
import { decodeBase64 } from '../../core/media/base64.ts';
import { FILE_KIND_BYTES, fileKindOf } from '../../core/media/file-kind.ts';
import { type GivenImage, readImage } from '../../core/media/image.ts';
import { mp4Info, shapeOf } from '../../core/media/mp4.ts';
import type { FieldError } from '../../core/problem.ts';
import type { FoundInputs, GivenInputs, ReadRequest } from '../../core/request/request.ts';
import type { ImageBody, VideoBody } from '../../core/request/request-body.ts';
import { type InputObject, ObjectMissingError, type Services } from '../../ports.ts';
import { earlierVideo, previousTurnOf } from './earlier-jobs.ts';
import { readStoredImage } from './stored-images.ts';

/** A validated image: already in a bucket, still to be stored, or to be copied before it is replaced. */
type CheckedImage = StoredImage | InlineImage | ImageToCopy;

interface InlineImage {
  readonly bytes: Uint8Array;
  readonly mimeType: ImageMimeType;
}

interface ImageToCopy extends StoredImage {
  readonly generation: string;
  /** The size of the image alone, where other bytes follow it in the object. */
  readonly imageBytes?: number;
}

export type CheckedInputs = GivenInputs<CheckedImage, StoredVideo, PreviousTurn>;

/** Looks up the inputs of a request, which may have other faults. Adds every input that cannot be used to `errors`. */
export async function checkInputs(
  services: Services,
  caller: string,
  { inputs: given, parsed }: Pick<ReadRequest, 'inputs' | 'parsed'>,
  errors: FieldError[],
  acceptsBarePng = false,
): Promise<CheckedInputs> {
  const image = (
    field: string,
    body: ImageBody | undefined,
    model: ModelSpec | undefined,
  ): Promise<CheckedImage | undefined> =>
    checkImage(services, caller, field, body, model && imageRules(model, acceptsBarePng), errors);
  const spec = parsed?.spec;
  const firstFrame = parsed?.request.firstFrame;
  const imageModel = firstFrame && findModel(services.catalogue, firstFrame.model, firstFrame.provider);
  const referenceImages = await Promise.all(
    given.referenceImages.map((body, n) => image(`referenceImages.${n}.image`, body, spec)),
  );
  const video = (
    field: string,
    body: VideoBody | undefined,
    bytesMax?: number,
  ): Promise<StoredVideo | undefined> => checkVideo(services, caller, field, body, bytesMax, errors);
  const referenceVideos = await Promise.all(
    given.referenceVideos.map((body, n) =>
      video(`referenceVideos.${n}.video`, body, spec?.referenceVideos?.bytesMax),
    ),
  );
  return {
    image: await image('image', given.image, spec),
    lastFrame: await image('lastFrame', given.lastFrame, spec),
    referenceImages: referenceImages.filter((each) => each !== undefined),
    firstFrameImage: await image('firstFrame.image', given.firstFrameImage, imageModel),
    referenceVideos: referenceVideos.filter((each) => each !== undefined),
    video: await video('video', given.video),
    previousJob:
      given.previousJob === undefined
        ? undefined
        : await previousTurnOf(services, caller, given.previousJob, errors),
  };
}

/** The memory that an image takes while it is copied without what follows it. */
const COPY_PART_BYTES = 1024 * 1024;

/**
 * Stores inline images in the input bucket, under the job's id, and copies images that were requested by generation: a
 * job may wait for hours, and the object may be replaced meanwhile. A model gets the image alone: where other bytes
 * follow it in an object, the copy ends with the image.
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
    const { gcsUri, generation, imageBytes } = image;
    const name = nameOf(gcsUri, generation);
    const copyOf = `${gcsUri}#${generation}`;
    if (imageBytes === undefined)
      return { gcsUri: await services.inputs.copyOnce(gcsUri, generation, name), mimeType, copyOf };
    const body = Readable.from(partsOf(services, image, imageBytes));
    await services.inputs.writeOnce(name, mimeType, body);
    return { gcsUri: `gs://${services.inputs.bucket}/${name}`, mimeType, copyOf };
  };
  const referenceImages = await Promise.all(
    checked.referenceImages.map((image, n) => store(`referenceImages.${n}`, image)),
  );
  return {
    image: await store('image', checked.image),
    lastFrame: await store('lastFrame', checked.lastFrame),
    referenceImages: referenceImages.filter((each) => each !== undefined),
    firstFrameImage: await store('firstFrame', checked.firstFrameImage),
    referenceVideos: checked.referenceVideos,
    video: checked.video,
    previousJob: checked.previousJob,
  };
}

/** The first `imageBytes` bytes of an object. */
async function* partsOf(
  { inputs }: Services,
  { gcsUri, generation }: ImageToCopy,
  imageBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < imageBytes; at += COPY_PART_BYTES)
    yield await inputs.readRange(gcsUri, at, Math.min(at + COPY_PART_BYTES, imageBytes) - 1, generation);
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

type ImageRules = Pick<GivenImage<ImageMimeType>, 'model' | 'accepts' | 'acceptsBarePng'>;

const imageRules = ({ model, imageMimeTypes }: ModelSpec, acceptsBarePng: boolean): ImageRules => ({
  model,
  accepts: imageMimeTypes,
  acceptsBarePng,
});

/** @param rules undefined if the model is unknown: then only the source of the image is checked, not its content */
async function checkImage(
  services: Services,
  caller: string,
  field: string,
  body: ImageBody | undefined,
  rules: ImageRules | undefined,
  errors: FieldError[],
): Promise<CheckedImage | undefined> {
  if (!body) return undefined;
  const checked =
    'bytesBase64Encoded' in body
      ? await checkInline(body, rules)
      : await checkObject(services, caller, body, rules);
  if (!checked || !('detail' in checked)) return checked;
  errors.push({ field: `${field}.${checked.field}`, detail: checked.detail });
  return undefined;
}

async function checkInline(
  { bytesBase64Encoded, mimeType: declared }: Extract<ImageBody, { bytesBase64Encoded: string }>,
  rules: ImageRules | undefined,
): Promise<InlineImage | FieldError | undefined> {
  const field = 'bytesBase64Encoded';
  const decoded = decodeBase64(bytesBase64Encoded);
  if ('fault' in decoded) return { field, detail: decoded.fault };
  if (!rules) return undefined;
  const { bytes } = decoded;
  const read = async (start: number, end: number): Promise<Uint8Array> => bytes.subarray(start, end + 1);
  const image = await readImage({ sizeBytes: bytes.length, read, declared, ...rules });
  if ('fault' in image) return { field, detail: image.fault };
  return { bytes: bytes.subarray(0, image.sizeBytes), mimeType: image.mimeType };
}

/** An object that is replaced so often while it is read is written to without end. */
const REPLACEMENTS_MAX = 5;

async function checkObject(
  services: Services,
  caller: string,
  body: Extract<ImageBody, { gcsUri: string }>,
  rules: ImageRules | undefined,
): Promise<StoredImage | ImageToCopy | FieldError | undefined> {
  const field = 'gcsUri';
  const { gcsUri, generation } = body;
  if (!mayRead(services, caller, gcsUri)) return { field, detail: NOT_READABLE };
  for (let replacements = 0; ; replacements++) {
    const object = await services.inputs.head(gcsUri, generation);
    if (!object && generation !== undefined) {
      const detail = `is ${generation}, which no longer exists: ${gcsUri} was replaced or deleted. Upload the image again.`;
      return { field: 'generation', detail };
    }
    if (!object) return { field, detail: `is ${gcsUri}, which does not exist.` };
    if (!rules) return undefined;
    try {
      return await checkGeneration(services, body, object, rules);
    } catch (error) {
      if (!(error instanceof ObjectMissingError) || replacements >= REPLACEMENTS_MAX) throw error;
    }
  }
}

async function checkGeneration(
  { inputs }: Services,
  { gcsUri, mimeType: declared, generation }: Extract<ImageBody, { gcsUri: string }>,
  object: InputObject,
  rules: ImageRules,
): Promise<StoredImage | ImageToCopy | FieldError> {
  const image = await readStoredImage(inputs, { gcsUri, ...object }, { declared, ...rules });
  if ('fault' in image) return { field: 'gcsUri', detail: image.fault };
  const { mimeType, sizeBytes } = image;
  if (sizeBytes < object.bytes)
    return { gcsUri, mimeType, generation: generation ?? object.generation, imageBytes: sizeBytes };
  return generation === undefined ? { gcsUri, mimeType } : { gcsUri, mimeType, generation };
}

async function checkVideo(
  services: Services,
  caller: string,
  field: string,
  body: VideoBody | undefined,
  bytesMax: number | undefined,
  errors: FieldError[],
): Promise<StoredVideo | undefined> {
  if (!body) return undefined;
  if ('job' in body) return earlierVideo(services, caller, field, body, errors);
  const { gcsUri, mimeType } = body;
  if (!mayRead(services, caller, gcsUri)) {
    errors.push({ field: `${field}.gcsUri`, detail: NOT_READABLE });
    return undefined;
  }
  const object = await services.inputs.head(gcsUri);
  if (!object) {
    errors.push({ field: `${field}.gcsUri`, detail: `is ${gcsUri}, which does not exist.` });
    return undefined;
  }
  if (bytesMax !== undefined && object.bytes > bytesMax) {
    const detail =
      `is ${gcsUri}, which has ${object.bytes} bytes; a reference video may have ${bytesMax}. ` +
      'Encode it smaller.';
    errors.push({ field: `${field}.gcsUri`, detail });
    return undefined;
  }
  const read = (start: number, end: number): Promise<Uint8Array> =>
    services.inputs.readRange(gcsUri, start, end);
  const info = await mp4Info(object.bytes, read);
  if (info) return { gcsUri, mimeType, ...info, ...shapeOf(info) };
  const head = object.bytes === 0 ? new Uint8Array() : await read(0, FILE_KIND_BYTES - 1);
  const { name, format } = fileKindOf(head);
  const found = format === 'mp4' || format === 'unknown' ? '' : `: it is ${name}`;
  errors.push({
    field: `${field}.gcsUri`,
    detail: `is ${gcsUri}, which is not an MP4 file with a duration${found}. Convert it to MP4.`,
  });
  return undefined;
}
