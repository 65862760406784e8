/** A client for the deployment's own API. */
import { z } from 'zod';

const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  request: z.object({ model: z.string() }),
  createdAt: z.string(),
  finishedAt: z.string().optional(),
  priceUsd: z.object({ estimate: z.number(), charged: z.number(), unknown: z.number() }),
  videos: z
    .array(z.object({ uri: z.string(), bytes: z.number(), contentType: z.string(), href: z.string() }))
    .optional(),
  error: z.object({ code: z.string(), message: z.string(), charged: z.string() }).optional(),
});
export type JobAnswer = z.infer<typeof jobSchema>;

const modelsSchema = z.object({
  models: z.array(
    z.object({
      kind: z.string(),
      provider: z.string(),
      model: z.string(),
      stage: z.string(),
      requestsPerMinute: z.number(),
      locations: z.array(z.string()),
      pricePerImageUsd: z.number().optional(),
      pricePerSecondUsd: z
        .record(z.string(), z.object({ withAudio: z.number(), silent: z.number() }))
        .optional(),
    }),
  ),
});
export type ModelsAnswer = z.infer<typeof modelsSchema>;

const uploadSchema = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  gcsUri: z.string(),
});

/** The API refused the request. */
class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ClapperApi {
  readonly url: string;
  /** Any request to a path of the API, with the caller's token. Redirects are returned. */
  readonly send: (path: string, init?: RequestInit) => Promise<Response>;
  readonly models: () => Promise<ModelsAnswer>;
  /** In US dollars. @throws RefusedError */
  readonly estimateUsd: (body: unknown) => Promise<number>;
  /** Pays. The same key gives the same job. @throws RefusedError */
  readonly createJob: (body: unknown, idempotencyKey: string) => Promise<JobAnswer>;
  /** Returns the job after at most `seconds`, or as soon as it has finished. */
  readonly waitForJob: (id: string, seconds: number) => Promise<JobAnswer>;
  /** Returns the job after the cancellation, or as it is if it had finished. */
  readonly cancelJob: (id: string) => Promise<JobAnswer>;
  readonly createUpload: (mimeType: string) => Promise<z.infer<typeof uploadSchema>>;
}

export interface ClapperApiOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** A Google-signed ID token of a caller. */
  readonly idToken: () => Promise<string>;
  readonly sleep: (ms: number) => Promise<void>;
}

/** `api` has 240 s for a request. */
const TIMEOUT_MS = 250_000;
/** How often a request that is safe to repeat is sent while the connection fails. */
const TRIES = 4;

export function createClapperApi({ url, fetch, idToken, sleep }: ClapperApiOptions): ClapperApi {
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    return fetch(`${url}${path}`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
      headers: {
        authorization: `Bearer ${await idToken()}`,
        ...(typeof init.body === 'string' ? { 'content-type': 'application/json' } : {}),
        ...init.headers,
      },
    });
  };
  const read = async <T>(schema: z.ZodType<T>, path: string, init?: RequestInit): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        const response = await send(path, init);
        if (response.ok) return parsed(schema, path, await response.text());
        if (response.status < 500 || tries >= TRIES) throw await refusal(path, response);
        await response.body?.cancel();
      } catch (error) {
        if (error instanceof RefusedError || tries >= TRIES) throw error;
      }
      await sleep(2000 * tries);
    }
  };
  const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  });
  const waitForJob = (id: string, seconds: number): Promise<JobAnswer> =>
    read(jobSchema, `/v1/jobs/${id}`, { headers: { prefer: `wait=${seconds}` } });
  return {
    url,
    send,
    models: () => read(modelsSchema, '/v1/models'),
    estimateUsd: async (body) =>
      (await read(z.object({ priceUsd: z.number() }), '/v1/estimates', post(body))).priceUsd,
    createJob: (body, idempotencyKey) =>
      read(jobSchema, '/v1/jobs', post(body, { 'idempotency-key': idempotencyKey })),
    waitForJob,
    cancelJob: async (id) => {
      const response = await send(`/v1/jobs/${id}/cancel`, { method: 'POST' });
      await response.body?.cancel();
      return waitForJob(id, 0);
    },
    createUpload: (mimeType) => read(uploadSchema, '/v1/uploads', post({ mimeType })),
  };
}

/** @throws RefusedError for an answer that Clapper's API does not give */
function parsed<T>(schema: z.ZodType<T>, path: string, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RefusedError(200, `${path}: the answer is not JSON. Is this Clapper's API?`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
  throw new RefusedError(200, `${path}: the answer has another form than Clapper's (${fields}).`);
}

async function refusal(path: string, response: Response): Promise<RefusedError> {
  const text = await response.text();
  let words = text.replaceAll(/\s+/g, ' ').slice(0, 300);
  try {
    const { title, detail }: { title?: unknown; detail?: unknown } = JSON.parse(text);
    if (typeof title === 'string') words = `${title}: ${String(detail)}`;
  } catch {
    // Not Clapper's answer but Cloud Run's, in HTML.
  }
  return new RefusedError(response.status, `${path}: HTTP ${response.status} ${words}`);
}
