/** Schedules: their configuration, the names of their manifests, and what is remembered of fires. */
import { describe, expect, it } from 'vitest';
import {
  aheadOf,
  dueAgain,
  type Fire,
  fireAt,
  manifestOf,
  NEW_SCHEDULE,
  START_LEASE_MS,
  schedulesSchema,
  withFire,
} from '../../functions/core/schedules.ts';

const given = { cron: '0 1 * * *', manifest: 'gs://in/nightly/{yyyy}-{MM}-{dd}.jsonl' };
const scheduleOf = (over: Record<string, unknown> = {}) => {
  const { nightly } = schedulesSchema.parse({ nightly: { ...given, ...over } });
  if (!nightly) throw new Error('no schedule');
  return nightly;
};

describe('a schedule', () => {
  it('needs a cron expression and a manifest, and has careful defaults for the rest', () => {
    expect(scheduleOf()).toMatchObject({
      timeZone: 'Etc/UTC',
      overlap: 'skip',
      missing: 'fail',
      lane: 'batch',
    });
    for (const wrong of [
      { cron: 'daily' },
      { timeZone: 'Mars/Olympus' },
      { manifest: 'nightly.csv' },
      { manifest: 'gs://in/{week}.csv' },
      { overlap: 'perhaps' },
    ])
      expect(schedulesSchema.safeParse({ nightly: { ...given, ...wrong } }).success).toBe(false);
    expect(schedulesSchema.safeParse({ 'Not an id': given }).success).toBe(false);
  });

  it('names its manifest by the date of the fire where it is, not in UTC', () => {
    const at = Date.parse('2026-11-20T23:05:00Z');
    const manifest = 'gs://in/{yyyy}/{MM}/{dd}T{HH}{mm}.csv';
    expect(manifestOf(scheduleOf(), at)).toBe('gs://in/nightly/2026-11-20.jsonl');
    expect(manifestOf(scheduleOf({ timeZone: 'Europe/Berlin' }), at)).toBe(
      'gs://in/nightly/2026-11-21.jsonl',
    );
    expect(manifestOf(scheduleOf({ timeZone: 'Asia/Kathmandu', manifest }), at)).toBe(
      'gs://in/2026/11/21T0450.csv',
    );
    const midnight = Date.parse('2026-03-01T00:00:00Z');
    expect(manifestOf(scheduleOf({ manifest }), midnight)).toBe('gs://in/2026/03/01T0000.csv');
  });
});

describe('what is remembered of fires', () => {
  const started = (at: number): Fire => ({ state: 'started', at, batchId: `b${at}` });

  it('is in order, each once, and forgets old ones that are settled but none that waits', () => {
    let state = withFire(NEW_SCHEDULE, { state: 'waiting', at: 0, why: 'overlap' });
    for (let at = 100; at > 0; at--) state = withFire(state, started(at));
    state = withFire(state, { state: 'over', at: 100, why: 'refused' });
    expect(state.fires).toHaveLength(51);
    expect(state.fires[0]).toMatchObject({ at: 0, state: 'waiting' });
    expect(fireAt(state, 100)).toMatchObject({ state: 'over' });
    expect(fireAt(state, 1)).toBeUndefined();
  });

  it('tells what stands before a fire: the latest batch, earlier ones that wait, and a start under way', () => {
    const state = [started(1), started(3)].reduce(withFire, NEW_SCHEDULE);
    expect(aheadOf(state, 5, 10)).toEqual({ batchId: 'b3', busy: false });
    const waiting = withFire(state, { state: 'waiting', at: 4, why: 'overlap' });
    expect([aheadOf(waiting, 5, 10).busy, aheadOf(waiting, 4, 10).busy]).toEqual([true, false]);
    const starting = withFire(state, { state: 'starting', at: 9, since: 10 });
    expect(aheadOf(starting, 5, 10).busy).toBe(true);
    expect(aheadOf(starting, 5, 10 + START_LEASE_MS).busy).toBe(false);
    expect(dueAgain(starting, 10)).toEqual([]);
    expect(dueAgain(starting, 10 + START_LEASE_MS)).toHaveLength(1);
  });
});
