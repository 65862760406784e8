/** Schedules: configuration, manifest names, slots, and the record of fires. */
import { describe, expect, it } from 'vitest';
import {
  type Fire,
  fireAt,
  firesToResume,
  manifestOf,
  NEW_SCHEDULE,
  predecessorsOf,
  START_LEASE_MS,
  schedulesSchema,
  slotOf,
  withFire,
} from '../../../functions/core/batch/schedules.ts';

const given = { cron: '0 1 * * *', manifest: 'gs://in/nightly/{yyyy}-{MM}-{dd}.jsonl' };
const scheduleOf = (over: Record<string, unknown> = {}) => {
  const { nightly } = schedulesSchema.parse({ nightly: { ...given, ...over } });
  if (!nightly) throw new Error('no schedule');
  return nightly;
};

describe('a schedule', () => {
  it('requires a cron expression and a manifest, and has safe defaults for the rest', () => {
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

  it('names its manifest by the date of the fire in its own time zone, not in UTC', () => {
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

describe('the slot of a fire', () => {
  const hourly = scheduleOf({ timeZone: 'Europe/Berlin', manifest: 'gs://in/{yyyy}-{MM}-{dd}-{HH}.csv' });
  const slots = (schedule: typeof hourly, ...times: string[]) =>
    new Set(times.map((time) => slotOf(schedule, Date.parse(time))));

  it('is the same for both occurrences of an hour when clocks go back', () => {
    expect(slots(hourly, '2026-10-25T00:00Z', '2026-10-25T01:00Z').size).toBe(1);
    expect(slots(hourly, '2026-10-24T23:00Z', '2026-10-25T00:00Z', '2026-10-25T02:00Z').size).toBe(3);
  });

  it('differs for every existing hour when clocks go forward, and the skipped hour has none', () => {
    const times = ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z'];
    expect(slots(hourly, ...times).size).toBe(3);
    expect(times.map((time) => manifestOf(hourly, Date.parse(time)).slice(-6, -4))).toEqual([
      '01',
      '03',
      '04',
    ]);
  });

  it('differs for another day if the name has no date, and is the same all day if the name has no hour', () => {
    const rolling = scheduleOf({ manifest: 'gs://in/{HH}.csv' });
    expect(slots(rolling, '2026-11-21T01:00Z', '2026-11-21T01:30Z').size).toBe(1);
    expect(slots(rolling, '2026-11-21T01:00Z', '2026-11-22T01:00Z').size).toBe(2);
    expect(slots(scheduleOf(), '2026-11-21T01:00Z', '2026-11-21T13:00Z').size).toBe(1);
  });

  it('is undefined if the name has no placeholder', () => {
    expect(slotOf(scheduleOf({ manifest: 'gs://in/always.csv' }), 0)).toBeUndefined();
  });
});

describe('the record of fires', () => {
  const started = (at: number): Fire => ({ state: 'started', at, batchId: `b${at}` });

  it('has each fire once, in order, and drops old settled fires but no waiting fire', () => {
    let state = withFire(NEW_SCHEDULE, { state: 'waiting', at: 0, why: 'overlap' });
    for (let at = 100; at > 0; at--) state = withFire(state, started(at));
    state = withFire(state, { state: 'over', at: 100, why: 'refused' });
    expect(state.fires).toHaveLength(51);
    expect(state.fires[0]).toMatchObject({ at: 0, state: 'waiting' });
    expect(fireAt(state, 100)).toMatchObject({ state: 'over' });
    expect(fireAt(state, 1)).toBeUndefined();
  });

  it('gives the predecessors of a fire: the batch started last, earlier waiting fires, and a fire that is starting', () => {
    const state = [started(1), started(3)].reduce(withFire, NEW_SCHEDULE);
    expect(predecessorsOf(state, 5)).toEqual({ batchId: 'b3', busy: false });
    // The fire at 2 waited for its manifest until 4.
    const late = withFire(state, { state: 'started', at: 2, since: 4, batchId: 'b2' });
    expect(predecessorsOf(late, 5)).toEqual({ batchId: 'b2', busy: false });
    const waiting = withFire(state, { state: 'waiting', at: 4, why: 'overlap' });
    expect([predecessorsOf(waiting, 5).busy, predecessorsOf(waiting, 4).busy]).toEqual([true, false]);
    const starting = withFire(state, { state: 'starting', at: 9, since: 10 });
    expect(predecessorsOf(starting, 5).busy).toBe(true);
    expect(firesToResume(starting, 10)).toEqual([]);
    expect(firesToResume(starting, 10 + START_LEASE_MS)).toHaveLength(1);
  });
});
