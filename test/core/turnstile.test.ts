/** The turnstile as a function: quota, refusals, turns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../functions/core/policy.ts';
import {
  close,
  NEW_TURNSTILE,
  pass,
  reopen,
  type Turnstile,
  waitMs,
} from '../../functions/core/turnstile.ts';

const MINUTE = 60_000;
const POLICY = defaultPolicy();

describe('a turnstile', () => {
  it('lets at most a quarter over the quota through in any minute, and lets nobody wait longer than it said', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 50 }),
        (rpm, gaps) => {
          let turnstile: Turnstile = NEW_TURNSTILE;
          let now = 0;
          const passed: number[] = [];
          for (const gap of gaps.flatMap((each) => [each, each, each, each])) {
            now += gap;
            if (waitMs(turnstile, now, rpm) > 0) continue;
            turnstile = pass(turnstile, { lane: 'batch', caller: 'c', now, requestsPerMinute: rpm });
            passed.push(now);
          }
          for (const [n, at] of passed.entries()) {
            const within = passed.slice(n).filter((each) => each < at + MINUTE).length;
            expect(within).toBeLessThanOrEqual(rpm + Math.max(1, rpm / 4) + 1);
          }
          // Waiting as long as it says is always enough.
          expect(waitMs(turnstile, now + waitMs(turnstile, now, rpm), rpm)).toBe(0);
        },
      ),
    );
  });

  it('counts refusals that come together as one, and waits longer for each that comes after', () => {
    const refusal = { retryAfterMs: undefined, random: 0.999 };
    const once = close(NEW_TURNSTILE, { ...refusal, now: 0 }, POLICY);
    expect(close(once, { ...refusal, now: 1 }, POLICY)).toBe(once);
    const twice = close(once, { ...refusal, now: once.closedUntil }, POLICY);
    expect(twice.refusalsInARow).toBe(2);
    expect(twice.closedUntil - once.closedUntil).toBeGreaterThan(once.closedUntil);
  });

  it('stays closed for as long as the model said, and is opened by no call from before', () => {
    const closed = close(NEW_TURNSTILE, { retryAfterMs: 10 * MINUTE, now: 0, random: 0 }, POLICY);
    expect(waitMs(closed, 0, 60)).toBe(10 * MINUTE);
    expect(reopen(closed, MINUTE)).toBeUndefined();
    expect(reopen(closed, 10 * MINUTE)).toMatchObject({ refusalsInARow: 0 });
    expect(reopen(NEW_TURNSTILE, 0)).toBeUndefined();
  });
});
