/** Checks at every write of a job, and once a minute while no fault happens. */
import type { EndedAttempt } from '../../functions/core/job/attempt-record.ts';
import { isTerminal, type Job, liveAttemptOf, wakeOf } from '../../functions/core/job/job.ts';
import type { Engine } from './engine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** The largest difference between two clocks: one 3 s ahead, one 3 s behind. */
const SKEW_MAX_MS = 6 * SECOND;
/** A wake that is not processed for this long without faults is lost. Covers a few sweeps and back-offs. */
const STUCK_AFTER_MS = 20 * MINUTE;

export interface UncertainAttempt {
  readonly jobId: string;
  readonly decideAt: number;
}

interface OpenWake {
  readonly seq: number;
  readonly since: number;
  /** The first due time. The sweep postpones a wake whose task still waits. */
  readonly firstAt: number;
}

export class Monitor {
  /** Attempts that were in the state `uncertain` at some time. */
  readonly uncertain = new Map<string, UncertainAttempt>();
  /** The ordinal of each claim. Times cannot order claims, because clocks differ. */
  readonly claims = new Map<string, number>();
  /** Running attempts of cancelled jobs, each with the number of writes that showed it running. */
  readonly unwanted = new Map<string, number>();
  /** Attempts that were given up as unknown and then followed again. */
  readonly reopened = new Set<string>();
  readonly #engine: Engine;
  readonly #mayNeedSweep: boolean;
  readonly #wakes = new Map<string, OpenWake>();
  readonly #terminalAt = new Map<string, number>();

  /**
   * @param mayNeedSweep a queued job may be left to the sweep without a fault: there are more jobs than a submit task tries
   *   to claim, or its task has started another job and that job's task waits for the quota
   */
  constructor(engine: Engine, mayNeedSweep: boolean) {
    this.#engine = engine;
    this.#mayNeedSweep = mayNeedSweep;
  }

  /** The engine's time at which the job became terminal. */
  terminalAt(jobId: string): number | undefined {
    return this.#terminalAt.get(jobId);
  }

  readonly written = (before: Job | undefined, after: Job): void => {
    this.#revision(before, after);
    this.#terminal(before, after);
    this.#history(before, after);
    this.#claim(before, after);
    this.#wake(after);
    const live = liveAttemptOf(after);
    this.#operation(after);
    if (live?.state === 'uncertain' && !this.uncertain.has(live.attemptId))
      this.uncertain.set(live.attemptId, { jobId: after.jobId, decideAt: live.decideAt });
  };

