/** The rows and the estimate of a batch that is paused or cancelled while a task reads its manifest. */
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { handleBatch } from '../../../functions/handlers/batch/batch.ts';
import { apiOf } from '../../support/api-client.ts';
import { dieBeforeSaving, jsonl, kittens, reportOf, startBatch } from '../../support/batches.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const HOUR = 3_600_000;
const PRICE_USD = 0.4;
/** The first wake opens the manifest, the second reads the first chunk. */
const CHUNK = 2;

const viewSchema = z.object({
  status: z.string(),
  rows: z.object({
    read: z.number(),
    valid: z.number(),
    invalid: z.number(),
    counting: z.literal(true).optional(),
  }),
  estimate: z.object({ seconds: z.number(), priceUsd: z.number() }),
  jobs: z.record(z.string(), z.number()).optional(),
});
type View = z.infer<typeof viewSchema>;

let world: World;
beforeEach(() => {
  const { settings } = makeWorld().services;
  world = makeWorld({
    settings: { ...settings, requestsPerMinute: 600_000, readablePrefixes: ['gs://in/shared/'] },
  });
  finishesAfter(world, 30_000);
});

const act = async (batchId: string, action: string): Promise<View> =>
  viewSchema.parse((await apiOf(world).post(`/v1/batches/${batchId}/${action}`)).body);
const viewOf = async (batchId: string): Promise<View> =>
  viewSchema.parse((await apiOf(world).get(`/v1/batches/${batchId}`)).body);
const listed = async (): Promise<View[]> =>
  z.object({ batches: z.array(viewSchema) }).parse((await apiOf(world).get('/v1/batches')).body).batches;

/** Starts a batch and opens its manifest. The next task reads the first chunk. */
async function opened(rows: readonly unknown[], body: Record<string, unknown> = {}): Promise<string> {
  const { batchId } = await startBatch(world, jsonl(rows), body);
  await handleBatch(world.services, { batchId, seq: 1 });
  return batchId;
}

interface Held {
  readonly reached: Promise<void>;
  release(): void;
}

/** Stops a call until it is released. */
function gate(): Held & { pass(): Promise<void> } {
  const reached = signal();
  const released = signal();
  return {
    reached: reached.sent,
    release: released.send,
    pass: () => {
      reached.send();
      return released.sent;
    },
  };
}

function signal(): { readonly sent: Promise<void>; send(): void } {
  let send = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    send = resolve;
  });
  return { sent, send };
}

/** Holds the chunk where it makes the job of this row, after the later rows of the same slice have got their jobs. */
function holdJobOf(row: number, last = 50): Held {
  const reached = signal();
  const released = signal();
  const create = world.jobs.create.bind(world.jobs);
  world.jobs.create = async (job, guard) => {
    if (job.batch?.row === row) await released.sent;
    const created = await create(job, guard);
    if (job.batch?.row === last) reached.send();
    return created;
  };
  return { reached: reached.sent, release: released.send };
}

/** Sent when a request begins to wait for the chunk. */
let waiting: ReturnType<typeof signal>;
let waits = 0;
beforeEach(() => {
  waiting = signal();
  waits = 0;
  const waitFor = world.batches.waitFor.bind(world.batches);
  world.batches.waitFor = (...of) => {
    const batch = waitFor(...of);
    waits++;
    waiting.send();
    return batch;
  };
});

/** Sends the request while the chunk is held, and releases the chunk once the request waits for it. */
async function interrupt(
  batchId: string,
  held: Held,
  action: 'pause' | 'cancel',
  seq = CHUNK,
): Promise<View> {
  const chunk = handleBatch(world.services, { batchId, seq });
  await held.reached;
  const answer = act(batchId, action);
  await waiting.sent;
  held.release();
  await chunk;
  return answer;
}

const made = async (): Promise<number> => (await world.jobs.all()).length;

