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
  it('polls for the first time at the minimum latency of the model', () => {
    expect(pollTimes(1)).toEqual([11_000]);
  });

  it('makes at most 16 polls for a typical video and 27 for one that takes the documented 6 minutes', () => {
    expect(pollTimes(120_000).length).toBeLessThanOrEqual(16);
    expect(pollTimes(360_000).length).toBeLessThanOrEqual(27);
  });

  it('detects a finished video within 10 s around the typical latency, and within a tenth of the elapsed time later', () => {
    for (let doneAt = 75_000; doneAt < 720_000; doneAt += 997) {
      const seenAt = pollTimes(doneAt).at(-1) ?? 0;
      expect(seenAt - doneAt).toBeLessThanOrEqual(Math.max(10_000, doneAt * 0.1));
    }
  });

  it('never waits longer than the typical latency', () => {
    expect(nextPollDelayMs(24 * 3_600_000, VEO)).toBe(120_000);
  });

  it('scales with the latency of faster models', () => {
    const fast = { minMs: 550, typicalMs: 6_000, longestMs: 36_000 };
    expect(nextPollDelayMs(4_000, fast)).toBe(nextPollDelayMs(80_000, VEO) / 20);
    expect([3, 2, 1].map((left) => quickLookDelayMs(left, 20))).toEqual([50, 100, 200]);
  });
});
