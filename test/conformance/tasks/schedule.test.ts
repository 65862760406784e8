import { describe, expect, it } from 'vitest';
import { DueHeap } from '../../../infra/tasks/due-heap.ts';
import { backoffMs, isExhausted, retryAfterMs } from '../../../infra/tasks/retry-schedule.ts';
import { SlowDown } from '../../../infra/tasks/slow-down.ts';
import { TokenBucket } from '../../../infra/tasks/token-bucket.ts';
import { messageOf, millisecondsOf } from '../../../infra/tasks/wire-time.ts';
import { SEED, seeded } from './support.ts';

const settings = {
  maxAttempts: 100,
  maxRetryDurationMs: 0,
  minBackoffMs: 100,
  maxBackoffMs: 3_600_000,
  maxDoublings: 16,
};

describe('the retry schedule', () => {
  const firstWaits = (changes: Partial<typeof settings>, count: number): number[] =>
    Array.from({ length: count }, (_, i) => backoffMs({ ...settings, ...changes }, i + 1));

  it('doubles up to maxDoublings, then grows linearly, then stays constant', () => {
    const example = { minBackoffMs: 10_000, maxBackoffMs: 300_000, maxDoublings: 3 };
    expect(firstWaits(example, 9).map((ms) => ms / 1000)).toEqual([10, 20, 40, 80, 160, 240, 300, 300, 300]);
  });

  it('without doublings it is linear from the start', () => {
    expect(firstWaits({ maxDoublings: 0, maxBackoffMs: 350 }, 5)).toEqual([100, 200, 300, 350, 350]);
  });

  it('stays within the range and never shrinks, for any settings', () => {
    const random = seeded(SEED);
    for (let round = 0; round < 300; round++) {
      const minBackoffMs = 1 + random() * 5000;
      const maxBackoffMs = minBackoffMs + random() * 1e6;
      const maxDoublings = Math.floor(random() * 2000);
      const waits = firstWaits({ minBackoffMs, maxBackoffMs, maxDoublings }, 200);
      expect(waits[0], `SEED=${SEED}`).toBe(minBackoffMs);
      expect(waits.every((ms, i) => ms <= maxBackoffMs && ms >= (waits[i - 1] ?? 0))).toBe(true);
    }
    expect(backoffMs({ ...settings, maxDoublings: 2 ** 31 - 1 }, 2 ** 31 - 1)).toBe(3_600_000);
  });

  it('is exhausted when every limit that is set has been reached', () => {
    const exhausted = (changes: Partial<typeof settings>, attempts: number, ms: number): boolean =>
      isExhausted({ ...settings, ...changes }, attempts, ms);
    expect(exhausted({ maxAttempts: 3 }, 2, 1e9)).toBe(false);
    expect(exhausted({ maxAttempts: 3 }, 3, 0)).toBe(true);
    expect(exhausted({ maxAttempts: 3, maxRetryDurationMs: 1000 }, 3, 999)).toBe(false);
    expect(exhausted({ maxAttempts: 3, maxRetryDurationMs: 1000 }, 3, 1000)).toBe(true);
    expect(exhausted({ maxAttempts: -1, maxRetryDurationMs: 1000 }, 1, 1000)).toBe(true);
    expect(exhausted({ maxAttempts: -1 }, 1e6, 1e12)).toBe(false);
  });

  it('parses Retry-After as seconds or as a date and ignores anything else', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(retryAfterMs('7', now)).toBe(7000);
    expect(retryAfterMs(new Date(now + 9000).toUTCString(), now)).toBe(9000);
    expect(retryAfterMs(new Date(now - 9000).toUTCString(), now)).toBe(0);
    expect(retryAfterMs('99999999', now)).toBe(24 * 3_600_000);
    expect(retryAfterMs('later', now)).toBeUndefined();
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });
});

describe('the token bucket', () => {
  it('over any period gives no more than its capacity plus its rate', () => {
    const random = seeded(SEED);
    const bucket = new TokenBucket(7, 3, 0);
    let nowMs = 0;
    let taken = 0;
    for (let i = 0; i < 5000; i++) {
      nowMs += random() * 100;
      if (bucket.take(nowMs) === 0) taken += 1;
      expect(taken, `SEED=${SEED}`).toBeLessThanOrEqual(3 + (nowMs / 1000) * 7 + 1e-3);
    }
    expect(taken).toBeGreaterThan((nowMs / 1000) * 7 - 1);
  });

  it('has a token after exactly the wait that it returned', () => {
    for (const rate of [0.17, 3, 33.3, 500]) {
      const bucket = new TokenBucket(rate, 1, 0);
      let nowMs = 0;
      for (let i = 0; i < 100; i++) {
        expect(bucket.take(nowMs)).toBe(0);
        nowMs += bucket.take(nowMs);
      }
    }
  });

  it('loses no tokens when the clock is set back', () => {
    const bucket = new TokenBucket(1, 2, 10_000);
    expect(bucket.take(10_000)).toBe(0);
    expect(bucket.take(0)).toBe(0);
    expect(bucket.take(0)).toBe(1000);
    expect(bucket.take(1000)).toBe(0);
  });
});

describe('system throttling', () => {
  it('halves at most once a second, not below 1/16, and doubles every five quiet seconds', () => {
    const slowDown = new SlowDown();
    expect(slowDown.factor(0)).toBe(1);
    slowDown.record(200, 0);
    slowDown.record(500, 0);
    expect(slowDown.factor(0)).toBe(1);
    for (let i = 0; i < 100; i++) slowDown.record(429, 0);
    expect(slowDown.factor(0)).toBe(0.5);
    for (let second = 1; second < 20; second++) slowDown.record(503, second * 1000);
    expect(slowDown.factor(19_000)).toBeCloseTo(1 / 16);
    expect(slowDown.factor(24_000)).toBeCloseTo(1 / 8);
    expect(slowDown.factor(39_000)).toBe(1);
  });
});

describe('the heap of due tasks', () => {
  it('agrees with a sorted list after random additions, removals and reinsertions', () => {
    const random = seeded(SEED);
    const heap = new DueHeap<number>();
    let list: { readonly atMs: number; readonly order: number; readonly value: number; index: number }[] = [];
    for (let step = 0; step < 5000; step++) {
      const dice = random();
      if (dice < 0.5) list.push(heap.add(Math.floor(random() * 50), step));
      else if (dice < 0.7 && list.length > 0) {
        const [doomed] = list.splice(Math.floor(random() * list.length), 1);
        if (doomed !== undefined) {
          heap.remove(doomed);
          heap.remove(doomed);
          if (random() < 0.3) {
            heap.putBack(doomed);
            list.push(doomed);
          }
        }
      } else {
        list = list.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        expect(heap.pop()?.value, `SEED=${SEED}, step ${step}`).toBe(list.shift()?.value);
      }
      expect(heap.size).toBe(list.length);
    }
  });
});

describe('times on the wire', () => {
  it('round-trip exactly to the microsecond', () => {
    const random = seeded(SEED);
    for (let i = 0; i < 2000; i++) {
      const ms = Math.floor(random() * 2e15) / 1000;
      expect(millisecondsOf(messageOf(ms)), `SEED=${SEED}`).toBeCloseTo(ms, 3);
    }
    expect(messageOf(1500.001)).toEqual({ seconds: 1, nanos: 500_001_000 });
    expect(millisecondsOf({ seconds: 1, nanos: 999 })).toBe(1000);
  });
});
