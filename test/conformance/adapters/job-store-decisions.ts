/** Random jobs and random decisions: those of the real life cycle, and one that always changes the job. */
import fc from 'fast-check';
import type { AttemptEvent } from '../../../functions/core/job/attempt.ts';
import { type Job, liveAttemptOf, wakeOf } from '../../../functions/core/job/job.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { type JobEvent, newJob, type Step, step } from '../../../functions/core/job/step.ts';

/** Divided by 7, so that wakes are not whole milliseconds. */
const POLICY = defaultPolicy(7);
const LATENCY = { minMs: 11_000 / 7, typicalMs: 120_000 / 7, longestMs: 720_000 / 7 };
export const T0 = Date.UTC(2026, 10, 21);

/** Their order differs from insertion order, length, numeric order and locale order. */
export const IDS = ['b', 'B', 'a', 'a-1', 'a_', '10'] as const;
export const CALLERS = ['ann', 'ann/2'] as const;
export const MODELS = ['veo-3.1-generate-001', 'veo-3.1-fast-generate-001'] as const;

/** Few times, so that many jobs share one. */
export const createdAt = fc.nat(1).map((ms) => T0 + ms);

const text = fc.string({ unit: 'binary', maxLength: 5 });

export const newJobs: fc.Arbitrary<Job> = fc
  .record({
    jobId: fc.constantFrom(...IDS),
    caller: fc.constantFrom(CALLERS[0], ...CALLERS),
    model: fc.constantFrom(...MODELS),
    at: createdAt,
    prompt: text,
    seed: fc.option(fc.nat(4_294_967_295), { nil: undefined }),
    labels: fc.option(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_-]{0,3}$/), text), { nil: undefined }),
    estimateUsd: fc.constantFrom(0, 3.2, 1e-7),
  })
  .map(
    ({ jobId, caller, model, at, prompt, seed, labels, estimateUsd }): Job =>
      newJob(
        {
          ...{ jobId, caller, estimateUsd, fingerprint: 'f', lane: 'interactive' },
          deadlineAt: at + POLICY.jobDeadlineMs,
          request: {
            ...{ provider: 'vertex', model, prompt, seed, labels, sampleCount: 1, generateAudio: true },
            ...{ durationSeconds: 8, aspectRatio: '16:9', resolution: '720p' },
          },
        },
        { now: at },
      ).job,
  );

export interface Decision {
  readonly title: string;
  readonly decide: (job: Job) => Step | undefined;
  /** The decision changes every job. */
  readonly always: boolean;
}

const nothing: Decision = { title: 'nothing', decide: () => undefined, always: false };

/** Appends a mark to the job's trace. */
export const note = (mark: string): Decision => ({
  title: `note ${mark}`,
  decide: (job) => ({
    job: { ...job, revision: job.revision + 1, trace: `${job.trace ?? ''}${mark}` },
    effects: [],
  }),
  always: true,
});

export const cancel: Decision = {
  title: 'cancel',
  decide: (job) => step(job, { type: 'cancel' }, { now: T0, random: 0, policy: POLICY, latency: LATENCY }),
  always: false,
};

const operation = { provider: 'vertex', name: 'op', model: MODELS[0], location: 'l' } as const;
const video = {
  ...{ uri: 'gs://o/a.mp4', generation: '1', bytes: 1, crc32c: 'AAAAAA==', contentType: 'video/mp4' },
  durationSeconds: 8,
};
const result = { sources: [{ uri: video.uri }], filteredCount: 0, filteredReasons: [] };
const error = { code: 'NOT_READY', message: 'm', retryable: true, charged: 'no' } as const;

const observed: fc.Arbitrary<AttemptEvent> = fc.constantFrom<AttemptEvent>(
  { type: 'submitAccepted', operation },
  { type: 'leaseExpired' },
  { type: 'operationRunning' },
  { type: 'operationDone', result },
  { type: 'landed', videos: [video] },
  { type: 'landingFailed', message: 'm', final: false },
);

type Happening =
  | { readonly type: 'claim' | 'postpone' | 'enqueueAgain' | 'deadline' | 'cancel' }
  | { readonly type: 'attempt'; readonly observed: AttemptEvent };

function eventOf(job: Job, happening: Happening, now: number): JobEvent {
  const seq = wakeOf(job)?.seq ?? 0;
  switch (happening.type) {
    case 'claim':
      return { type: 'claim', seq, attemptId: `att_${now}`, location: 'l', reservedUsd: 0.8 };
    case 'postpone':
      return { type: 'postpone', seq, error };
    case 'attempt':
      return { ...happening, attemptId: liveAttemptOf(job)?.attemptId ?? 'none' };
    default:
      return { type: happening.type };
  }
}

const inLife: fc.Arbitrary<Decision> = fc
  .record({
    happening: fc.oneof(
      fc.constant<Happening>({ type: 'claim' }),
      fc.constantFrom<Happening>(
        { type: 'postpone' },
        { type: 'enqueueAgain' },
        { type: 'deadline' },
        { type: 'cancel' },
      ),
      observed.map((each): Happening => ({ type: 'attempt', observed: each })),
    ),
    afterMs: fc.oneof(fc.nat(3), fc.nat(60_000), fc.constant(POLICY.jobDeadlineMs + 10)),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  .map(({ happening, afterMs, random }) => {
    const now = T0 + afterMs;
    const what = happening.type === 'attempt' ? happening.observed.type : happening.type;
    return {
      title: `${what} at +${afterMs} ms`,
      decide: (job) =>
        step(job, eventOf(job, happening, now), { now, random, policy: POLICY, latency: LATENCY }),
      always: false,
    };
  });

export const decisions: fc.Arbitrary<Decision> = fc.oneof(
  { weight: 6, arbitrary: inLife },
  { weight: 2, arbitrary: fc.constantFrom('x', 'y', 'z').map(note) },
  { weight: 1, arbitrary: fc.constant(nothing) },
);
