/** Invariants of the job state machine under random sequences of events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptEvent } from '../../../functions/core/job/attempt.ts';
import { classifySubmitFailure, type ProviderSignal } from '../../../functions/core/job/errors.ts';
import { isTerminal, type Job, jobSchema, liveAttemptOf, wakeOf } from '../../../functions/core/job/job.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { type JobEvent, newJob, step } from '../../../functions/core/job/step.ts';

const POLICY = { ...defaultPolicy(), announce: true };
const LATENCY = { minMs: 11_000, typicalMs: 120_000, longestMs: 720_000 };
const START = Date.UTC(2026, 10, 21);

const NOT_READY = { code: 'NOT_READY', message: 'm', retryable: true, charged: 'no' } as const;

const fresh = (): Job =>
  newJob(
    {
      jobId: 'job_x',
      caller: 'local',
      fingerprint: 'f',
      estimateUsd: 3.2,
      deadlineAt: START + POLICY.jobDeadlineMs,
      lane: 'interactive',
      request: {
        provider: 'vertex',
        model: 'veo-3.1-generate-001',
        prompt: 'a cat',
        durationSeconds: 8,
        aspectRatio: '16:9',
        resolution: '720p',
        sampleCount: 2,
        generateAudio: true,
      },
    },
    { now: START },
  ).job;

const signal: fc.Arbitrary<ProviderSignal> = fc.oneof(
  fc.record({
    kind: fc.constant('http' as const),
    status: fc.constantFrom(400, 401, 404, 429, 500, 503),
    message: fc.constant('m'),
  }),
  fc.record({ kind: fc.constant('network' as const), sent: fc.boolean(), message: fc.constant('m') }),
  fc.record({ kind: fc.constant('timeout' as const), message: fc.constant('m') }),
);
const operation = { provider: 'vertex', name: 'op', model: 'm', location: 'l' } as const;
const video = {
  uri: 'gs://o/a.mp4',
  generation: '1',
  bytes: 1,
  crc32c: 'AAAAAA==',
  contentType: 'video/mp4',
};
const observation: fc.Arbitrary<AttemptEvent> = fc.oneof(
  fc.constant<AttemptEvent>({ type: 'submitAccepted', operation }),
  signal.map((s): AttemptEvent => ({ type: 'submitFailed', failure: classifySubmitFailure(s) })),
  fc.constant<AttemptEvent>({ type: 'leaseExpired' }),
  fc.constant<AttemptEvent>({ type: 'operationRunning' }),
  fc.record({ sources: fc.nat(2), filtered: fc.nat(2) }).map(
    ({ sources, filtered }): AttemptEvent => ({
      type: 'operationDone',
      result: {
        sources: Array.from({ length: sources }, () => ({ uri: 'gs://o/a.mp4' })),
        filteredCount: filtered,
        filteredReasons: [],
      },
    }),
  ),
  fc.constantFrom(3, 8, 13).map((code): AttemptEvent => ({ type: 'operationError', code, message: 'm' })),
  signal.map((s): AttemptEvent => ({ type: 'pollFailed', signal: s })),
  fc.constant<AttemptEvent>({ type: 'objectAppeared' }),
  fc.nat(2).map(
    (found): AttemptEvent => ({
      type: 'prefixListed',
      found,
      newestAt: found ? START : undefined,
    }),
  ),
  fc.constant<AttemptEvent>({ type: 'landed', videos: [video] }),
  fc.boolean().map((final): AttemptEvent => ({ type: 'landingFailed', message: 'm', final })),
);

/** An event for the current wake or attempt, or for a stale one, some time after the previous event. */
const timedEvent = fc.record({
  afterMs: fc.oneof(fc.nat(200_000), fc.constant(0), fc.constant(3_600_000)),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('claim' as const) },
    { weight: 10, arbitrary: observation },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'postpone' as const,
        'enqueueAgain' as const,
        'stillWaiting' as const,
        'deadline' as const,
        'cancel' as const,
        'announced' as const,
      ),
    },
  ),
  stale: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

function eventOf(
  job: Job,
  {
    what,
    stale,
  }: {
    what:
      | ('claim' | 'postpone' | 'enqueueAgain' | 'stillWaiting' | 'deadline' | 'cancel' | 'announced')
      | AttemptEvent;
    stale: boolean;
  },
  n: number,
): JobEvent {
  const seq = (wakeOf(job)?.seq ?? 0) - (stale ? 1 : 0);
  if (what === 'claim')
    return { type: 'claim', seq, attemptId: `att_${n}`, location: 'us-central1', reservedUsd: 3.2 };
  if (what === 'postpone') return { type: what, seq, error: NOT_READY };
  if (typeof what === 'string') return { type: what };
  return {
    type: 'attempt',
    attemptId: stale ? 'att_stale' : (liveAttemptOf(job)?.attemptId ?? 'none'),
    observed: what,
  };
}

