/**
 * HTTP jobs of Cloud Scheduler with a cron expression and a time zone. A call is made at the due minute and carries an ID
 * token and the due time. A failed call is retried with the same due time. Calls that were due while the process did not
 * run are skipped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cron } from 'croner';

export interface CronJob {
  /** `X-CloudScheduler-JobName`. */
  readonly name: string;
  /** Cron expression with five fields. */
  readonly cron: string;
  readonly timeZone: string;
  readonly url: string;
  /** Sent as JSON. */
  readonly body: unknown;
}

export interface CronOptions {
  readonly jobs: readonly CronJob[];
  /** Returns the bearer token for a call to this URL. */
  readonly idToken: (url: string) => string;
  readonly onError: (error: unknown) => void;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Rejects when the signal is aborted. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Like `retryConfig` of the service. Default: five retries, after 5, 10, 20, 40 and 80 s. */
  readonly retry?: { readonly count: number; readonly minBackoffMs: number };
}

/** Longest timer. A timer stops while a laptop sleeps, and the clock may be changed, so the due time is rechecked. */
const MAX_SLEEP_MS = 60_000;
const DEFAULT_RETRY = { count: 5, minBackoffMs: 5000 };
/** Default `attemptDeadline` of the service for HTTP jobs. */
const ATTEMPT_DEADLINE_MS = 180_000;

/**
 * @returns a function that stops all jobs and waits for calls in progress
 * @throws for an invalid cron expression or time zone
 */
export function startCron(options: CronOptions): () => Promise<void> {
  const stopping = new AbortController();
  const loops = options.jobs.map((job) => {
    const cron = new Cron(job.cron, { timezone: job.timeZone, mode: '5-part', paused: true });
    // Croner looks the time zone up only here. An invalid one throws before any job runs.
    cron.nextRun();
    return run(job, cron, options, stopping.signal);
  });
  return async () => {
    stopping.abort();
    await Promise.all(loops);
  };
}

async function run(job: CronJob, cron: Cron, options: CronOptions, signal: AbortSignal): Promise<void> {
  const { now = Date.now, wait = (ms) => sleep(ms, undefined, { signal }), onError } = options;
  const calls = new Set<Promise<void>>();
  try {
    for (;;) {
      const due = cron.nextRun(new Date(now()))?.getTime();
      if (due === undefined) break;
      while (now() < due) await wait(Math.min(MAX_SLEEP_MS, due - now()), signal);
      const made = call(job, due, options, wait, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) onError(error);
        })
        .finally(() => calls.delete(made));
      calls.add(made);
    }
  } catch (error) {
    if (!signal.aborted) onError(error);
  }
  await Promise.all(calls);
}

async function call(
  { name, url, body }: CronJob,
  due: number,
  { idToken, retry = DEFAULT_RETRY }: CronOptions,
  wait: NonNullable<CronOptions['wait']>,
  signal: AbortSignal,
): Promise<void> {
  for (let retries = 0; ; retries++) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${idToken(url)}`,
        'content-type': 'application/json',
        'user-agent': 'Google-Cloud-Scheduler',
        'x-cloudscheduler': 'true',
        'x-cloudscheduler-jobname': name,
        'x-cloudscheduler-scheduletime': new Date(due).toISOString(),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_DEADLINE_MS)]),
    }).then(
      async (response) => ({ ok: response.ok, detail: `${response.status} ${await response.text()}` }),
      (error: unknown) => ({ ok: false, detail: String(error) }),
    );
    if (answer.ok) return;
    signal.throwIfAborted();
    if (retries >= retry.count)
      throw new Error(`${name}: ${url} failed ${retries + 1} times: ${answer.detail}`);
    await wait(retry.minBackoffMs * 2 ** retries, signal);
  }
}
