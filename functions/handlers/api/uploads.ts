/** `POST /v1/uploads`: returns a link to upload one input that is too large for a request, and its `gs://` URI. */
import { z } from 'zod';
import { IMAGE_EXTENSIONS, IMAGE_MIME_TYPES, VIDEO_MIME_TYPE } from '../../core/catalogue/vocabulary.ts';
import type { Services } from '../../ports.ts';
import { parseAs } from '../http/parse-as.ts';
import { callerFolder } from '../job/inputs.ts';

const EXTENSIONS = { ...IMAGE_EXTENSIONS, [VIDEO_MIME_TYPE]: 'mp4' } as const;

const bodySchema = z.strictObject({ mimeType: z.enum([...IMAGE_MIME_TYPES, VIDEO_MIME_TYPE]) });

const WORDS = { what: 'an upload', example: '{"mimeType": "image/png"}' };

export interface Upload {
  /** PUT the bytes here, with these headers, until `expiresAt`. */
  readonly url: string;
  readonly headers: { readonly 'content-type': string };
  readonly expiresAt: string;
  /** The URI to use in a request after the upload. */
  readonly gcsUri: string;
  readonly mimeType: string;
}

/** @throws ProblemError 400 for a body that is not `{mimeType}` of an input type */
export async function createUpload(services: Services, caller: string, body: unknown): Promise<Upload> {
  const { clock, ids, inputs, settings } = services;
  const { mimeType } = parseAs(bodySchema, body, WORDS);
  const name = `${callerFolder(services, caller)}${ids.newAttemptId().replace('att_', 'upl_')}.${EXTENSIONS[mimeType]}`;
  const ttlMs = settings.signedUrlTtlMs;
  return {
    url: await inputs.signedPutUrl(name, mimeType, ttlMs),
    headers: { 'content-type': mimeType },
    expiresAt: new Date(clock.now() + ttlMs).toISOString(),
    gcsUri: `gs://${inputs.bucket}/${name}`,
    mimeType,
  };
}