describe('every job', () => {
  it('keeps I1 to I6 under any sequence of events', () => {
    fc.assert(
      fc.property(fc.array(timedEvent, { maxLength: 60 }), (timedEvents) => {
        let job = fresh();
        let now = START;
        for (const [n, each] of timedEvents.entries()) {
          now += each.afterMs;
          const event = eventOf(job, each, n);
          const next = step(job, event, { now, random: each.random, policy: POLICY, latency: LATENCY });
          if (!next) continue;
          check(job, next.job, event, now);
          // The end is announced exactly once, by the save that ends the job.
          expect(next.effects.filter(({ type }) => type === 'announce')).toHaveLength(
            isTerminal(next.job) && !isTerminal(job) ? 1 : 0,
          );
          // A stored job is parsed back unchanged.
          expect(jobSchema.parse(JSON.parse(JSON.stringify(next.job)))).toEqual(
            JSON.parse(JSON.stringify(next.job)),
          );
          job = next.job;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is submitted again if its operation was not found, and later reports a failure that costs nothing', () => {
    const job = [
      { type: 'submitAccepted', operation } as const,
      { type: 'pollFailed', signal: { kind: 'http', status: 404, message: 'm' } } as const,
      { type: 'operationError', code: 13, message: 'm' } as const,
    ].reduce(
      (before, observed) => take(before, { type: 'attempt', attemptId: 'att_0', observed }),
      claimed(),
    );
    expect(job).toMatchObject({ status: 'queued', attempts: [{ outcome: 'failed', charged: 'no' }] });
  });
});

const claimed = (): Job => {
  const at = { attemptId: 'att_0', location: 'us-central1', reservedUsd: 3.2 };
  return take(fresh(), { type: 'claim', seq: 1, ...at });
};

function take(job: Job, event: JobEvent): Job {
  const next = step(job, event, { now: START, random: 0, policy: POLICY, latency: LATENCY });
  if (!next) throw new Error(`Event ${event.type} changed nothing in a job with status ${job.status}.`);
  return next.job;
}

function check(before: Job, after: Job, event: JobEvent, now: number): void {
  expect(after.revision).toBe(before.revision + 1);
  // I1: only a claim leads to submitting, only from queued, and always with a new attempt.
  if (after.status === 'submitting' && before.status !== 'submitting') {
    expect(before.status).toBe('queued');
    expect(event.type).toBe('claim');
    expect(before.attempts.map(({ attemptId }) => attemptId)).not.toContain(after.attempt.attemptId);
  }
  // I2: an uncertain attempt is submitted again only if its own operation reports that it was not charged.
  if (before.status === 'uncertain' && after.status === 'queued') {
    expect(before.attempt.operation).toBeDefined();
    expect(after.attempts.at(-1)).toMatchObject({ attemptId: before.attempt.attemptId, charged: 'no' });
  }
  // I3: a job with work left has a wake, and the numbers of wakes increase.
  expect(wakeOf(after) !== undefined).toBe(!isTerminal(after) || liveAttemptOf(after) !== undefined);
  expect(wakeOf(after)?.seq ?? after.wakes).toBeLessThanOrEqual(after.wakes);
  expect(after.wakes).toBeGreaterThanOrEqual(before.wakes);
  if (event.type === 'attempt' && wakeOf(after)) expect(wakeOf(after)?.at).toBeGreaterThanOrEqual(now);
  // I6: a terminal status and ended attempts never change.
  if (isTerminal(before)) {
    expect(after.status).toBe(before.status);
    expect(isTerminal(after) && after.finishedAt).toBe(before.finishedAt);
  }
  const announcement = isTerminal(after) ? after.announcement : undefined;
  expect(announcement !== undefined).toBe(isTerminal(after));
  if (event.type === 'announced') {
    expect(announcement).toEqual({ sentAt: now });
    expect({ ...after, announcement: 0, revision: 0 }).toEqual({ ...before, announcement: 0, revision: 0 });
  }
  expect(after.attempts.slice(0, before.attempts.length)).toEqual(before.attempts);
  // The number of attempts is limited.
  expect(after.attempts.length + (liveAttemptOf(after) ? 1 : 0)).toBeLessThanOrEqual(POLICY.maxAttempts);
}
