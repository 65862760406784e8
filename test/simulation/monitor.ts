/** What has to hold at every write of a job, and while nothing goes wrong. */
import type { EndedAttempt } from '../../functions/core/job/attempt-record.ts';
import { isTerminal, type Job, liveAttemptOf, wakeOf } from '../../functions/core/job/job.ts';
import type { Engine } from './engine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Two clocks at their worst, one ahead and one behind. */
const SKEW_MAX_MS = 6 * SECOND;
/** A wake that nobody has acted upon for so long, though nothing goes wrong, is lost: a few sweeps and back-offs. */
const STUCK_AFTER_MS = 20 * MINUTE;

export interface DoubtedAttempt {
  readonly jobId: string;
  readonly decideAt: number;
}

interface OpenWake {
  readonly seq: number;
  readonly since: number;
  /** When it was to ring at first; the sweep moves it on when its task still waits. */
  readonly firstAt: number;
}

export class Monitor {
  /** Attempts whose outcome was unknown at some time. */
  readonly doubted = new Map<string, DoubtedAttempt>();
  /** The number of each claim: clocks that differ cannot say which came first. */
  readonly claims = new Map<string, number>();
  /** Attempts of cancelled jobs, and how often they were seen to run on. */
  readonly unwanted = new Map<string, number>();
  /** Attempts that were given up as unknown and followed again. */
  readonly revived = new Set<string>();
  readonly #engine: Engine;
  readonly #isCrowded: boolean;
  readonly #wakes = new Map<string, OpenWake>();
  readonly #terminalAt = new Map<string, number>();

  /** @param isCrowded more jobs than a token tries when it meets others: one may be left to the sweep */
  constructor(engine: Engine, isCrowded: boolean) {
    this.#engine = engine;
    this.#isCrowded = isCrowded;
  }

  /** World time at which the job became terminal. */
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
    if (live?.state === 'uncertain' && !this.doubted.has(live.attemptId))
      this.doubted.set(live.attemptId, { jobId: after.jobId, decideAt: live.decideAt });
  };

  /** Called once a virtual minute. */
  tick(jobs: Iterable<Job>): void {
    const { now, quietAt } = this.#engine;
    for (const job of jobs) {
      const open = this.#wakes.get(job.jobId);
      const dueAt = Math.max(open?.since ?? now, quietAt);
      if (open && now > dueAt + STUCK_AFTER_MS)
        this.#engine.violate('I3 a wake is rung', `${job.jobId} waits for wake ${open.seq} in ${job.status}`);
    }
  }

  #revision(before: Job | undefined, after: Job): void {
    const expected = (before?.revision ?? 0) + 1;
    if (after.revision !== expected)
      this.#engine.violate(
        'I4 every write is counted',
        `${after.jobId}: ${before?.revision} → ${after.revision}`,
      );
  }

  #terminal(before: Job | undefined, after: Job): void {
    if (!isTerminal(after)) {
      if (before && isTerminal(before))
        this.#engine.violate('I6 terminal is terminal', `${after.jobId}: ${before.status} → ${after.status}`);
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
      this.#engine.violate('I6 terminal is terminal', `${after.jobId}: ${shown(before)} → ${shown(after)}`);
  }

  /** Ended attempts stay as they are; new ones come behind them. What was given up as unknown may be learned after all. */
  #history(before: Job | undefined, after: Job): void {
    const ended = before?.attempts ?? [];
    const revived = ended.find((attempt) => isRevived(attempt, after));
    const kept = revived ? ended.filter((attempt) => attempt !== revived) : ended;
    for (const [n, attempt] of kept.entries()) {
      const now = after.attempts[n];
      if (now === attempt || (now && JSON.stringify(now) === JSON.stringify(attempt))) continue;
      if (now && isRuledOn(attempt, now)) continue;
      this.#engine.violate(
        'I6 an ended attempt stays',
        `${after.jobId}: attempt ${attempt.attemptId} changed`,
      );
    }
    if (revived) this.revived.add(revived.attemptId);
    const was = before && liveAttemptOf(before);
    if (!was || before.status === 'submitting') return;
    const known =
      liveAttemptOf(after)?.attemptId === was.attemptId ||
      after.attempts.some(({ attemptId }) => attemptId === was.attemptId);
    // Only an attempt that was refused before anything existed may be forgotten.
    if (!known && was.state !== 'submitting')
      this.#engine.violate(
        'I2 an attempt ends in the record',
        `${after.jobId} forgot attempt ${was.attemptId}`,
      );
  }

  /** Its own, and not that of an attempt before; and where nobody wants it any more, its provider is asked to stop it. */
  #operation(after: Job): void {
    const live = liveAttemptOf(after);
    if (live?.state !== 'running') return;
    const { attemptId, operation } = live;
    if (!operation.name.endsWith(attemptId))
      this.#engine.violate('I4 an attempt polls its own operation', `${attemptId} polls ${operation.name}`);
    if (after.status === 'cancelled' && operation.provider === 'omni')
      this.unwanted.set(attemptId, (this.unwanted.get(attemptId) ?? 0) + 1);
  }

  /** Back-off and Retry-After are kept, whichever task brings the submission. */
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
      this.#engine.violate('I3 nothing wakes what is over', `${after.jobId} is ${after.status}`);
    if (!wake) {
      this.#wakes.delete(after.jobId);
      if (!isTerminal(after))
        this.#engine.violate('I3 unfinished jobs have a wake', `${after.jobId} has none`);
      return;
    }
    if (this.#wakes.get(after.jobId)?.seq !== wake.seq)
      this.#wakes.set(after.jobId, {
        seq: wake.seq,
        since: Math.max(wake.at, this.#engine.now),
        firstAt: wake.at,
      });
    const isLeft = this.#isCrowded && after.status === 'queued';
    if (wake.ring > 0 && this.#engine.faults.fired === 0 && !isLeft)
      this.#engine.violate(
        'I3 a wake has its task',
        `${after.jobId}: wake ${wake.seq} was reEnqueued by the sweep, though nothing failed`,
      );
  }
}

const isRevived = (attempt: EndedAttempt, after: Job): boolean =>
  attempt.outcome === 'unknown' &&
  attempt.charged === 'unknown' &&
  isTerminal(after) &&
  liveAttemptOf(after)?.attemptId === attempt.attemptId;

/** Only the charge was learned, and from whom. */
const isRuledOn = (attempt: EndedAttempt, now: EndedAttempt): boolean =>
  attempt.charged === 'unknown' &&
  now.resolved !== undefined &&
  JSON.stringify({ ...now, charged: 0, resolved: 0 }) ===
    JSON.stringify({ ...attempt, charged: 0, resolved: 0 });
