/** Fires of schedules: each starts at most one batch, even if repeated, and what happens if a batch cannot start. */
import { describe, expect, it } from 'vitest';
import {
  NEW_SCHEDULE,
  type ScheduleState,
  schedulesSchema,
} from '../../../functions/core/batch/schedules.ts';
import { ProblemError } from '../../../functions/core/problem.ts';
import {
  handleSchedule,
  type ScheduleWork,
  sweepSchedules,
} from '../../../functions/handlers/batch/schedule.ts';
import type { OutgoingEvent, ScheduleStore } from '../../../functions/ports.ts';
import { makeWorld } from '../../support/memory.ts';

const MINUTE = 60_000;
const first = '2026-11-21T01:00:00Z';
const second = '2026-11-22T01:00:00Z';

class MemoryScheduleStore implements ScheduleStore {
  readonly states = new Map<string, ScheduleState>();
  async get(id: string): Promise<ScheduleState> {
    return this.states.get(id) ?? NEW_SCHEDULE;
  }
  async update(...[id, decide]: Parameters<ScheduleStore['update']>): Promise<'saved' | 'unchanged'> {
    const next = decide(this.states.get(id) ?? NEW_SCHEDULE);
    if (!next) return 'unchanged';
    this.states.set(id, next);
    return 'saved';
  }
}

function scheduled(over: Record<string, unknown> = {}) {
  const published: OutgoingEvent[] = [];
  const world = makeWorld({ events: { publish: async (event) => void published.push(event) } });
  const batches = new Map<string, { body: unknown; caller: string; active: boolean }>();
  let fault: unknown;
  const work: ScheduleWork = {
    services: world.services,
    schedules: schedulesSchema.parse({
      nightly: { cron: '0 1 * * *', manifest: 'gs://in/{yyyy}-{MM}-{dd}.csv', maxSpendUsd: 5, ...over },
    }),
    store: new MemoryScheduleStore(),
    startBatch: async ({ body, cause, caller }) => {
      if (fault !== undefined) throw fault;
      const batchId = cause.join('/');
      const created = !batches.has(batchId);
      if (created) batches.set(batchId, { body, caller, active: true });
      return { batch: { batchId, status: 'running' }, created };
    },
    isActive: async (batchId) => batches.get(batchId)?.active === true,
  };
  for (const day of [21, 22, 23]) world.input.put(`2026-11-${day}.csv`, Buffer.from('prompt\n'), 'text/csv');
  world.clock.advance(Date.parse(first) - world.clock.now());
  return {
    ...{ world, work, batches, published },
    fire: (time: string) => handleSchedule(work, { schedule: 'nightly' }, time),
    sweep: () => sweepSchedules(work),
    finish: () => {
      for (const batch of batches.values()) batch.active = false;
    },
    failWith: (error: unknown) => {
      fault = error;
    },
    errors: () => world.log.filter(({ severity }) => severity === 'ERROR').length,
  };
}

describe('a fire', () => {
  it('starts one batch for the manifest of its day, however often it is delivered', async () => {
    const { fire, batches, finish } = scheduled();
    const reports = await Promise.all([fire(first), fire(first)]);
    finish();
    reports.push(await fire(first));
    expect(new Set(reports.map(({ batch }) => batch))).toEqual(
      new Set(['schedule/nightly/gs://in/2026-11-21.csv 2026-11-21']),
    );
    expect([...batches.values()]).toMatchObject([
      {
        caller: 'schedule:nightly',
        body: {
          manifest: { gcsUri: 'gs://in/2026-11-21.csv' },
          maxSpendUsd: 5,
          lane: 'batch',
          title: 'nightly 2026-11-21T01:00:00.000Z',
        },
      },
    ]);
  });

  it('fails if the batch cannot be stored, and the next delivery starts the batch', async () => {
    const { fire, batches, failWith } = scheduled();
    failWith(new Error('the store does not answer'));
    await expect(fire(first)).rejects.toThrow('does not answer');
    failWith(undefined);
    expect(await fire(first)).toMatchObject({ state: 'started' });
    expect(batches.size).toBe(1);
  });

  it('that is never delivered again is resumed by the sweep', async () => {
    const { fire, sweep, batches, failWith, world } = scheduled();
    failWith(new Error('the store does not answer'));
    await expect(fire(first)).rejects.toThrow();
    failWith(undefined);
    await sweep();
    expect(batches.size).toBe(0);
    world.clock.advance(11 * MINUTE);
    await sweep();
    expect(batches.size).toBe(1);
  });

  it('is refused without a time and for an unknown schedule', async () => {
    const { work } = scheduled();
    await expect(handleSchedule(work, { schedule: 'nightly' }, undefined)).rejects.toMatchObject({
      problem: { status: 400 },
    });
    await expect(handleSchedule(work, { schedule: 'daily' }, first)).rejects.toMatchObject({
      problem: { status: 404 },
    });
    expect(
      await handleSchedule(work, { schedule: 'nightly', scheduledTime: first }, undefined),
    ).toMatchObject({ state: 'started' });
  });

  it('with an invalid manifest is reported once and never starts a batch', async () => {
    const { fire, failWith, published, errors, batches } = scheduled();
    failWith(new ProblemError({ status: 400, code: 'invalid-request', title: 'x', detail: 'line 2: no' }));
    expect(await fire(first)).toMatchObject({ state: 'over', why: 'refused' });
    failWith(undefined);
    expect(await fire(first)).toMatchObject({ state: 'over', why: 'refused' });
    expect([batches.size, errors()]).toEqual([0, 1]);
    expect(published).toMatchObject([
      { type: 'dev.clapper.schedule.failed.v1', id: 'nightly.2026-11-21T01:00:00.000Z.refused' },
    ]);
  });
});

