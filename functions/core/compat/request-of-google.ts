/**
 * Translates a request as Google's documents write it into one of our own. Every change is noted in a sentence. Where
 * the running model takes a value otherwise than the requested model, and there is one sensible mapping, it is applied
 * here. All other values pass as they are; `request.ts` refuses them by name where the model does not take them.
 */
import { limitsIn } from '../catalogue/catalogue.ts';
import { GOOGLE_SETTINGS, type GoogleForm, MODEL_SETTINGS } from '../catalogue/model-settings.ts';
import type { Mode } from '../catalogue/vocabulary.ts';
import { defined } from '../defined.ts';
import type { CompatOrigin } from '../job/video-request.ts';
import { invalidRequest } from '../problem.ts';
import { type GoogleBody, type GoogleImage, type GoogleVideo, parseGoogleBody } from './google-body.ts';
import type { RunningVideoModel } from './models.ts';
import { folderOf, type VideoRef, videoOfFileUri } from './names.ts';

/** A video as the request names it. The handler looks up who made it and whether it exists. */
export type RequestedVideo =
  | ({ readonly kind: 'file' } & VideoRef)
  | { readonly kind: 'object'; readonly gcsUri: string }
  | { readonly kind: 'bytes'; readonly bytesBase64Encoded: string };

export interface MappedRequest {
  /** Our own body, without its video. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly video: RequestedVideo | undefined;
  readonly deliverTo: string | undefined;
  readonly changes: readonly string[];
}

export interface ModelRequest {
  readonly surface: CompatOrigin['surface'];
  /** The model that the path names. */
  readonly model: string;
  readonly running: RunningVideoModel;
}

/** @throws ProblemError 400 that names every invalid field */
export function requestOfGoogle(raw: unknown, requested: ModelRequest): MappedRequest {
  const google = parseGoogleBody(raw);
  const [instance = {}] = google.instances;
  const parameters = google.parameters ?? {};
  const changes: string[] = [];
  const note = (text: string): void => {
    changes.push(text);
  };
  const { spec, aliasOf, provider } = requested.running;
  if (aliasOf)
    note(`model: ${requested.model} was retired on ${aliasOf.retiredOn}; ${spec.model} runs in its place.`);
  checkSurface(google, requested.surface);
  if (google.webhookConfig) note('webhookConfig: is ignored; poll the operation.');
  const durationSeconds = durationOf(
    numberOf('durationSeconds', parameters.durationSeconds, note),
    google,
    requested,
    note,
  );
  const sampleCount = countOf(
    numberOf('sampleCount', parameters.sampleCount, note),
    numberOf('numberOfVideos', parameters.numberOfVideos, note),
  );
  const settings = settingsOf(parameters, note);
  const { prompt, image, lastFrame, referenceImages } = instance;
  const body = {
    model: requested.model,
    provider,
    prompt,
    image: image && imageOf(image),
    lastFrame: lastFrame && imageOf(lastFrame),
    referenceImages: referenceImages?.map((reference) => ({ ...reference, image: imageOf(reference.image) })),
    durationSeconds,
    sampleCount,
    ...settings,
    generateAudio: audioOf(settings['generateAudio'], requested, note),
    personGeneration: peopleOf(parameters.personGeneration, requested, note),
    labels: google.labels,
  };
  return {
    body: Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)),
    video: instance.video && videoOf(instance.video),
    deliverTo: parameters.storageUri === undefined ? undefined : folderOf(parameters.storageUri),
    changes,
  };
}

/** The settings of `parameters`, in the types of our own request. */
const settingsOf = (parameters: Parameters, note: Note): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    GOOGLE_SETTINGS.map((name) => [name, readAs(MODEL_SETTINGS[name].google, name, parameters[name], note)]),
  );

function readAs(form: GoogleForm, field: string, given: unknown, note: Note): unknown {
  if (typeof given !== 'string') return given;
  switch (form) {
    case 'number':
      return numberOf(field, given, note);
    case 'boolean': {
      const value = given === 'true' || given === 'yes';
      note(`parameters.${field}: the string "${given}" was read as ${value}.`);
      return value;
    }
    case 'word':
      return given.toLowerCase();
    case 'text':
      return given;
  }
}

function numberOf(field: string, given: string | number | undefined, note: Note): number | undefined {
  if (typeof given !== 'string') return given;
  const value = Number.parseInt(given, 10);
  note(`parameters.${field}: the string "${given}" was read as ${value}.`);
  return value;
}

type Note = (text: string) => void;
type Parameters = NonNullable<GoogleBody['parameters']>;

/** Refuses fields that only the other surface has. */
function checkSurface({ parameters, webhookConfig }: GoogleBody, surface: CompatOrigin['surface']): void {
  if (surface === 'developer' && parameters?.storageUri !== undefined) {
    const detail = 'is not taken by the Developer API; download the videos from the URIs in the response.';
    throw invalidRequest([{ field: 'parameters.storageUri', detail }]);
  }
  if (surface === 'vertex' && webhookConfig) {
    const detail = 'is not taken by Vertex AI; poll the operation.';
    throw invalidRequest([{ field: 'webhookConfig', detail }]);
  }
}

