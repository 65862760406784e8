/** The cost of a batch, its spending limit and its report, and how long it keeps the records of its jobs. */
import { beforeEach, describe, expect, it } from 'vitest';
import { advanceBatch, handleBatch } from '../../../functions/handlers/batch/batch.ts';
import { createJob } from '../../../functions/handlers/job/create-job.ts';
import { retry } from '../../../functions/handlers/job/retry-job.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import { batchNow, dieBeforeSaving, jsonl, kittens, reportOf, startBatch } from '../../support/batches.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { deliver, runFor } from '../../support/run.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The price of one video of four seconds. */
const USD = 0.4;
let world: World;
beforeEach(() => {
  const { settings } = makeWorld().services;
  // A quota that these tests never reach.
  world = makeWorld({
    settings: { ...settings, requestsPerMinute: 600_000, readablePrefixes: ['gs://in/shared/'] },
  });
  finishesAfter(world, 30_000);
});

/** The model refuses every call without a charge until the returned function is called. */
function refusing(): () => void {
  const { onSubmit } = world.vertex;
  world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'http', status: 400, message: 'no' } });
  return () => {
    world.vertex.onSubmit = onSubmit;
  };
}

const statuses = async (): Promise<string[]> => (await world.jobs.all()).map(({ status }) => status);

describe('maxSpendUsd', () => {
  it('does not count uncharged refusals: a retry at the cap runs every failed row', async () => {
    const accept = refusing();
    const batch = await startBatch(world, jsonl(kittens(10)), { maxSpendUsd: 10 * USD });
    await runFor(world, HOUR);
    accept();
    await advanceBatch(world.services, batch.batchId, { type: 'retry' });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', retriesLeft: 0 });
    const report = await reportOf(world, batch);
    expect(report.map(({ status, priceUsd }) => [status, priceUsd])).toEqual(
      Array.from({ length: 10 }, () => ['succeeded', USD]),
    );
  });

  it('counts a row that has a job although it is invalid when its chunk is read again', async () => {
    const image = { gcsUri: 'gs://in/shared/cat.png', mimeType: 'image/png' };
    world.input.put('shared/cat.png', PNG, 'image/png');
    const rows = [{ prompt: 'a cat', image, durationSeconds: 4 }, ...kittens(2)];
    const { batchId } = await startBatch(world, jsonl(rows), { maxSpendUsd: 2 * USD });
    await handleBatch(world.services, { batchId, seq: 1 });
    await dieBeforeSaving(world, { batchId, seq: 2 });
    world.input.remove('shared/cat.png');
    await runFor(world, HOUR);
    const { totals, cappedAtRow } = await batchNow(world, { batchId });
    expect([totals.valid, totals.faults, cappedAtRow]).toEqual([2, 0, 3]);
    expect(world.vertex.calls).toHaveLength(2);
  });

  it('counts a row that has a job before an earlier row that was invalid at first', async () => {
    const image = { gcsUri: 'gs://in/shared/cat.png', mimeType: 'image/png' };
    const rows = [{ prompt: 'a cat', image, durationSeconds: 4 }, ...kittens(2)];
    const { batchId } = await startBatch(world, jsonl(rows), { maxSpendUsd: 2 * USD });
    await handleBatch(world.services, { batchId, seq: 1 });
    await dieBeforeSaving(world, { batchId, seq: 2 });
    world.input.put('shared/cat.png', PNG, 'image/png');
    await runFor(world, HOUR);
    expect(await batchNow(world, { batchId })).toMatchObject({ status: 'done', cappedAtRow: 1 });
    expect(world.vertex.calls).toHaveLength(2);
  });

  it('that is too low for the first row is reported as the error, not an empty batch', async () => {
    const batch = await startBatch(world, jsonl(kittens(2)), { maxSpendUsd: 0.01 });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', cappedAtRow: 1 });
    expect(await reportOf(world, batch)).toMatchObject([
      { row: 1, status: 'not-admitted', error: { code: 'MAX_SPEND' } },
    ]);
  });
});

