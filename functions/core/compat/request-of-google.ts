/**
 * From a request as Google's documents write it to one of our own, with everything that becomes different on the way
 * said in a sentence. What the running model takes otherwise than the one that was asked for is mapped here where there
 * is one sensible way; the rest goes on as it is, to be refused by name (`request.ts`).
 */
import { limitsIn } from '../catalogue/catalogue.ts';
import type { Mode } from '../catalogue/vocabulary.ts';
import type { CompatOrigin } from '../job/video-request.ts';
import { invalidRequest } from '../problem.ts';
import { type GoogleBody, type GoogleImage, type GoogleVideo, parseGoogleBody } from './google-body.ts';
import type { RunningVideoModel } from './models.ts';
import { folderOf, type VideoRef, videoOfFileUri } from './names.ts';

/** A video as the request gives it; who made it, and whether it is there, takes a look. */
export type AskedVideo =
  | ({ readonly kind: 'file' } & VideoRef)
  | { readonly kind: 'object'; readonly gcsUri: string }
  | { readonly kind: 'bytes'; readonly bytesBase64Encoded: string };

export interface MappedRequest {
  /** Our own body, but for its video. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly video: AskedVideo | undefined;
  readonly deliverTo: string | undefined;
  readonly changes: readonly string[];
}

export interface Asked {
  readonly surface: CompatOrigin['surface'];
  /** As the path names it. */
  readonly model: string;
  readonly running: RunningVideoModel;
}

/** @throws ProblemError 400 naming every field that cannot be understood */
export function requestOfGoogle(raw: unknown, asked: Asked): MappedRequest {
  const google = parseGoogleBody(raw);
  const [instance = {}] = google.instances;
  const parameters = google.parameters ?? {};
  const changes: string[] = [];
  const note = (text: string): void => {
    changes.push(text);
  };
  const { spec, aliasOf, provider } = asked.running;
  if (aliasOf)
    note(`model: ${asked.model} was retired on ${aliasOf.retiredOn}; ${spec.model} runs in its place.`);
  checkSurface(google, asked.surface);
  if (google.webhookConfig) note('webhookConfig: nothing is sent there; poll the operation.');
  const number = (
    field: 'sampleCount' | 'numberOfVideos' | 'durationSeconds' | 'seed' | 'fps',
  ): number | undefined => {
    const given = parameters[field];
    if (typeof given !== 'string') return given;
    note(`parameters.${field}: the string "${given}" was read as ${Number.parseInt(given, 10)}.`);
    return Number.parseInt(given, 10);
  };
  const bool = (field: 'enhancePrompt' | 'generateAudio'): boolean | undefined => {
    const given = parameters[field];
    if (typeof given !== 'string') return given;
    note(`parameters.${field}: the string "${given}" was read as ${given === 'true' || given === 'yes'}.`);
    return given === 'true' || given === 'yes';
  };
  const { prompt, image, lastFrame, referenceImages } = instance;
  const { aspectRatio, resolution, negativePrompt, compressionQuality, resizeMode, pubsubTopic } = parameters;
  const body = {
    model: asked.model,
    provider,
    prompt,
    aspectRatio,
    negativePrompt,
    pubsubTopic,
    image: image && imageOf(image),
    lastFrame: lastFrame && imageOf(lastFrame),
    referenceImages: referenceImages?.map((reference) => ({ ...reference, image: imageOf(reference.image) })),
    resolution: resolution?.toLowerCase(),
    durationSeconds: durationOf(number('durationSeconds'), google, asked, note),
    sampleCount: countOf(number('sampleCount'), number('numberOfVideos')),
    seed: number('seed'),
    fps: number('fps'),
    enhancePrompt: bool('enhancePrompt'),
    generateAudio: audioOf(bool('generateAudio'), asked, note),
    personGeneration: peopleOf(parameters.personGeneration, asked, note),
    compressionQuality: compressionQuality?.toLowerCase(),
    resizeMode: resizeMode?.toLowerCase(),
    labels: google.labels,
  };
  return {
    body: Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)),
    video: instance.video && videoOf(instance.video),
    deliverTo: parameters.storageUri === undefined ? undefined : folderOf(parameters.storageUri),
    changes,
  };
}

type Note = (text: string) => void;

/** What only the other surface has is refused there too. */
function checkSurface({ parameters, webhookConfig }: GoogleBody, surface: CompatOrigin['surface']): void {
  if (surface === 'developer' && parameters?.storageUri !== undefined) {
    const detail = 'is not taken by the Developer API; its videos are downloaded by the URI in the response.';
    throw invalidRequest([{ field: 'parameters.storageUri', detail }]);
  }
  if (surface === 'vertex' && webhookConfig) {
    const detail = 'is not taken by Vertex AI; poll the operation.';
    throw invalidRequest([{ field: 'webhookConfig', detail }]);
  }
}

/** Two names of one number. */
function countOf(sampleCount: number | undefined, numberOfVideos: number | undefined): number | undefined {
  if (sampleCount === undefined || numberOfVideos === undefined) return sampleCount ?? numberOfVideos;
  if (sampleCount === numberOfVideos) return sampleCount;
  const detail = `is ${numberOfVideos}, and sampleCount, which is the same, is ${sampleCount}; give one of them.`;
  throw invalidRequest([{ field: 'parameters.numberOfVideos', detail }]);
}

