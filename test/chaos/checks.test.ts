import { describe, expect, it } from 'vitest';
import { violationsOf } from './checks.ts';
import type { AttemptSeen, Evidence, JobEvidence, JobSeen, ObjectSeen, PaidCallSeen } from './evidence.ts';
import type { PlannedJob } from './workload.ts';

const JOB = 'job_a';
const URI = `gs://out/jobs/${JOB}/att_1/7/sample_0.mp4`;
const VIDEO: ObjectSeen = { bytes: 10, crc32c: 'AAAAAA==', sha256: 'abc', updatedAtMs: 1_000 };
const PLANNED: PlannedJob = {
  ...{ n: 0, kind: 'text', atMs: 0, idempotencyKey: 'key', body: {}, seconds: 4, sampleCount: 1 },
  ...{ stages: [{ kind: 'video', prompt: 'a cat' }], fault: undefined, isSentTwice: false },
  cancelAfterMs: undefined,
};
const ATTEMPT: AttemptSeen = {
  ...{ id: 'att_1', stage: 'video', state: 'landed', operationName: 'operations/1', charged: 'yes' },
  ...{ endedAt: '2026-11-21T00:00:00.000Z', outputs: [URI] },
};
const CALL: PaidCallSeen = {
  ...{ kind: 'video', prompt: 'a cat', operationName: 'operations/1', state: 'succeeded' },
  ...{ storageUri: `gs://out/jobs/${JOB}/att_1`, videoSha256: ['abc'] },
};
const SUCCEEDED: JobSeen = {
  ...{ id: JOB, status: 'succeeded', attempts: [ATTEMPT] },
  videos: [{ uri: URI, bytes: 10, crc32c: 'AAAAAA==', durationSeconds: 4, href: '/0' }],
};

/** The rules that the evidence violates: one text job that succeeded, with the given differences. */
function rulesBroken(
  over: Partial<Omit<Evidence, 'jobs'>> & { readonly entry?: Partial<JobEvidence> } = {},
): string[] {
  const { entry, ...rest } = over;
  const evidence: Evidence = {
    jobs: [
      {
        ...{ planned: PLANNED, ids: [JOB, JOB], refusals: [], firstEnd: 'succeeded', job: SUCCEEDED },
        ...{ downloads: [VIDEO], ...entry },
      },
    ],
    ...{ listedIds: [JOB], paidCalls: [CALL], objects: new Map([[URI, VIDEO]]), ...rest },
  };
  return [...new Set(violationsOf(evidence).map(({ rule }) => rule))];
}

const FAILED = { code: 'OUTCOME_UNKNOWN', message: '', charged: 'unknown' };
const job = (over: Partial<JobSeen>): { readonly entry: Partial<JobEvidence> } => ({
  entry: { job: { ...SUCCEEDED, ...over }, firstEnd: over.status ?? 'succeeded' },
});
const attempt = (over: Partial<AttemptSeen>): AttemptSeen => ({ ...ATTEMPT, ...over });
const failedWith = (...attempts: AttemptSeen[]) =>
  job({ status: 'failed', attempts, videos: undefined, error: FAILED });
const noOutputs = { outputs: undefined };

describe('the checks of a chaos run', () => {
  it('report no violation for a job that succeeded', () => {
    expect(rulesBroken()).toEqual([]);
  });

  it.each<[string, string, Parameters<typeof rulesBroken>[0]]>([
    ['a job that cannot be read', 'lost', { entry: { job: undefined } }],
    ['a job that is not listed', 'lost', { listedIds: [] }],
    ['a job that nobody requested', 'lost', { listedIds: [JOB, 'job_b'] }],
    [
      'two jobs with one idempotency key',
      'lost',
      { entry: { ids: [JOB, 'job_b'] }, listedIds: [JOB, 'job_b'] },
    ],
    ['a refused request', 'lost', { entry: { refusals: ['400'] } }],
    ['two paid calls of one attempt', 'paid twice', { paidCalls: [CALL, { ...CALL, state: 'failed' }] }],
    [
      'a second charged attempt after one that may have been charged',
      'paid twice',
      {
        ...job({
          attempts: [attempt({ id: 'att_0', state: 'unknown', charged: 'unknown', ...noOutputs }), ATTEMPT],
        }),
      },
    ],
    [
      'a job that has not ended',
      'stuck',
      job({ status: 'running', attempts: [attempt({ state: 'running' })] }),
    ],
    [
      'an attempt that is still followed',
      'stuck',
      failedWith(attempt({ state: 'running', charged: 'open' })),
    ],
    ['a final status that changed', 'stuck', { entry: { firstEnd: 'failed' } }],
    ['a video that does not exist', 'videos', { objects: new Map() }],
    [
      'a video with other bytes than the model made',
      'videos',
      { paidCalls: [{ ...CALL, videoSha256: ['def'] }] },
    ],
    ['a link that returns other bytes', 'videos', { entry: { downloads: [{ ...VIDEO, bytes: 9 }] } }],
    ['a missing sample', 'videos', { entry: { planned: { ...PLANNED, sampleCount: 2 } } }],
    ['a video that is too short', 'videos', { entry: { planned: { ...PLANNED, seconds: 8 } } }],
    ['a charge without a call', 'unaccounted', { paidCalls: [] }],
    [
      'a paid call that belongs to no job',
      'unaccounted',
      { paidCalls: [CALL, { ...CALL, prompt: 'a dog' }] },
    ],
    [
      'a charged call whose attempt is recorded as not charged',
      'unaccounted',
      failedWith(attempt({ state: 'failed', charged: 'no', ...noOutputs })),
    ],
    [
      'an object that belongs to no attempt',
      'unaccounted',
      {
        objects: new Map([...[URI, `gs://out/jobs/${JOB}/att_9/x.mp4`].map((uri) => [uri, VIDEO] as const)]),
      },
    ],
    [
      'an attempt given up as unknown although its object existed',
      'unaccounted',
      failedWith(attempt({ state: 'unknown', charged: 'unknown', ...noOutputs })),
    ],
    [
      'a failure without a simulated fault',
      'failed without cause',
      { ...job({ status: 'failed', videos: undefined, error: { ...FAILED, code: 'INTERNAL' } }) },
    ],
    [
      'a cancellation that nobody requested',
      'failed without cause',
      job({ status: 'cancelled', videos: undefined }),
    ],
  ])('report %s', (_, rule, evidence) => {
    expect(rulesBroken(evidence)).toContain(rule);
  });

  it('accept a second attempt of a stage when the first call is proven to be free', () => {
    const first = attempt({
      id: 'att_0',
      operationName: 'operations/0',
      state: 'failed',
      charged: 'no',
      ...noOutputs,
    });
    const failed = { ...CALL, operationName: 'operations/0', storageUri: null, state: 'failed' };
    expect(rulesBroken({ ...job({ attempts: [first, ATTEMPT] }), paidCalls: [failed, CALL] })).toEqual([]);
  });

  it('accept a call whose answer was lost when its attempt has an unknown outcome', () => {
    const unknown = attempt({
      state: 'unknown',
      charged: 'unknown',
      operationName: undefined,
      ...noOutputs,
    });
    const call = { ...CALL, storageUri: null };
    expect(rulesBroken({ ...failedWith(unknown), paidCalls: [call], objects: new Map() })).toEqual([]);
  });
});
