import { describe, expect, it } from 'vitest';
import { nextPollDelayMs, quickLookDelayMs } from '../../../functions/core/job/poll-schedule.ts';

const VEO = { minMs: 11_000, typicalMs: 120_000, longestMs: 720_000 };

const pollTimes = (untilMs: number): number[] => {
  const times: number[] = [];
  for (let at = 0; at < untilMs; ) {
    at += nextPollDelayMs(at, VEO);
    times.push(at);
  }
  return times;
};

describe('the poll schedule', () => {
  it('asks first when the model could have finished at the earliest', () => {
    expect(pollTimes(1)).toEqual([11_000]);
  });

  it('costs about 15 polls for a usual video and 27 for one that takes the documented 6 minutes', () => {
    expect(pollTimes(120_000).length).toBeLessThanOrEqual(16);
    expect(pollTimes(360_000).length).toBeLessThanOrEqual(27);
  });

  it('leaves a finished video unseen for at most 10 s around the usual latency and a tenth of the time beyond', () => {
    for (let doneAt = 75_000; doneAt < 720_000; doneAt += 997) {
      const seenAt = pollTimes(doneAt).at(-1) ?? 0;
      expect(seenAt - doneAt).toBeLessThanOrEqual(Math.max(10_000, doneAt * 0.1));
    }
  });

  it('never waits longer than the usual latency, however late it is', () => {
    expect(nextPollDelayMs(24 * 3_600_000, VEO)).toBe(120_000);
  });

  it('keeps pace with models that are faster', () => {
    const fast = { minMs: 550, typicalMs: 6_000, longestMs: 36_000 };
    expect(nextPollDelayMs(4_000, fast)).toBe(nextPollDelayMs(80_000, VEO) / 20);
    expect([3, 2, 1].map((left) => quickLookDelayMs(left, 20))).toEqual([50, 100, 200]);
  });
});
