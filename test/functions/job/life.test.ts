/** The life of a job through the real handlers, with in-memory ports and a simulated clock. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { liveAttemptOf, wakeOf } from '../../../functions/core/job/job.ts';
import { totalUsd } from '../../../functions/core/job/spend.ts';
import { advanceAndPerform } from '../../../functions/handlers/job/advance.ts';
import { handleLanded } from '../../../functions/handlers/job/landed.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { deliver, runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('a job on Vertex', () => {
  it('goes from queued to succeeded with one paid call, and records its videos', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE, 2);
    const job = await accept(world, { sampleCount: 2 });
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'succeeded', videos: [{ bytes: 5 }, { bytes: 5 }] });
    expect(done.attempts).toMatchObject([{ outcome: 'landed', charged: 'yes' }]);
    expect(world.vertex.calls).toHaveLength(1);
    expect(world.vertex.calls[0]?.outputUri).toBe(`gs://out/${done.attempts[0]?.outputPrefix}`);
    expect(wakeOf(done)).toBeUndefined();
  });

  it('is polled at most 30 times, even at the model’s longest latency', async () => {
    const world = makeWorld();
    finishesAfter(world, 6 * MINUTE);
    await accept(world);
    await runFor(world, HOUR);
    expect(world.vertex.polls).toBeLessThanOrEqual(30);
  });

  it('saves submitting before the paid call is made (I1)', async () => {
    const world = makeWorld();
    const job = await accept(world);
    const { onSubmit } = world.vertex;
    let statusDuringCall: string | undefined;
    world.vertex.onSubmit = async (call) => {
      statusDuringCall = (await stored(world, job)).status;
      return onSubmit(call);
    };
    await runFor(world, 1);
    expect(statusDuringCall).toBe('submitting');
  });

  it('makes one paid call if its submit task is delivered five times at once', async () => {
    const world = makeWorld();
    await accept(world);
    const task = world.tasks.take(world.clock.now());
    if (!task) throw new Error('no task');
    await Promise.all([1, 2, 3, 4, 5].map(() => deliver(world, task)));
    await deliver(world, task);
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is polled when an object appears, and again after 1, 2 and 4 seconds', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await runFor(world, 30_000);
    const { attemptId } = liveAttemptOf(await stored(world, job)) ?? {};
    const pollsBefore = world.vertex.polls;
    await handleLanded(world.services, {
      bucket: 'out',
      name: `jobs/${job.jobId}/${attemptId}/1/sample_0.mp4`,
    });
    const at = world.clock.now();
    const times: number[] = [];
    world.vertex.onPoll = () => {
      times.push(world.clock.now() - at);
      return { kind: 'running' };
    };
    await runFor(world, 8_000);
    expect(times).toEqual([0, 1000, 3000, 7000]);
    expect(world.vertex.polls).toBe(pollsBefore + 4);
  });

  it('ignores objects of another bucket, of another attempt, and of no job', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await runFor(world, 1);
    const before = world.jobs.writes;
    await handleLanded(world.services, { bucket: 'other', name: `jobs/${job.jobId}/x/1/sample_0.mp4` });
    await handleLanded(world.services, { bucket: 'out', name: `jobs/${job.jobId}/att_other/1/sample_0.mp4` });
    await handleLanded(world.services, { bucket: 'out', name: 'reports/2026.csv' });
    const lines = world.log.length;
    await handleLanded(world.services, { bucket: 'out', name: `claims/${job.jobId}/att_x.json` });
    expect(world.log).toHaveLength(lines);
    expect(world.jobs.writes).toBe(before);
  });
});

describe('a call that the model refuses', () => {
  it('with 400 fails the job, without a charge and without a second call', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 400, message: 'bad combination' },
    });
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'INVALID_ARGUMENT', charged: 'no', retryable: false },
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('with 429 queues the job again with the reason, however often, and counts no attempt', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const { onSubmit } = world.vertex;
    let refusals = 0;
    world.vertex.onSubmit = (call) => {
      if (refusals++ < 8)
        return { kind: 'failed', signal: { kind: 'http', status: 429, message: 'Quota exceeded' } };
      return onSubmit(call);
    };
    const job = await accept(world);
    await runFor(world, 1);
    expect(await stored(world, job)).toMatchObject({
      status: 'queued',
      reason: 'RESOURCE_EXHAUSTED: Quota exceeded',
    });
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done.status).toBe('succeeded');
    expect(done.attempts).toHaveLength(1);
  });

  it('is not claimed while it cannot be prepared; the job waits with the reason', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    world.vertex.notReady = 'no credentials';
    const job = await accept(world);
    await runFor(world, 10 * MINUTE);
    expect(await stored(world, job)).toMatchObject({
      status: 'queued',
      reason: 'NOT_READY: no credentials',
      attempts: [],
    });
    world.vertex.notReady = undefined;
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('fails the job at its deadline without a charge if it can never be prepared', async () => {
    const world = makeWorld();
    world.vertex.notReady = 'no credentials';
    const job = await accept(world);
    await runFor(world, 25 * HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED', charged: 'no' },
    });
  });

  it('is repeated only after Retry-After', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 429, message: 'slow down', retryAfterMs: 90_000 },
    });
    const job = await accept(world);
    const at = world.clock.now();
    await runFor(world, 1);
    expect(wakeOf(await stored(world, job))?.at).toBe(at + 90_000);
  });

  it('fails as SAFETY_FILTERED with the category and no charge if all videos were filtered', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({
      kind: 'done',
      result: { sources: [], filteredCount: 1, filteredReasons: ['Sorry. Support codes: 15236754'] },
    });
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'SAFETY_FILTERED', categories: ['celebrity'], charged: 'no' },
      attempts: [{ outcome: 'filtered', charged: 'no' }],
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('succeeds with fewer videos and the reasons if some were filtered', async () => {
    const world = makeWorld();
    const job = await accept(world, { sampleCount: 2 });
    world.vertex.onPoll = () => {
      const name = `${world.vertex.calls[0]?.outputUri.replace('gs://out/', '')}1/sample_0.mp4`;
      world.output.put(name, Buffer.from('video'));
      const sources = [{ uri: `gs://out/${name}` }];
      return {
        kind: 'done',
        result: { sources, filteredCount: 1, filteredReasons: ['no. Support codes: 58061214'] },
      };
    };
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'succeeded', videos: [{}], filteredCount: 1 });
  });

  it('is charged for the videos it delivered, even if its answer was lost and they were found in the bucket', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = ({ outputUri }) => {
      world.output.put(`${outputUri.replace('gs://out/', '')}1/sample_0.mp4`, Buffer.from('video'));
      return { kind: 'failed', signal: { kind: 'network', sent: true, message: 'reset' } };
    };
    const job = await accept(world, { sampleCount: 4, durationSeconds: 8, model: 'veo-3.1-generate-001' });
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'succeeded', videos: [{}], attempts: [{ reservedUsd: 12.8 }] });
    expect(totalUsd(done, done.attempts, 'yes')).toBe(3.2);
    expect(world.log.flatMap(({ fields }) => fields['spentUsd'] ?? [])).toEqual([3.2]);
  });

  it('is submitted again after INTERNAL, at most three times in total', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({ kind: 'error', code: 13, message: 'Internal error' });
    const job = await accept(world);
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'failed', error: { code: 'PROVIDER_INTERNAL', retryable: true } });
    expect(world.vertex.calls).toHaveLength(3);
    expect(new Set(world.vertex.calls.map(({ outputUri }) => outputUri)).size).toBe(3);
  });

  it('is submitted again a minute after the service agents of a new project were not ready', async () => {
    const world = makeWorld();
    finishesAfter(world, 60_000);
    const message = 'Service agents are being provisioned. So please try again in a few minutes.';
    const { onPoll, onSubmit } = world.vertex;
    const times: number[] = [];
    world.vertex.onSubmit = (call) => {
      times.push(world.clock.now());
      return onSubmit(call);
    };
    world.vertex.onPoll = (operation) =>
      times.length === 1 ? { kind: 'error', code: 9, message } : onPoll(operation);
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'succeeded',
      attempts: [{ charged: 'no' }, {}],
    });
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(60_000);
  });

  it('is not submitted again if it may have been charged', async () => {
    for (const code of [1, 4]) {
      const world = makeWorld();
      world.vertex.onPoll = () => ({ kind: 'error', code, message: 'ended' });
      const job = await accept(world);
      await runFor(world, HOUR);
      expect(await stored(world, job)).toMatchObject({
        status: 'failed',
        error: { retryable: true, charged: 'unknown' },
      });
      expect(world.vertex.calls).toHaveLength(1);
    }
  });

  it('that ends without videos and without a reason fails as NO_VIDEOS', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({
      kind: 'done',
      result: { sources: [], filteredCount: 0, filteredReasons: [] },
    });
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'NO_VIDEOS', charged: 'unknown' },
    });
  });

  it('succeeds with the videos under the prefix if the answer names none', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => {
      world.output.put(
        `${world.vertex.calls[0]?.outputUri.replace('gs://out/', '')}1/sample_0.mp4`,
        Buffer.from('video'),
      );
      return { kind: 'done', result: { sources: [], filteredCount: 0, filteredReasons: [] } };
    };
    const job = await accept(world);
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'succeeded', videos: [{}] });
  });
});

describe('an unknown outcome (I2)', () => {
  const lost = [
    ['a time-out', { kind: 'timeout', message: 'no answer' }],
    ['a reset after sending', { kind: 'network', sent: true, message: 'fetch failed (ECONNRESET)' }],
    ['HTTP 500', { kind: 'http', status: 500, message: 'Internal' }],
    ['HTTP 503', { kind: 'http', status: 503, message: 'Unavailable' }],
    ['HTTP 504', { kind: 'http', status: 504, message: 'Deadline' }],
    ['a 200 that cannot be read', { kind: 'unreadable', message: 'not JSON' }],
  ] as const;

  it.each(lost)('after %s makes the job uncertain, and nothing is submitted again', async (_, signal) => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal });
    const job = await accept(world);
    await runFor(world, MINUTE);
    expect((await stored(world, job)).status).toBe('uncertain');
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'OUTCOME_UNKNOWN', charged: 'unknown' },
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is resolved by objects that appear under the attempt’s prefix', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    const job = await accept(world);
    await runFor(world, 3 * MINUTE);
    world.output.put(
      `${world.vertex.calls[0]?.outputUri.replace('gs://out/', '')}1/sample_0.mp4`,
      Buffer.from('video'),
    );
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'succeeded',
      attempts: [{ outcome: 'landed', charged: 'yes' }],
    });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is resolved by objects that appear after the job has failed, and the job stays failed', async () => {
    const world = makeWorld();
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = async (call) => {
      await onSubmit(call);
      return { kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } };
    };
    const job = await accept(world);
    await runFor(world, HOUR);
    const given = await stored(world, job);
    expect(given).toMatchObject({ status: 'failed', error: { code: 'OUTCOME_UNKNOWN' } });
    const name = `${given.attempts[0]?.outputPrefix}1084/sample_0.mp4`;
    world.output.put(name, Buffer.from('video'));
    await handleLanded(world.services, { bucket: 'out', name });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'OUTCOME_UNKNOWN' },
      attempts: [{ outcome: 'landed', charged: 'yes', videos: [{ bytes: 5 }] }],
    });
  });

  it('is submitted again only if the deployment is configured so', async () => {
    const base = makeWorld();
    const world = makeWorld({ policy: { ...base.services.policy, unknownOutcome: 'resubmit' } });
    finishesAfter(world, MINUTE);
    const accepted = world.vertex.onSubmit;
    world.vertex.onSubmit = (call) =>
      world.vertex.calls.length === 1
        ? { kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } }
        : accepted(call);
    const job = await accept(world);
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(2);
  });

  it('after a crash between claim and answer is found by the sweep', async () => {
    const world = makeWorld();
    const job = await accept(world);
    const task = world.tasks.take(world.clock.now());
    if (!task) throw new Error('no task');
    // The process crashes during the call: nothing after the call runs.
    const dying = new Promise<never>(() => undefined);
    world.vertex.onSubmit = () => dying;
    void deliver(world, task);
    await new Promise(setImmediate);
    expect((await stored(world, job)).status).toBe('submitting');
    await deliver(world, task);
    expect(world.vertex.calls).toHaveLength(1);
    await runFor(world, 4 * MINUTE);
    expect((await stored(world, job)).status).toBe('uncertain');
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'failed', error: { code: 'OUTCOME_UNKNOWN' } });
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('is resolved by an answer that arrives after the lease has expired', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const job = await accept(world);
    const task = world.tasks.take(world.clock.now());
    if (!task) throw new Error('no task');
    let answer: (() => void) | undefined;
    const accepted = world.vertex.onSubmit;
    world.vertex.onSubmit = async (call) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return accepted(call);
    };
    const submitting = deliver(world, task);
    await new Promise(setImmediate);
    await runFor(world, 4 * MINUTE);
    expect((await stored(world, job)).status).toBe('uncertain');
    answer?.();
    await submitting;
    expect((await stored(world, job)).status).toBe('running');
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
  });

  it('results if the provider no longer knows the operation, and is resolved by its videos', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 404, message: 'not found' },
    });
    const job = await accept(world);
    await runFor(world, MINUTE);
    expect((await stored(world, job)).status).toBe('uncertain');
    world.output.put(
      `${world.vertex.calls[0]?.outputUri.replace('gs://out/', '')}1/sample_0.mp4`,
      Buffer.from('video'),
    );
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
  });
});

describe('failed polls', () => {
  it('are repeated with growing delays, which one successful poll resets', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const answer = world.vertex.onPoll;
    let failures = 0;
    world.vertex.onPoll = (operation) => {
      if (failures++ < 6)
        return { kind: 'failed', signal: { kind: 'http', status: 503, message: 'Unavailable' } };
      return answer(operation);
    };
    const job = await accept(world);
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
  });

  it('lead after ten in a row to a search for the objects, and finally to an unknown outcome', async () => {
    const world = makeWorld();
    world.vertex.onPoll = () => ({
      kind: 'failed',
      signal: { kind: 'network', sent: true, message: 'reset' },
    });
    const job = await accept(world);
    await runFor(world, 2 * HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'uncertain',
      attempt: { looks: expect.any(Number) },
    });
    await runFor(world, 12 * HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'OUTCOME_UNKNOWN', message: expect.stringContaining('operation operations/1') },
    });
  });

  it('of a provider that delivers by download are resolved by one successful poll hours later', async () => {
    const world = makeWorld();
    const { clock, gemini } = world;
    const outageUntil = clock.now() + 5 * HOUR;
    gemini.onPoll = () =>
      clock.now() < outageUntil
        ? { kind: 'failed', signal: { kind: 'http', status: 503, message: 'outage' } }
        : { kind: 'done', result: { sources: [{ uri: 'u' }], filteredCount: 0, filteredReasons: [] } };
    gemini.onDownload = async () => ({
      kind: 'body',
      contentType: 'video/mp4',
      body: Readable.from([Buffer.from('video')]),
    });
    const job = await accept(world, { provider: 'gemini', model: 'veo-3.1-generate-preview' });
    await runFor(world, 4 * HOUR);
    expect((await stored(world, job)).status).toBe('uncertain');
    await runFor(world, 4 * HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'succeeded', videos: [{ bytes: 5 }] });
    expect(gemini.calls).toHaveLength(1);
  });

  it('with a single 404 do not fail a job of the Developer API', async () => {
    const world = makeWorld();
    const { gemini } = world;
    gemini.onPoll = () =>
      gemini.polls === 1
        ? { kind: 'failed', signal: { kind: 'http', status: 404, message: 'not found' } }
        : { kind: 'done', result: { sources: [{ uri: 'u' }], filteredCount: 0, filteredReasons: [] } };
    gemini.onDownload = async () => ({
      kind: 'body',
      contentType: 'video/mp4',
      body: Readable.from([Buffer.from('video')]),
    });
    const job = await accept(world, { provider: 'gemini', model: 'veo-3.1-generate-preview' });
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
  });
});

describe('landing', () => {
  it('is repeated while the bucket fails', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    const job = await accept(world);
    const answer = world.vertex.onPoll;
    world.vertex.onPoll = async (operation) => {
      const done = await answer(operation);
      if (done.kind === 'done') world.output.failNext = 5;
      return done;
    };
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
  });

  it('streams the videos of the Developer API into the bucket, and a repeated landing keeps stored ones', async () => {
    const world = makeWorld();
    const job = await accept(world, { provider: 'gemini', model: 'veo-3.1-generate-preview' });
    const sources = [{ uri: 'https://files.test/a' }];
    world.gemini.onPoll = () => ({
      kind: 'done',
      result: { sources, filteredCount: 0, filteredReasons: [] },
    });
    let downloads = 0;
    world.gemini.onDownload = async () => {
      downloads++;
      if (downloads === 1)
        return { kind: 'failed', signal: { kind: 'network', sent: true, message: 'reset' } };
      return {
        kind: 'body',
        contentType: 'video/mp4',
        body: Readable.from([Buffer.from('vid'), Buffer.from('eo')]),
      };
    };
    await runFor(world, HOUR);
    const done = await stored(world, job);
    expect(done).toMatchObject({ status: 'succeeded', videos: [{ bytes: 5, contentType: 'video/mp4' }] });
    expect(downloads).toBe(2);
    expect(world.gemini.calls).toHaveLength(1);
  });

  it('fails with the reason if the provider no longer has the file', async () => {
    const world = makeWorld();
    const job = await accept(world, { provider: 'gemini', model: 'veo-3.1-generate-preview' });
    const sources = [{ uri: 'https://files.test/a' }];
    world.gemini.onPoll = () => ({
      kind: 'done',
      result: { sources, filteredCount: 0, filteredReasons: [] },
    });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({
      status: 'failed',
      error: { code: 'RESULT_EXPIRED', charged: 'yes' },
    });
  });
});

describe('the sweep (I3, I6)', () => {
  it('enqueues the wake of a job whose first task was never enqueued', async () => {
    const world = makeWorld();
    finishesAfter(world, MINUTE);
    world.tasks.failNext = 1;
    const job = await accept(world);
    expect(world.tasks.waiting).toHaveLength(0);
    await runFor(world, HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('finishes a job although every second task is lost', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const job = await accept(world);
    const { take } = world.tasks;
    let n = 0;
    world.tasks.take = function (now) {
      const task = take.call(this, now);
      return task && n++ % 2 === 0 ? take.call(this, now) : task;
    };
    await runFor(world, 3 * HOUR);
    expect((await stored(world, job)).status).toBe('succeeded');
    expect(world.vertex.calls).toHaveLength(1);
  });

  it('does not re-enqueue a task that still waits in its queue', async () => {
    const world = makeWorld();
    await accept(world);
    world.clock.advance(10 * MINUTE);
    expect(await handleSweep(world.services)).toMatchObject({ waiting: 1, reEnqueued: 0 });
    expect(world.tasks.waiting).toHaveLength(1);
    expect(world.tasks.enqueued).toBe(1);
  });

  it('enqueues one task if two sweeps run at once', async () => {
    const world = makeWorld();
    world.tasks.failNext = 1;
    await accept(world);
    world.clock.advance(10 * MINUTE);
    await Promise.all([handleSweep(world.services), handleSweep(world.services)]);
    expect(world.tasks.waiting).toHaveLength(1);
  });

  it('ends a job at its deadline and keeps polling its attempt', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await runFor(world, MINUTE);
    world.clock.advance(25 * HOUR);
    await runFor(world, 10 * MINUTE);
    const ended = await stored(world, job);
    expect(ended).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED', charged: 'unknown' },
    });
    finishesAfter(world, 0);
    await runFor(world, 2 * HOUR);
    const after = await stored(world, job);
    expect(after).toMatchObject({
      status: 'failed',
      error: { code: 'DEADLINE_EXCEEDED' },
      attempts: [{ outcome: 'landed' }],
    });
    expect(wakeOf(after)).toBeUndefined();
  });
});

describe('cancelling', () => {
  it('before the paid call is final and costs nothing', async () => {
    const world = makeWorld();
    const job = await accept(world);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    await runFor(world, HOUR);
    expect(await stored(world, job)).toMatchObject({ status: 'cancelled', attempts: [] });
    expect(world.vertex.calls).toHaveLength(0);
  });

  it('after the paid call keeps the job cancelled, and the attempt is polled until its charge is known', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const job = await accept(world);
    await runFor(world, MINUTE);
    await advanceAndPerform(world.services, job.jobId, { type: 'cancel' });
    expect((await stored(world, job)).status).toBe('cancelled');
    await runFor(world, HOUR);
    const after = await stored(world, job);
    expect(after).toMatchObject({ status: 'cancelled', attempts: [{ outcome: 'landed', charged: 'yes' }] });
    expect(wakeOf(after)).toBeUndefined();
  });
});

describe('the log', () => {
  it('has one entry per transition, with job and attempt, without the prompt', async () => {
    const world = makeWorld();
    finishesAfter(world, 2 * MINUTE);
    const job = await accept(world);
    await runFor(world, HOUR);
    const transitions = world.log.filter(({ fields }) => 'to' in fields).map(({ fields }) => fields['to']);
    expect(transitions).toEqual(['queued', 'submitting', 'running', 'landing', 'succeeded']);
    expect(world.log.every(({ fields }) => fields['job'] === job.jobId)).toBe(true);
    expect(JSON.stringify(world.log)).not.toContain('kitten');
  });
});