describe.each(['pause', 'cancel'] as const)('the answer to a %s', (action) => {
  it('while a chunk makes jobs counts every job, also those after the first row without one', async () => {
    const batchId = await opened(kittens(90));
    const answer = await interrupt(batchId, holdJobOf(31), action);
    // Rows 32 to 50 are of the same slice as row 31.
    expect(await made()).toBe(49);
    expect(answer).toMatchObject({
      rows: { read: 49, valid: 49, invalid: 0 },
      estimate: { seconds: 49 * 4, priceUsd: 49 * PRICE_USD },
      jobs: { queued: 49 },
    });
    expect(answer.rows).not.toHaveProperty('counting');
    expect((await viewOf(batchId)).rows).toEqual(answer.rows);
    expect((await listed())[0]).toMatchObject({ rows: answer.rows, estimate: answer.estimate });
  });

  it('while a chunk makes jobs counts the invalid rows before the first row without a job', async () => {
    const rows = kittens(90).map((row, n) => ([5, 28, 40].includes(n + 1) ? { prompt: 7 } : row));
    const batchId = await opened(rows);
    const answer = await interrupt(batchId, holdJobOf(31), action);
    expect(await made()).toBe(46);
    expect(answer.rows).toEqual({ read: 48, valid: 46, invalid: 2 });
    expect((await viewOf(batchId)).rows).toEqual(answer.rows);
  });

  it('while a chunk only validates counts the rows that were validated, and ends the chunk', async () => {
    const image = { gcsUri: 'gs://in/shared/cat.png' };
    const rows = kittens(300).map((row, n) => (n === 60 ? { prompt: 'a cat', image } : row));
    const batchId = await opened(rows, { dryRun: true });
    const held = gate();
    const head = world.input.head.bind(world.input);
    world.input.head = async (...of) => {
      await held.pass();
      return head(...of);
    };
    const chunk = handleBatch(world.services, { batchId, seq: CHUNK });
    await held.reached;
    world.clock.advance(500);
    const answer = act(batchId, action);
    await waiting.sent;
    held.release();
    await chunk;
    const { rows: counts } = await answer;
    // The image of row 61 does not exist. At most eight rows are validated at once, in slices of 25.
    expect(counts.invalid).toBe(1);
    expect(counts.read).toBeGreaterThanOrEqual(61);
    expect(counts.read).toBeLessThanOrEqual(75);
    expect((await viewOf(batchId)).rows).toEqual(counts);
  });

  it('does not wait if no chunk is being read', async () => {
    const batchId = await opened(kittens(150));
    const fresh = await act(batchId, action);
    expect(fresh).toMatchObject({ rows: { read: 0 }, jobs: { queued: 0 } });
    await handleBatch(world.services, { batchId, seq: CHUNK });
    expect(await made()).toBe(0);
    const other = await opened(kittens(150));
    await handleBatch(world.services, { batchId: other, seq: CHUNK });
    expect(await act(other, action)).toMatchObject({ rows: { read: 100, valid: 100 } });
    expect(waits).toBe(0);
  });

  it('after a crash counts all jobs, and says that invalid rows are still being counted', async () => {
    const batchId = await opened([{ prompt: 7 }, ...kittens(89)]);
    const create = world.jobs.create.bind(world.jobs);
    world.jobs.create = async (job, guard) => {
      if (job.batch?.row === 31) throw new Error('crash');
      return create(job, guard);
    };
    await expect(handleBatch(world.services, { batchId, seq: CHUNK })).rejects.toThrow('crash');
    const count = await made();
    const first = act(batchId, action);
    await waiting.sent;
    world.batches.timeOut();
    const answer = await first;
    expect(answer.rows).toEqual({ read: count, valid: count, invalid: 0, counting: true });
    expect(answer.estimate.priceUsd).toBeCloseTo(count * PRICE_USD);
    expect(answer.jobs).toMatchObject({ queued: count });
    // Cloud Tasks delivers the failed task again, while the next request waits.
    waiting = signal();
    const again = act(batchId, action);
    await waiting.sent;
    await handleBatch(world.services, { batchId, seq: CHUNK });
    expect((await again).rows).toEqual({ read: count, valid: count, invalid: 0 });
    expect(await made()).toBe(count);
  });

  it('is 200 although the wait for the chunk fails', async () => {
    const batchId = await opened(kittens(90));
    const held = holdJobOf(31);
    const chunk = handleBatch(world.services, { batchId, seq: CHUNK });
    await held.reached;
    world.batches.waitFor = () => Promise.reject(new Error('the listener failed'));
    const { status, body } = await apiOf(world).post(`/v1/batches/${batchId}/${action}`);
    expect([status, viewSchema.parse(body).rows.counting]).toEqual([200, true]);
    expect(world.log.at(-1)).toMatchObject({ severity: 'WARNING' });
    held.release();
    await chunk;
    expect((await viewOf(batchId)).rows).toEqual({ read: 49, valid: 49, invalid: 0 });
  });
});