describe('two fires with the same manifest', () => {
  const hourly = {
    cron: '0 * * * *',
    timeZone: 'Europe/Berlin',
    manifest: 'gs://in/{yyyy}-{MM}-{dd}-{HH}.csv',
  };
  /** 02:00 in Berlin twice (the end of daylight saving time), and 03:00. */
  const night = ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'] as const;
  const autumn = (over: Record<string, unknown> = {}) => {
    const given = scheduled({ ...hourly, ...over });
    for (const hour of ['02', '03'])
      given.world.input.put(`2026-10-25-${hour}.csv`, Buffer.from('prompt\n'), 'text/csv');
    return given;
  };

  it('start one batch if the end of daylight saving time repeats the hour, and the next hour has its own batch', async () => {
    const { fire, finish, batches } = autumn();
    expect(await fire(night[0])).toMatchObject({ state: 'started' });
    for (const again of [1, 2]) {
      expect(await fire(night[1]), `delivery ${again}`).toMatchObject({ state: 'over', why: 'repeated' });
      finish();
    }
    expect(await fire(night[2])).toMatchObject({ state: 'started' });
    expect([...batches.values()].map(({ body }) => body)).toMatchObject([
      { manifest: { gcsUri: 'gs://in/2026-10-25-02.csv' } },
      { manifest: { gcsUri: 'gs://in/2026-10-25-03.csv' } },
    ]);
  });

  it('start one batch if they are concurrent and may overlap, or if one of them crashed', async () => {
    const { fire, batches } = autumn({ overlap: 'allow' });
    const states = (await Promise.all([fire(night[0]), fire(night[1])])).map(({ state }) => state);
    expect(states.sort()).toEqual(['over', 'started']);
    expect(batches.size).toBe(1);
    const died = autumn({ overlap: 'allow' });
    died.failWith(new Error('the store does not answer'));
    await expect(died.fire(night[1])).rejects.toThrow();
    died.failWith(undefined);
    await died.fire(night[0]);
    died.world.clock.advance(11 * MINUTE);
    await died.sweep();
    expect(died.batches.size).toBe(1);
  });

  it('start the batch with the second fire if the first found no manifest', async () => {
    const { fire, batches, world } = autumn({ missing: 'skip' });
    world.input.remove('2026-10-25-02.csv');
    expect(await fire(night[0])).toMatchObject({ state: 'over', why: 'missing' });
    world.input.put('2026-10-25-02.csv', Buffer.from('prompt\n'), 'text/csv');
    expect(await fire(night[1])).toMatchObject({ state: 'started' });
    expect(batches.size).toBe(1);
  });

  it('start a batch each if the manifest’s name contains no time', async () => {
    const { fire, finish, batches, world } = autumn({ manifest: 'gs://in/always.csv' });
    world.input.put('always.csv', Buffer.from('prompt\n'), 'text/csv');
    for (const time of night) {
      expect(await fire(time)).toMatchObject({ state: 'started' });
      finish();
    }
    expect(batches.size).toBe(3);
  });
});