  /** Called once a virtual minute. */
  tick(jobs: Iterable<Job>): void {
    const { now, quietAt } = this.#engine;
    for (const job of jobs) {
      const open = this.#wakes.get(job.jobId);
      const dueAt = Math.max(open?.since ?? now, quietAt);
      if (open && now > dueAt + STUCK_AFTER_MS)
        this.#engine.violate(
          'I3 every wake is processed',
          `${job.jobId} waits for wake ${open.seq} in ${job.status}`,
        );
    }
  }

  #revision(before: Job | undefined, after: Job): void {
    const expected = (before?.revision ?? 0) + 1;
    if (after.revision !== expected)
      this.#engine.violate(
        'I4 every write increments the revision',
        `${after.jobId}: ${before?.revision} → ${after.revision}`,
      );
  }

  #terminal(before: Job | undefined, after: Job): void {
    if (!isTerminal(after)) {
      if (before && isTerminal(before))
        this.#engine.violate(
          'I6 a terminal job stays as it is',
          `${after.jobId}: ${before.status} → ${after.status}`,
        );
      return;
    }
    if (!before || !isTerminal(before)) {
      this.#terminalAt.set(after.jobId, this.#engine.now);
      return;
    }
    const shown = (job: Job): string =>
      JSON.stringify([
        job.status,
        'finishedAt' in job && job.finishedAt,
        'error' in job && job.error,
        'videos' in job && job.videos,
      ]);
    if (shown(before) !== shown(after))
      this.#engine.violate(
        'I6 a terminal job stays as it is',
        `${after.jobId}: ${shown(before)} → ${shown(after)}`,
      );
  }

  /** Ended attempts do not change, and new ones follow them. An attempt of unknown outcome may be reopened or decided. */
  #history(before: Job | undefined, after: Job): void {
    const ended = before?.attempts ?? [];
    const reopened = ended.find((attempt) => isReopened(attempt, after));
    const kept = reopened ? ended.filter((attempt) => attempt !== reopened) : ended;
    for (const [n, attempt] of kept.entries()) {
      const now = after.attempts[n];
      if (now === attempt || (now && JSON.stringify(now) === JSON.stringify(attempt))) continue;
      if (now && isDecidedByOperator(attempt, now)) continue;
      this.#engine.violate(
        'I6 an ended attempt stays',
        `${after.jobId}: attempt ${attempt.attemptId} changed`,
      );
    }
    if (reopened) this.reopened.add(reopened.attemptId);
    const was = before && liveAttemptOf(before);
    if (!was || before.status === 'submitting') return;
    const known =
      liveAttemptOf(after)?.attemptId === was.attemptId ||
      after.attempts.some(({ attemptId }) => attemptId === was.attemptId);
    // Only an attempt whose submission was rejected may be removed from the record.
    if (!known && was.state !== 'submitting')
      this.#engine.violate(
        'I2 an attempt ends in the record',
        `${after.jobId} no longer records attempt ${was.attemptId}`,
      );
  }

  /** A running attempt has its own operation. Counts running attempts of cancelled jobs on Omni, which can cancel. */
  #operation(after: Job): void {
    const live = liveAttemptOf(after);
    if (live?.state !== 'running') return;
    const { attemptId, operation } = live;
    if (!operation.name.endsWith(attemptId))
      this.#engine.violate('I4 an attempt polls its own operation', `${attemptId} polls ${operation.name}`);
    if (after.status === 'cancelled' && operation.provider === 'omni')
      this.unwanted.set(attemptId, (this.unwanted.get(attemptId) ?? 0) + 1);
  }

  /** Claims respect back-off, Retry-After and `startBy`, whichever task makes them. */
  #claim(before: Job | undefined, after: Job): void {
    if (before?.status !== 'queued' || after.status !== 'submitting') return;
    this.claims.set(after.attempt.attemptId, this.claims.size);
    const earlyMs = (this.#wakes.get(before.jobId)?.firstAt ?? before.wake.at) - this.#engine.now;
    if (earlyMs > SKEW_MAX_MS)
      this.#engine.violate(
        'I4 a claim is fenced',
        `${after.jobId} was claimed ${earlyMs} ms before its time`,
      );
    const { startByAt, deadlineAt } = before;
    const lastMs = before.attempts.length === 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;
    if (this.#engine.now > lastMs + SKEW_MAX_MS)
      this.#engine.violate('no submission after startBy', `${after.jobId} was claimed after its time`);
  }

  #wake(after: Job): void {
    const wake = wakeOf(after);
    if (wake && isTerminal(after) && !liveAttemptOf(after))
      this.#engine.violate('I3 a finished job has no wake', `${after.jobId} is ${after.status}`);
    if (!wake) {
      this.#wakes.delete(after.jobId);
      if (!isTerminal(after))
        this.#engine.violate('I3 unfinished jobs have a wake', `${after.jobId} has none`);
      return;
    }
    const { seq } = this.#wakes.get(after.jobId) ?? wake;
    if (wake.seq < seq)
      this.#engine.violate(
        'I4 an outdated task changes no wake',
        `${after.jobId}: wake ${seq} → ${wake.seq} in ${after.status}`,
      );
    if (this.#wakes.get(after.jobId)?.seq !== wake.seq)
      this.#wakes.set(after.jobId, {
        seq: wake.seq,
        since: Math.max(wake.at, this.#engine.now),
        firstAt: wake.at,
      });
    const mayBeLeftToSweep = this.#mayNeedSweep && after.status === 'queued';
    // A deferred submit task is enqueued for later, the sweep's task for now.
    const isDeferred = after.status === 'queued' && wake.at > this.#engine.now;
    if (wake.ring > 0 && !isDeferred && this.#engine.faults.fired === 0 && !mayBeLeftToSweep)
      this.#engine.violate(
        'I3 a wake has its task',
        `${after.jobId}: the sweep re-enqueued wake ${wake.seq}, though no fault happened`,
      );
  }
}

const isReopened = (attempt: EndedAttempt, after: Job): boolean =>
  attempt.outcome === 'unknown' &&
  attempt.charged === 'unknown' &&
  isTerminal(after) &&
  liveAttemptOf(after)?.attemptId === attempt.attemptId;

/** Whether only `charged` and `resolved` have changed. */
const isDecidedByOperator = (attempt: EndedAttempt, now: EndedAttempt): boolean =>
  attempt.charged === 'unknown' &&
  now.resolved !== undefined &&
  JSON.stringify({ ...now, charged: 0, resolved: 0 }) ===
    JSON.stringify({ ...attempt, charged: 0, resolved: 0 });
