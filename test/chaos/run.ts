/** One chaos run: submits jobs at a steady rate while it kills processes, waits for all jobs to end, then checks them. */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../infra/models/random.ts';
import { OUTPUT_BUCKET } from '../../infra/stack/plan.ts';
import { type Stack, startStack } from '../../infra/stack/stack.ts';
import { violationsOf } from './checks.ts';
import { ChaosClient } from './client.ts';
import { type Evidence, isFinished, isSettled, type JobEvidence, type ObjectSeen } from './evidence.ts';
import { type Footprint, footprintOf } from './footprint.ts';
import { type KillGap, killUntil, planKills } from './kills.ts';
import { LogWatch } from './log-watch.ts';
import { type ChaosReport, reportOf } from './report.ts';
import { type PlannedJob, planJobs } from './workload.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly jobs: number;
  /** The duration of submitting and killing. */
  readonly durationMs: number;
  readonly killGap: KillGap;
  /** Killing continues beyond the duration until this number of kills is reached. */
  readonly killsMin?: number;
  /** How long the jobs may take to end after the last kill. */
  readonly settleMs: number;
  readonly speedUp: number;
  /** Ends the run early: the stack is stopped and its folder removed. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Often enough to notice a finished job that changes, and seldom enough to add little load. */
const OBSERVE_EVERY_MS = 10_000;
const FOOTPRINT_EVERY_MS = 60_000;
const COLLECT_CONCURRENCY = 8;

/** The answers to all requests for one job. */
interface Answers {
  readonly ids: string[];
  readonly refusals: string[];
}