describe('a round of retries', () => {
  it('has no more than 500 unfinished jobs at once', async () => {
    const accept = refusing();
    const batch = await startBatch(world, jsonl(kittens(520)));
    await runFor(world, 5 * HOUR);
    accept();
    await advanceBatch(world.services, batch.batchId, { type: 'retry' });
    for (let steps = 0; steps < 20; steps++) {
      const now = await batchNow(world, batch);
      if (now.status !== 'retrying') break;
      await handleBatch(world.services, { batchId: batch.batchId, seq: now.wake.seq });
    }
    expect((await statuses()).filter((status) => status === 'queued')).toHaveLength(500);
    await runFor(world, 5 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', retriesLeft: 0 });
    expect((await statuses()).filter((status) => status === 'succeeded')).toHaveLength(520);
  });

  it('waits until the batch’s previous finished event is published', async () => {
    const published: string[] = [];
    let isDown = true;
    const publish = async ({ id }: { readonly id: string }): Promise<void> => {
      if (isDown) throw new Error('the topic does not exist');
      published.push(id);
    };
    const { services } = world;
    world = makeWorld({ events: { publish }, policy: { ...services.policy, announce: true } });
    refusing();
    const batch = await startBatch(world, jsonl(kittens(1)));
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done' });
    const again = () => advanceBatch(world.services, batch.batchId, { type: 'retry' });
    expect(await again()).toMatchObject({ isSaved: false, batch: { status: 'done' } });
    isDown = false;
    world.clock.advance(61_000);
    await handleSweep(world.services);
    expect(published).toContain(`${batch.batchId}.done`);
    expect(await again()).toMatchObject({ isSaved: true, batch: { status: 'retrying' } });
  });
});

describe('the report', () => {
  it('of a cancelled batch contains the possible cost of its running operations', async () => {
    finishesAfter(world, 180_000);
    const batch = await startBatch(world, jsonl(kittens(3)));
    await runFor(world, 30_000);
    await advanceBatch(world.services, batch.batchId, { type: 'cancel' });
    await runFor(world, HOUR);
    expect(await reportOf(world, batch)).toMatchObject(
      Array.from({ length: 3 }, () => ({ status: 'cancelled', priceUsd: 0, unknownUsd: USD })),
    );
  });

  it('of a row that was charged twice contains both charges', async () => {
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = () => ({ kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } });
    const batch = await startBatch(world, jsonl(kittens(1)));
    await runFor(world, 5 * HOUR);
    expect(await reportOf(world, batch)).toMatchObject([{ status: 'failed', priceUsd: 0, unknownUsd: USD }]);
    world.vertex.onSubmit = onSubmit;
    const [failed] = await world.jobs.all();
    if (!failed) throw new Error('no job');
    await retry(world.services, failed, { acceptDoubleCharge: true });
    await advanceBatch(world.services, batch.batchId, { type: 'retry' });
    await runFor(world, 5 * HOUR);
    expect(await reportOf(world, batch)).toMatchObject([
      { status: 'succeeded', priceUsd: USD, unknownUsd: USD },
    ]);
  });
});

describe('a slow chunk', () => {
  it('that creates jobs after the batch was cancelled pays for none of them', async () => {
    const batch = await startBatch(world, jsonl(kittens(25)));
    const { batchId } = batch;
    await handleBatch(world.services, { batchId, seq: 1 });
    const create = world.jobs.create.bind(world.jobs);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let made = 0;
    const isAtTheGate = new Promise<void>((resolve) => {
      world.jobs.create = async (job) => {
        if (made++ === 4) resolve();
        if (made > 4) await gate;
        return create(job);
      };
    });
    world.tasks.waitingBatches.length = 0;
    const slow = handleBatch(world.services, { batchId, seq: 2 });
    await isAtTheGate;
    await advanceBatch(world.services, batchId, { type: 'cancel' });
    await runFor(world, 10 * 60_000);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'cancelled' });
    open();
    await slow;
    await runFor(world, HOUR);
    expect(new Set(await statuses())).toEqual(new Set(['cancelled']));
    expect(world.vertex.calls).toEqual([]);
  });
});