describe('a chunk that is interrupted', () => {
  it('by a pause makes no job until the resume; then no count decreases, and each row gets one job', async () => {
    const batchId = await opened(kittens(90));
    await interrupt(batchId, holdJobOf(31), 'pause');
    await runFor(world, HOUR);
    expect(await made()).toBe(49);
    expect((await act(batchId, 'resume')).rows.read).toBe(49);
    expect((await viewOf(batchId)).rows.read).toBe(49);
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({ status: 'done', rows: { read: 90, valid: 90 } });
    expect(world.vertex.calls).toHaveLength(90);
  });

  it('by a cancel counts exactly the rows that the report lists, and those of the answer', async () => {
    const batchId = await opened([...kittens(10), { prompt: 7 }, ...kittens(79)]);
    const { rows, estimate } = await interrupt(batchId, holdJobOf(31), 'cancel');
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({ status: 'cancelled', rows, estimate });
    expect(await reportOf(world, { batchId })).toHaveLength(rows.read);
    expect(world.vertex.calls).toEqual([]);
  });

  it('by a pause and then by a cancel counts each row once', async () => {
    const batchId = await opened(kittens(90));
    await interrupt(batchId, holdJobOf(31), 'pause');
    expect((await act(batchId, 'cancel')).rows.read).toBe(49);
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({ status: 'cancelled', rows: { read: 49, valid: 49 } });
  });

  it('by a crash and then by a cancel is counted too', async () => {
    const batchId = await opened(kittens(30));
    await dieBeforeSaving(world, { batchId, seq: CHUNK });
    const answer = act(batchId, 'cancel');
    await waiting.sent;
    await runFor(world, HOUR);
    expect((await answer).rows).toMatchObject({ read: 30, valid: 30 });
    expect(await viewOf(batchId)).toMatchObject({ status: 'cancelled', rows: { read: 30, valid: 30 } });
  });

  it('in the second pass of a strict batch, by a pause at a new fault, is read again after the resume', async () => {
    world.input.put('shared/cat.png', PNG, 'image/png');
    const image = { gcsUri: 'gs://in/shared/cat.png' };
    const rows = [...kittens(2), { prompt: 'a cat', image }, ...kittens(40)];
    const { batchId } = await startBatch(world, jsonl(rows), { strict: true });
    await handleBatch(world.services, { batchId, seq: 1 });
    await handleBatch(world.services, { batchId, seq: 2 });
    world.input.objects.delete('shared/cat.png');
    const held = gate();
    const write = world.output.writeOnce.bind(world.output);
    world.output.writeOnce = async (...of) => {
      await held.pass();
      return write(...of);
    };
    const answer = await interrupt(batchId, held, 'pause', 3);
    expect(answer).toMatchObject({ status: 'paused', rows: { read: 2, valid: 2, invalid: 0 } });
    expect(answer.rows).not.toHaveProperty('counting');
    await act(batchId, 'resume');
    await runFor(world, HOUR);
    expect(await viewOf(batchId)).toMatchObject({
      status: 'failed',
      rows: { read: 3, valid: 2, invalid: 1 },
    });
  });
});

describe('a batch that is being read', () => {
  it('shows the jobs of the chunk that is not counted yet', async () => {
    const batchId = await opened(kittens(90));
    const held = holdJobOf(31);
    const chunk = handleBatch(world.services, { batchId, seq: CHUNK });
    await held.reached;
    expect(await viewOf(batchId)).toMatchObject({ status: 'expanding', rows: { read: 49, valid: 49 } });
    held.release();
    await chunk;
    expect(await viewOf(batchId)).toMatchObject({ rows: { read: 90, valid: 90, invalid: 0 } });
  });
});