/** Keeps the state folder when a promise was violated or the run failed. @throws when the signal aborts the run */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'clapper-chaos-'));
  const log = new LogWatch();
  let keep = false;
  let stack: Stack | undefined;
  try {
    const { speedUp, seed } = options;
    stack = await startStack({
      ...{ stateDir, apiPort: 0, speedUp, seed, allowRetiredModels: true },
      onLine: log.onLine,
    });
    const report = await new ChaosRun(options, stack, log).run();
    keep = report.violations.length > 0;
    return keep ? { ...report, stateDir } : report;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    keep = true;
    const errors = JSON.stringify(log.complaints, null, 2);
    throw new Error(
      `The run failed. Its state is in ${stateDir}. Errors in the log of the stack: ${errors}`,
      {
        cause: error,
      },
    );
  } finally {
    await stack?.stop();
    if (!keep) rmSync(stateDir, { recursive: true, force: true });
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #stack: Stack;
  readonly #log: LogWatch;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #client: ChaosClient;
  readonly #answers = new Map<number, Answers>();
  readonly #firstEnds = new Map<string, string>();
  readonly #footprints: Footprint[] = [];
  readonly #startedAt = performance.now();

  constructor(options: ChaosOptions, stack: Stack, log: LogWatch) {
    this.#options = options;
    this.#stack = stack;
    this.#log = log;
    this.#signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
    // Every pending request and sleep adds a listener.
    setMaxListeners(0, this.#signal);
    this.#client = new ChaosClient(stack.endpoints, this.#signal);
  }

  async run(): Promise<ChaosReport> {
    const { seed, durationMs, killGap, killsMin = 0 } = this.#options;
    const random = seededRandom(seed);
    const jobs = planJobs(this.#options, random);
    const { processes } = this.#stack;
    try {
      const background = new AbortController();
      const observing = AbortSignal.any([this.#signal, background.signal]);
      const [kills] = await Promise.all([
        killUntil(
          { deadlineMs: this.#startedAt + durationMs, timesMin: killsMin },
          planKills(killGap, random),
          processes,
          this.#signal,
        ),
        every(OBSERVE_EVERY_MS, observing, () => this.#observe()),
        every(FOOTPRINT_EVERY_MS, observing, () => this.#measure()),
        Promise.all([this.#submitAll(jobs), this.#until(durationMs)]).finally(() => background.abort()),
      ]);
      const submittedMs = performance.now() - this.#startedAt;
      this.#print('all jobs submitted, no more kills; waiting for every job to end');
      await this.#settle();
      await this.#measure();
      const settledMs = performance.now() - this.#startedAt;
      this.#print('collecting the evidence');
      const evidence = await this.#collect(jobs);
      const { retries, slowestMs } = this.#client;
      return reportOf({
        ...{ seed, kills, evidence, submittedMs, settledMs, retries, slowestMs },
        violations: violationsOf(evidence),
        uncertain: this.#log.uncertain,
        complaints: this.#log.complaints,
        footprints: this.#footprints,
      });
    } finally {
      // Ends the pending requests and sleeps.
      this.#stop.abort();
    }
  }

  async #submitAll(jobs: readonly PlannedJob[]): Promise<void> {
    await Promise.all(
      jobs.map(async (job) => {
        await this.#until(job.atMs);
        const [id] = await Promise.all([this.#submit(job), ...(job.isSentTwice ? [this.#submit(job)] : [])]);
        if (id === undefined || job.cancelAfterMs === undefined) return;
        await sleep(job.cancelAfterMs, undefined, { signal: this.#signal });
        await this.#client.cancel(id);
      }),
    );
  }

  async #submit(job: PlannedJob): Promise<string | undefined> {
    const answer = await this.#client.submit(job);
    const answers = this.#answers.get(job.n) ?? { ids: [], refusals: [] };
    this.#answers.set(job.n, answers);
    if ('refusal' in answer) {
      answers.refusals.push(answer.refusal);
      return undefined;
    }
    answers.ids.push(answer.id);
    return answer.id;
  }

  /** Records the status of finished jobs. @returns how many jobs are unfinished or still follow an attempt */
  async #observe(): Promise<number> {
    const jobs = await this.#client.jobs();
    for (const { id, status } of jobs)
      if (isFinished({ status }) && !this.#firstEnds.has(id)) this.#firstEnds.set(id, status);
    const open = jobs.filter((job) => !isSettled(job)).length;
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    this.#print(`${seconds} s: ${jobs.length} jobs, ${open} open`);
    return open;
  }

  async #settle(): Promise<void> {
    const deadline = performance.now() + this.#options.settleMs;
    while ((await this.#observe()) > 0 && performance.now() < deadline)
      await sleep(1000, undefined, { signal: this.#signal });
  }

  async #measure(): Promise<void> {
    const atSeconds = Math.round((performance.now() - this.#startedAt) / 1000);
    this.#footprints.push({ atSeconds, ...(await footprintOf(this.#stack)) });
  }

  async #collect(planned: readonly PlannedJob[]): Promise<Evidence> {
    const objects = new Map<string, ObjectSeen>();
    await inParallel([...(await this.#client.objectTimes())], async ([name, updatedAtMs]) => {
      const object = await this.#client.object(name);
      if (object) objects.set(`gs://${OUTPUT_BUCKET}/${name}`, { ...object, updatedAtMs });
    });
    const jobs: JobEvidence[] = [];
    await inParallel(planned, async (job) => {
      // A late request under the same key has to return the same job.
      await this.#submit(job);
      jobs.push(await this.#jobEvidence(job));
    });
    const listedIds = (await this.#client.jobs()).map(({ id }) => id);
    return { jobs, listedIds, objects, paidCalls: await this.#client.paidCalls() };
  }

  async #jobEvidence(planned: PlannedJob): Promise<JobEvidence> {
    const { ids, refusals } = this.#answers.get(planned.n) ?? { ids: [], refusals: [] };
    const [id] = ids;
    const job = id === undefined ? undefined : await this.#client.job(id);
    const downloads: (ObjectSeen | undefined)[] = [];
    for (const { href } of job?.videos ?? []) downloads.push(await this.#client.video(href));
    return { planned, ids, refusals, firstEnd: this.#firstEnds.get(id ?? ''), job, downloads };
  }

  async #until(atMs: number): Promise<void> {
    const waitMs = this.#startedAt + atMs - performance.now();
    await sleep(Math.max(0, waitMs), undefined, { signal: this.#signal });
  }

  #print(line: string): void {
    this.#options.onProgress?.(line);
  }
}

async function every(everyMs: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: COLLECT_CONCURRENCY }, worker));
}
