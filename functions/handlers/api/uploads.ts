/** `POST /v1/uploads`: a link to put one input that is too large for a request, and the name by which to use it. */
import { z } from 'zod';
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { callerFolder } from '../job/inputs.ts';

const EXTENSIONS = { 'image/png': 'png', 'image/jpeg': 'jpg', 'video/mp4': 'mp4' } as const;

const bodySchema = z.strictObject({ mimeType: z.enum(['image/png', 'image/jpeg', 'video/mp4']) });

export interface Upload {
  /** PUT the bytes here, with these headers, until `expiresAt`. */
  readonly url: string;
  readonly headers: { readonly 'content-type': string };
  readonly expiresAt: string;
  /** The name to use in a request once the bytes are there. */
  readonly gcsUri: string;
  readonly mimeType: string;
}

/** @throws ProblemError 400 for anything but a type that can be an input */
export async function createUpload(services: Services, caller: string, body: unknown): Promise<Upload> {
  const { clock, ids, inputs, settings } = services;
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) {
    throw invalidRequest(
      parsed.error.issues.map((issue) => ({
        field: issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue.path.join('.'),
        detail: 'An upload is {mimeType}, one of image/png, image/jpeg and video/mp4.',
      })),
    );
  }
  const { mimeType } = parsed.data;
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