/**
 * The running model's next longer duration, for one that the retired model took: nothing that was asked for is missing
 * then, and the price is in the job. A living model is asked for what it has, or refuses.
 */
function durationOf(
  asked: number | undefined,
  { instances }: GoogleBody,
  { running: { spec, tookSeconds = [] } }: Asked,
  note: Note,
): number | undefined {
  const [instance] = instances;
  if (asked === undefined) return undefined;
  if (instance?.video) {
    // Google wants 8 said of an extension that adds 7, and the sum of both is another number again.
    if (spec.extension?.durationIsSent !== false || (asked !== 7 && asked !== 8)) return asked;
    const adds = spec.extension.defaultAddsSeconds;
    if (asked !== adds) note(`parameters.durationSeconds: is ${asked}; an extension adds ${adds} s.`);
    return undefined;
  }
  const allowed = limitsIn(spec, modeOfInstance(instance)).durationsSeconds;
  if (allowed.includes(asked) || !tookSeconds.includes(asked)) return asked;
  const longer = allowed.find((seconds) => seconds > asked);
  if (longer === undefined) return asked;
  note(`parameters.durationSeconds: ${asked} became ${longer}; ${spec.model} makes ${allowed.join(', ')} s.`);
  return longer;
}

const modeOfInstance = (instance: GoogleBody['instances'][number] | undefined): Mode => {
  if ((instance?.referenceImages?.length ?? 0) > 0) return 'references';
  if (instance?.lastFrame) return 'firstLast';
  return instance?.image ? 'image' : 'text';
};

/** Veo 2 was silent, and who asked for it expects that, and its price. */
function audioOf(
  asked: boolean | undefined,
  { model, running: { spec, aliasOf } }: Asked,
  note: Note,
): boolean | undefined {
  if (asked !== undefined || !aliasOf || !model.startsWith('veo-2.') || !spec.takes.has('generateAudio'))
    return asked;
  note(`parameters.generateAudio: false, because ${model} made no sound.`);
  return false;
}

/**
 * Vertex's first document wrote `disallow`; Google's SDKs have the values in capitals too. And `allow_all`, which the
 * Developer API wanted said of every text, is on Vertex for projects that Google has put on a list.
 */
function peopleOf(given: string | undefined, { surface, running }: Asked, note: Note): string | undefined {
  const asked = given?.toLowerCase();
  if (asked === 'disallow') {
    note(`parameters.personGeneration: ${given} became dont_allow.`);
    return 'dont_allow';
  }
  if (
    asked === 'allow_all' &&
    surface === 'developer' &&
    running.aliasOf &&
    running.spec.provider === 'vertex'
  ) {
    note(
      `parameters.personGeneration: ${given} became allow_adult, because ${running.spec.model} takes it of ` +
        'projects on a list of Google only. Ask for the model by its own name to have it sent.',
    );
    return 'allow_adult';
  }
  return asked;
}

function imageOf(image: GoogleImage): Record<string, unknown> {
  if ('gcsUri' in image) {
    const guessed = /\.jpe?g$/i.test(image.gcsUri) ? 'image/jpeg' : 'image/png';
    return { gcsUri: image.gcsUri, mimeType: mimeTypeOf(image.mimeType) ?? guessed };
  }
  const { data, mimeType } =
    'inlineData' in image ? image.inlineData : { data: image.bytesBase64Encoded, mimeType: image.mimeType };
  // The first bytes of a JPEG; a picture that is neither is refused for what it holds.
  const guessed = data.startsWith('/9j/') ? 'image/jpeg' : 'image/png';
  return { bytesBase64Encoded: standardBase64(data), mimeType: mimeTypeOf(mimeType) ?? guessed };
}

const mimeTypeOf = (given: string | undefined): string | undefined =>
  given?.toLowerCase() === 'image/jpg' ? 'image/jpeg' : given?.toLowerCase();

/** Some clients write the alphabet for URLs, and leave the padding out. */
function standardBase64(text: string): string {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return standard.length % 4 === 0 ? standard : standard.padEnd(Math.ceil(standard.length / 4) * 4, '=');
}

function videoOf(video: GoogleVideo): AskedVideo {
  if ('gcsUri' in video) return { kind: 'object', gcsUri: video.gcsUri };
  if ('inlineData' in video)
    return { kind: 'bytes', bytesBase64Encoded: standardBase64(video.inlineData.data) };
  if ('encodedVideo' in video)
    return { kind: 'bytes', bytesBase64Encoded: standardBase64(video.encodedVideo) };
  if ('bytesBase64Encoded' in video)
    return { kind: 'bytes', bytesBase64Encoded: standardBase64(video.bytesBase64Encoded) };
  if (video.uri.startsWith('gs://')) return { kind: 'object', gcsUri: video.uri };
  const file = videoOfFileUri(video.uri);
  if (file) return { kind: 'file', ...file };
  const detail = `is '${video.uri}', which is no video of this service; only those can be extended.`;
  throw invalidRequest([{ field: 'instances[0].video.uri', detail }]);
}
