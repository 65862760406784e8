/** Validates and parses the body of an interaction. `omni-settings.ts` checks the limits of the model. */
import { z } from 'zod';
import type { Surface } from '../catalogue.ts';
import { fieldViolation, fileRefusal, invalid, refuse } from '../http/google-error.ts';
import { OMNI_TASKS, type OmniTask, type Webhook } from '../operation/interaction.ts';
import { parseGsUri } from '../operation/object-store.ts';
import { checkLabels, decodeBase64, type MediaSource } from '../operation/predict-request.ts';
import type { OmniResolution } from './omni-catalogue.ts';

export interface InteractionRequest {
  readonly model: string;
  /** All texts of the input, joined by newlines. */
  readonly prompt: string;
  readonly images: readonly MediaSource[];
  readonly videos: readonly MediaSource[];
  readonly isBackground: boolean;
  readonly isStored: boolean;
  readonly previousId: string | undefined;
  readonly format: VideoFormat;
  readonly seed: number | undefined;
  readonly task: OmniTask | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly webhook: Webhook | undefined;
}

export interface VideoFormat {
  readonly aspectRatio: '16:9' | '9:16' | undefined;
  readonly resolution: OmniResolution | undefined;
  readonly durationSeconds: number | undefined;
  readonly delivery: 'inline' | 'uri' | undefined;
  readonly gcsUri: string | undefined;
}

const media = {
  data: z.string().optional(),
  uri: z.string().optional(),
  mime_type: z.string().optional(),
};
const content = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.literal('image'), ...media }),
  z.strictObject({ type: z.literal('video'), ...media }),
]);
type MediaContent = Exclude<z.infer<typeof content>, { type: 'text' }>;

/** A string or a single part is equivalent to a list of one part. */
const input = z.preprocess((value) => {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return value === undefined || Array.isArray(value) ? value : [value];
}, z.array(content).min(1));

const videoFormat = z.strictObject({
  type: z.literal('video'),
  aspect_ratio: z.enum(['16:9', '9:16']).optional(),
  resolution: z.enum(['360p', '720p', '1080p', '4k']).optional(),
  duration: z
    .string()
    .regex(/^\d+(\.0+)?s$/, 'must be whole seconds, such as "8s"')
    .optional(),
  delivery: z.enum(['inline', 'uri']).optional(),
  gcs_uri: z.string().optional(),
});

const body = z.strictObject({
  model: z.string().min(1),
  input,
  background: z.boolean().optional(),
  store: z.boolean().optional(),
  stream: z.literal(false, 'this simulation does not stream').optional(),
  previous_interaction_id: z.string().min(1).optional(),
  response_format: z
    .preprocess((value) => (Array.isArray(value) && value.length === 1 ? value[0] : value), videoFormat)
    .optional(),
  generation_config: z
    .strictObject({
      seed: z.int32().optional(),
      video_config: z.strictObject({ task: z.enum(OMNI_TASKS).optional() }).optional(),
    })
    .optional(),
  labels: z.record(z.string(), z.string()).optional(),
  webhook_config: z
    .strictObject({
      uris: z.array(z.url({ protocol: /^https?$/ })).optional(),
      user_metadata: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

/** @throws GoogleError that names the field */
export function parseInteractionRequest(host: Surface, value: unknown): InteractionRequest {
  const parsed = body.safeParse(value);
  if (!parsed.success) return refuseIssue(parsed.error);
  const request = parsed.data;
  checkLabels(request.labels);
  if (host === 'vertex' && request.webhook_config !== undefined) {
    return invalid('webhook_config is not supported on this endpoint.');
  }
  const format = request.response_format;
  const texts = request.input.filter((part) => part.type === 'text');
  const sources = (type: MediaContent['type']): MediaSource[] =>
    request.input.flatMap((part, i) => (part.type === type ? [toSource(host, part, `input[${i}]`)] : []));
  return {
    model: request.model,
    prompt: texts.map((part) => part.text).join('\n'),
    images: sources('image'),
    videos: sources('video'),
    isBackground: request.background ?? false,
    isStored: request.store ?? true,
    previousId: request.previous_interaction_id,
    format: {
      aspectRatio: format?.aspect_ratio,
      resolution: format?.resolution,
      durationSeconds: format?.duration === undefined ? undefined : Number.parseInt(format.duration, 10),
      delivery: format?.delivery,
      gcsUri: format?.gcs_uri,
    },
    seed: request.generation_config?.seed,
    task: request.generation_config?.video_config?.task,
    labels: request.labels,
    webhook: toWebhook(request.webhook_config),
  };
}

function toWebhook(config: z.infer<typeof body>['webhook_config']): Webhook | undefined {
  if (config?.uris === undefined || config.uris.length === 0) return undefined;
  return { uris: config.uris, userMetadata: config.user_metadata ?? null };
}

function refuseIssue(error: z.ZodError): never {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text && '.'}${String(key)}`),
    '',
  );
  if (issue?.code === 'unrecognized_keys') {
    const place = path === '' ? '' : ` at '${path}'`;
    const message = `Invalid JSON payload received. Unknown name "${issue.keys[0]}"${place}: Cannot find field.`;
    return invalid(message, [fieldViolation(path, message)]);
  }
  const message = issue?.message.endsWith('received undefined')
    ? `'${path}' is required.`
    : `Invalid value at '${path}': ${issue?.message}`;
  return invalid(message, [fieldViolation(path, message)]);
}

function toSource(host: Surface, part: MediaContent, field: string): MediaSource {
  const { data, uri } = part;
  if ((data === undefined) === (uri === undefined)) {
    return invalid(`'${field}' needs exactly one of data, uri.`);
  }
  if (data !== undefined) {
    const mimeType = part.mime_type ?? invalid(`'${field}.mime_type' is required.`);
    return { kind: 'inline', field, bytes: decodeBase64(data, `${field}.data`), mimeType };
  }
  return host === 'vertex' ? toObject(part, uri ?? '', field) : toFile(part, uri ?? '', field);
}

function toObject(part: MediaContent, uri: string, field: string): MediaSource {
  const location = parseGsUri(uri);
  if (location === undefined || location.name === '') {
    return invalid(`Invalid value at '${field}.uri': must be gs://BUCKET/OBJECT.`);
  }
  const mimeType = part.mime_type ?? (part.type === 'video' ? 'video/mp4' : imageTypeOf(location.name));
  return { kind: 'gcs', field, uri, location, mimeType };
}

/** The image type by file extension; empty when the extension is unknown: then `mime_type` is required. */
function imageTypeOf(name: string): string {
  if (/\.jpe?g$/i.test(name)) return 'image/jpeg';
  return /\.png$/i.test(name) ? 'image/png' : '';
}

/** The simulated Files API contains generated videos only. */
function toFile(part: MediaContent, uri: string, field: string): MediaSource {
  const fileId = /\/?files\/([a-z0-9]+)/.exec(uri)?.[1];
  if (fileId === undefined) return invalid(`Invalid value at '${field}.uri': must be the URI of a file.`);
  if (part.type === 'image') return refuse('PERMISSION_DENIED', fileRefusal(fileId));
  return { kind: 'file', field, fileId };
}
