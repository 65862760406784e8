/** A client whose requests are all safe to repeat. It repeats each until it is answered. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { crc32c } from '../../infra/shared/crc32.ts';
import type { Endpoints } from '../../infra/stack/plan.ts';
import { OUTPUT_BUCKET } from '../../infra/stack/plan.ts';
import { type JobSeen, jobSchema, type ObjectSeen, type PaidCallSeen, paidCallSchema } from './evidence.ts';
import type { PlannedJob } from './workload.ts';

/** A restart takes two seconds, ten on a busy machine. A stack that is down for this long will not come back. */
const GIVE_UP_MS = 180_000;
const RETRY_PAUSE_MS = 150;
/** All of these requests are quick, so one without an answer was lost with a killed process. */
const ANSWER_TIMEOUT_MS = 20_000;

const jobsPage = z.object({ jobs: z.array(jobSchema), nextPageToken: z.string().optional() });
const objectsPage = z.object({
  items: z.array(z.object({ name: z.string(), updated: z.string() })).default([]),
  nextPageToken: z.string().optional(),
});

export class ChaosClient {
  readonly #endpoints: Endpoints;
  readonly #signal: AbortSignal;
  retries = 0;
  /** The duration of the slowest request, repetitions included. */
  slowestMs = 0;

  constructor(endpoints: Endpoints, signal: AbortSignal) {
    this.#endpoints = endpoints;
    this.#signal = signal;
  }

  /** @returns the job's id, or the status and body of the refusal */
  async submit({
    body,
    idempotencyKey,
  }: PlannedJob): Promise<{ readonly id: string } | { readonly refusal: string }> {
    const answer = await this.#request(`${this.#endpoints.api}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
    });
    const parsed = z.object({ id: z.string() }).safeParse(safeJson(answer.body));
    if ((answer.status === 200 || answer.status === 201) && parsed.success) return parsed.data;
    return { refusal: `${answer.status} ${answer.body.toString('utf8').slice(0, 300)}` };
  }

  /** Ignores the answer: a finished job refuses to be cancelled. */
  async cancel(id: string): Promise<void> {
    await this.#request(`${this.#endpoints.api}/v1/jobs/${id}/cancel`, { method: 'POST' });
  }

  async job(id: string): Promise<JobSeen | undefined> {
    const { status, body } = await this.#request(`${this.#endpoints.api}/v1/jobs/${id}`);
    return status === 200 ? jobSchema.parse(safeJson(body)) : undefined;
  }

  async jobs(): Promise<JobSeen[]> {
    const all: JobSeen[] = [];
    let page: string | undefined;
    do {
      const after = page === undefined ? '' : `&pageToken=${encodeURIComponent(page)}`;
      const { body } = await this.#request(`${this.#endpoints.api}/v1/jobs?pageSize=200${after}`);
      const { jobs, nextPageToken } = jobsPage.parse(safeJson(body));
      all.push(...jobs);
      page = nextPageToken;
    } while (page !== undefined);
    return all;
  }

  async paidCalls(): Promise<PaidCallSeen[]> {
    const { body } = await this.#request(`${this.#endpoints.models}/_control/paid-calls`);
    return z.object({ paidCalls: z.array(paidCallSchema) }).parse(safeJson(body)).paidCalls;
  }

  /** The names of all objects in the output bucket, each with the time of its last change in epoch milliseconds. */
  async objectTimes(): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    let page: string | undefined;
    do {
      const after = page === undefined ? '' : `?pageToken=${encodeURIComponent(page)}`;
      const { body } = await this.#request(
        `${this.#endpoints.storage}/storage/v1/b/${OUTPUT_BUCKET}/o${after}`,
      );
      const { items, nextPageToken } = objectsPage.parse(safeJson(body));
      for (const { name, updated } of items) times.set(name, Date.parse(updated));
      page = nextPageToken;
    } while (page !== undefined);
    return times;
  }

  object(name: string): Promise<ObjectSeen | undefined> {
    const file = encodeURIComponent(name);
    return this.#download(`${this.#endpoints.storage}/storage/v1/b/${OUTPUT_BUCKET}/o/${file}?alt=media`);
  }

  /** Downloads a link of a job; undefined when the answer is not 200. */
  video(href: string): Promise<ObjectSeen | undefined> {
    return this.#download(`${this.#endpoints.api}${href}`);
  }

  async #download(url: string): Promise<ObjectSeen | undefined> {
    const { status, body } = await this.#request(url);
    if (status !== 200) return undefined;
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32c(body));
    return {
      bytes: body.length,
      crc32c: crc.toString('base64'),
      sha256: createHash('sha256').update(body).digest('hex'),
    };
  }

  async #request(url: string, init: RequestInit = {}): Promise<{ status: number; body: Buffer }> {
    const startedAt = performance.now();
    for (;;) {
      const passedMs = performance.now() - startedAt;
      try {
        const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
        const response = await fetch(url, { ...init, signal });
        const body = Buffer.from(await response.arrayBuffer());
        if (response.status < 500 || passedMs > GIVE_UP_MS) {
          this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
          return { status: response.status, body };
        }
      } catch (error) {
        this.#signal.throwIfAborted();
        if (passedMs > GIVE_UP_MS)
          throw new Error(`${url} could not be reached for ${GIVE_UP_MS / 1000} s`, { cause: error });
      }
      this.retries++;
      await sleep(RETRY_PAUSE_MS, undefined, { signal: this.#signal });
    }
  }
}

function safeJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