describe('a fire while the previous batch is unfinished', () => {
  it('starts no batch by default, even if it is delivered again after that batch', async () => {
    const { fire, batches, finish } = scheduled();
    await fire(first);
    expect(await fire(second)).toMatchObject({ state: 'over', why: 'overlap' });
    finish();
    expect(await fire(second)).toMatchObject({ state: 'over', why: 'overlap' });
    expect(batches.size).toBe(1);
  });

  it('with overlap queue starts its batch after that one, in the order of the fires', async () => {
    const { fire, sweep, batches, finish } = scheduled({ overlap: 'queue' });
    await fire(first);
    expect(await fire('2026-11-23T01:00:00Z')).toMatchObject({ state: 'waiting', why: 'overlap' });
    expect(await fire(second)).toMatchObject({ state: 'waiting' });
    await sweep();
    expect(batches.size).toBe(1);
    for (const expected of [2, 3]) {
      finish();
      await sweep();
      expect(batches.size).toBe(expected);
    }
    expect([...batches.keys()].map((id) => id.slice(-10))).toEqual([
      ...['2026-11-21', '2026-11-22', '2026-11-23'],
    ]);
  });

  it('waits for the batch that was started last, even if that had waited for its manifest', async () => {
    const { world, fire, sweep, finish, batches } = scheduled({
      overlap: 'queue',
      missing: 'wait',
      waitMinutes: 1440,
    });
    const manifest = '2026-11-21.csv';
    world.input.remove(manifest);
    expect(await fire(first)).toMatchObject({ state: 'waiting', why: 'missing' });
    expect(await fire(second)).toMatchObject({ state: 'started' });
    finish();
    world.input.put(manifest, Buffer.from('prompt\n'), 'text/csv');
    world.clock.advance(MINUTE);
    await sweep();
    expect(batches.size).toBe(2);
    expect(await fire('2026-11-23T01:00:00Z')).toMatchObject({ state: 'waiting', why: 'overlap' });
    finish();
    await sweep();
    expect(batches.size).toBe(3);
  });

  it('that was already starting is resumed before an earlier waiting one, because its batch may exist', async () => {
    const { world, work, fire, sweep, batches } = scheduled({ overlap: 'queue' });
    const [at, later] = [Date.parse(first), Date.parse(second)];
    await work.store.update('nightly', () => ({
      fires: [
        { state: 'waiting', at, why: 'overlap' },
        { state: 'starting', at: later, since: world.clock.now() },
      ],
    }));
    await sweep();
    expect(batches.size).toBe(0);
    expect(await fire(second)).toMatchObject({ state: 'started' });
    await sweep();
    expect([...batches.keys()]).toEqual([expect.stringContaining('2026-11-22')]);
  });

  it('with overlap allow starts its batch at once', async () => {
    const { fire, batches } = scheduled({ overlap: 'allow' });
    await Promise.all([fire(first), fire(second)]);
    expect(batches.size).toBe(2);
  });

  it('starts one batch if two fires are concurrent', async () => {
    const { fire, batches } = scheduled();
    await Promise.allSettled([fire(first), fire(second)]);
    await Promise.allSettled([fire(first), fire(second)]);
    expect(batches.size).toBe(1);
  });
});

describe('a fire whose manifest does not exist', () => {
  const missing = '2026-12-01T01:00:00Z';

  it('is a failure by default, with one log error and one event', async () => {
    const { fire, errors, published } = scheduled();
    expect(await fire(missing)).toMatchObject({ state: 'over', why: 'missing' });
    await fire(missing);
    expect([errors(), published.length]).toEqual([1, 1]);
  });

  it('is not a failure with missing skip', async () => {
    const { fire, errors, published } = scheduled({ missing: 'skip' });
    expect(await fire(missing)).toMatchObject({ state: 'over', why: 'missing' });
    expect([errors(), published.length]).toEqual([0, 0]);
  });

  it('with missing wait starts its batch once the manifest exists', async () => {
    const { fire, sweep, world, batches } = scheduled({ missing: 'wait' });
    world.clock.advance(Date.parse(missing) - world.clock.now());
    expect(await fire(missing)).toMatchObject({ state: 'waiting', why: 'missing' });
    await sweep();
    world.input.put('2026-12-01.csv', Buffer.from('prompt\n'), 'text/csv');
    await sweep();
    expect(batches.size).toBe(1);
  });

  it('with missing wait is a failure after waitMinutes', async () => {
    const { fire, sweep, world, batches, errors } = scheduled({ missing: 'wait', waitMinutes: 10 });
    world.clock.advance(Date.parse(missing) - world.clock.now());
    await fire(missing);
    world.clock.advance(11 * MINUTE);
    await sweep();
    world.input.put('2026-12-01.csv', Buffer.from('prompt\n'), 'text/csv');
    await sweep();
    expect([batches.size, errors()]).toEqual([0, 1]);
  });
});