/** `numberOfVideos` is another name of `sampleCount`. */
function countOf(sampleCount: number | undefined, numberOfVideos: number | undefined): number | undefined {
  if (sampleCount === undefined || numberOfVideos === undefined) return sampleCount ?? numberOfVideos;
  if (sampleCount === numberOfVideos) return sampleCount;
  const detail = `is ${numberOfVideos}; sampleCount, which means the same, is ${sampleCount}. Give one of them.`;
  throw invalidRequest([{ field: 'parameters.numberOfVideos', detail }]);
}

/**
 * For a duration that only the retired model took: the running model's next longer one, so that no requested second is
 * missing. The job shows the price. The values of a live model pass as they are.
 */
function durationOf(
  requested: number | undefined,
  { instances }: GoogleBody,
  { running: { spec, tookSeconds = [] } }: ModelRequest,
  note: Note,
): number | undefined {
  const [instance] = instances;
  if (requested === undefined) return undefined;
  if (instance?.video) {
    // Google's documents send 8 with an extension that adds 7 s.
    if (spec.extension?.durationIsSent !== false || (requested !== 7 && requested !== 8)) return requested;
    const adds = spec.extension.defaultAddsSeconds;
    if (requested !== adds) note(`parameters.durationSeconds: is ${requested}; an extension adds ${adds} s.`);
    return undefined;
  }
  const allowed = limitsIn(spec, modeOfInstance(instance)).durationsSeconds;
  if (allowed.includes(requested) || !tookSeconds.includes(requested)) return requested;
  const longer = allowed.find((seconds) => seconds > requested);
  if (longer === undefined) return requested;
  note(
    `parameters.durationSeconds: ${requested} became ${longer}; ${spec.model} makes ${allowed.join(', ')} s.`,
  );
  return longer;
}

const modeOfInstance = (instance: GoogleBody['instances'][number] | undefined): Mode => {
  if ((instance?.referenceImages?.length ?? 0) > 0) return 'references';
  if (instance?.lastFrame) return 'firstLast';
  return instance?.image ? 'image' : 'text';
};

/** Veo 2 was silent. A request for it expects silence and its price. */
function audioOf(
  requested: unknown,
  { model, running: { spec, aliasOf } }: ModelRequest,
  note: Note,
): unknown {
  if (requested !== undefined || !aliasOf || !model.startsWith('veo-2.') || !spec.takes.has('generateAudio'))
    return requested;
  note(`parameters.generateAudio: false, because ${model} made no sound.`);
  return false;
}

/**
 * Vertex's first document wrote `disallow`. Google's SDKs also send the values in upper case. The Developer API required
 * `allow_all` for every text; on Vertex only projects on a list of Google's may send it.
 */
function peopleOf(
  given: string | undefined,
  { surface, running }: ModelRequest,
  note: Note,
): string | undefined {
  const requested = given?.toLowerCase();
  if (requested === 'disallow') {
    note(`parameters.personGeneration: ${given} became dont_allow.`);
    return 'dont_allow';
  }
  if (
    requested === 'allow_all' &&
    surface === 'developer' &&
    running.aliasOf &&
    running.spec.provider === 'vertex'
  ) {
    note(
      `parameters.personGeneration: ${given} became allow_adult, because ${running.spec.model} takes it only from ` +
        'projects on a list of Google. To send it, request the model by its own name.',
    );
    return 'allow_adult';
  }
  return requested;
}

/** Without a `mimeType` the content decides. */
function imageOf(image: GoogleImage): Record<string, unknown> {
  if ('gcsUri' in image) return image;
  if ('bytesBase64Encoded' in image) return image;
  const { data, mimeType } = image.inlineData;
  return { bytesBase64Encoded: data, ...defined({ mimeType }) };
}

function videoOf(video: GoogleVideo): RequestedVideo {
  if ('gcsUri' in video) return { kind: 'object', gcsUri: video.gcsUri };
  if ('inlineData' in video) return { kind: 'bytes', bytesBase64Encoded: video.inlineData.data };
  if ('encodedVideo' in video) return { kind: 'bytes', bytesBase64Encoded: video.encodedVideo };
  if ('bytesBase64Encoded' in video) return { kind: 'bytes', bytesBase64Encoded: video.bytesBase64Encoded };
  if (video.uri.startsWith('gs://')) return { kind: 'object', gcsUri: video.uri };
  const file = videoOfFileUri(video.uri);
  if (file) return { kind: 'file', ...file };
  const detail = `is '${video.uri}', which is not a video of this service; give one of its videos or a gs:// URI.`;
  throw invalidRequest([{ field: 'instances[0].video.uri', detail }]);
}