describe('a job that is created after its batch was cancelled', () => {
  /** Creates a job as a slow chunk does, and delivers its task. */
  const madeLate = async (batchId: string): Promise<void> => {
    const [body] = kittens(1);
    await createJob(world.services, { caller: 'local', body, batch: { batchId, row: 1 } });
    const task = world.tasks.waiting.pop();
    if (task) await deliver(world, task);
  };

  it('is not paid for while the report is written', async () => {
    const { batchId } = await startBatch(world, jsonl(kittens(1)));
    await advanceBatch(world.services, batchId, { type: 'cancel' });
    await advanceBatch(world.services, batchId, { type: 'settled', seq: 2 });
    expect(await batchNow(world, { batchId })).toMatchObject({ status: 'reporting' });
    await madeLate(batchId);
    expect([await statuses(), world.vertex.calls]).toEqual([['cancelled'], []]);
  });

  it('is not paid for while the failed jobs are retried', async () => {
    const { batchId } = await startBatch(world, jsonl(kittens(1)));
    await advanceBatch(world.services, batchId, { type: 'cancel' });
    await runFor(world, HOUR);
    await advanceBatch(world.services, batchId, { type: 'retry' });
    expect(await batchNow(world, { batchId })).toMatchObject({ status: 'retrying' });
    await madeLate(batchId);
    expect([await statuses(), world.vertex.calls]).toEqual([['cancelled'], []]);
  });
});

describe('the records of the jobs of a batch', () => {
  const held = async (batchId: string): Promise<number> =>
    (await world.jobs.heldByBatch(batchId, 1000)).length;

  it('are kept while the batch runs, however long, and released after the retention period', async () => {
    world.batches.keepFinishedMs = 2 * DAY;
    const batch = await startBatch(world, jsonl(kittens(120)));
    const { batchId } = batch;
    const create = world.jobs.create.bind(world.jobs);
    let made = 0;
    world.jobs.create = async (job) => {
      if (++made === 40) await advanceBatch(world.services, batchId, { type: 'pause' });
      return create(job);
    };
    await runFor(world, HOUR);
    const before = await held(batchId);
    expect(before).toBeGreaterThan(0);
    world.clock.advance(30 * DAY);
    await handleSweep(world.services);
    expect(await held(batchId)).toBe(before);
    await advanceBatch(world.services, batchId, { type: 'resume' });
    await runFor(world, 5 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done' });
    // The jobs of the chunk that the pause interrupted were found again, not created again.
    expect(world.vertex.calls).toHaveLength(120);
    expect(await held(batchId)).toBe(120);

    world.clock.advance(2 * DAY);
    for (let run = 0; run < 3; run++) await handleSweep(world.services);
    expect(await held(batchId)).toBe(0);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', lettingGo: 'done' });
    expect(await world.batches.dueForRelease(world.clock.now(), 10)).toEqual([]);
    expect(await advanceBatch(world.services, batchId, { type: 'retry' })).toMatchObject({ isSaved: false });
  });

  it('are kept for a new retention period after a retry, with the records of the retries', async () => {
    world.batches.keepFinishedMs = 2 * DAY;
    const accept = refusing();
    const batch = await startBatch(world, jsonl(kittens(2)));
    const { batchId } = batch;
    await runFor(world, HOUR);
    accept();
    world.clock.advance(DAY);
    await advanceBatch(world.services, batchId, { type: 'retry' });
    await runFor(world, HOUR);
    world.clock.advance(DAY);
    await handleSweep(world.services);
    expect(await held(batchId)).toBe(4);
    world.clock.advance(DAY);
    for (let run = 0; run < 2; run++) await handleSweep(world.services);
    expect(await held(batchId)).toBe(0);
  });
});
