/** A client for the part of the HTTP API that `npm run generate` uses. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { crc32c } from '../shared/crc32.ts';

const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  request: z.object({ model: z.string(), retiredOn: z.string().optional() }),
  createdAt: z.string(),
  finishedAt: z.string().optional(),
  progress: z.object({ elapsedMs: z.number(), expectedRemainingMs: z.number() }).optional(),
  priceUsd: z.object({ estimate: z.number(), charged: z.number(), unknown: z.number() }),
  attempts: z.array(
    z.object({
      state: z.string(),
      submittedAt: z.string(),
      endedAt: z.string().optional(),
      polls: z.number(),
    }),
  ),
  videos: z
    .array(
      z.object({
        uri: z.string(),
        bytes: z.number(),
        crc32c: z.string(),
        durationSeconds: z.number().optional(),
        href: z.string(),
      }),
    )
    .optional(),
  filtered: z.object({ count: z.number(), reasons: z.array(z.string()) }).optional(),
  error: z.object({ code: z.string(), message: z.string(), charged: z.string() }).optional(),
});
export type JobAnswer = z.infer<typeof jobSchema>;
export type VideoAnswer = NonNullable<JobAnswer['videos']>[number];

export const isFinished = ({ status }: JobAnswer): boolean =>
  ['succeeded', 'failed', 'cancelled'].includes(status);

/** The service rejected the request. `message` is the title and the detail of its response. */
export class RefusedError extends Error {}

export class JobClient {
  readonly #api: string;

  constructor(api: string) {
    this.#api = api;
  }

  /** The estimated price in US dollars. @throws RefusedError when the request is invalid */
  async estimateUsd(body: unknown): Promise<number> {
    const response = await fetch(`${this.#api}/v1/estimates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw refusal(answer, response);
    return read(z.object({ priceUsd: z.number() }), answer, response).priceUsd;
  }

  /** @throws RefusedError when the request is invalid */
  async create(body: unknown, idempotencyKey: string): Promise<JobAnswer> {
    const response = await fetch(`${this.#api}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
    });
    return jobOf(response);
  }

  /** Returns the job after at most `seconds`, or as soon as it finishes. */
  async wait(id: string, seconds: number): Promise<JobAnswer> {
    return jobOf(await fetch(`${this.#api}/v1/jobs/${id}`, { headers: { prefer: `wait=${seconds}` } }));
  }

  /** Downloads a video to `<file>.part` and renames it only when its CRC-32C matches that of the stored object. */
  async download(video: VideoAnswer, file: string): Promise<void> {
    const response = await fetch(`${this.#api}${video.href}`);
    if (!response.ok || !response.body)
      throw new Error(`The download of ${video.uri} failed: HTTP ${response.status}.`);
    await mkdir(path.dirname(file), { recursive: true });
    let checksum = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        checksum = crc32c(chunk, checksum);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), check, createWriteStream(`${file}.part`));
    const base64 = Buffer.alloc(4);
    base64.writeUInt32BE(checksum);
    if (base64.toString('base64') !== video.crc32c)
      throw new Error(`${file}.part does not match ${video.uri}: its CRC-32C differs. Download it again.`);
    await rename(`${file}.part`, file);
  }
}

async function jobOf(response: Response): Promise<JobAnswer> {
  const body: unknown = await response.json();
  if (response.ok) return read(jobSchema, body, response);
  throw refusal(body, response);
}

function refusal(body: unknown, response: Response): Error {
  const { title, detail } = read(z.object({ title: z.string(), detail: z.string() }), body, response);
  return new RefusedError(`${title}: ${detail}`);
}

/** @throws Error for an answer that Clapper's API does not give: another program listens there */
function read<T>(schema: z.ZodType<T>, answer: unknown, { url, status }: Response): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'the whole').join(', ');
  throw new Error(
    `${url} answered HTTP ${status} with something else than Clapper does (${fields}). Is it Clapper?`,
  );
}
