/** The rate limiter as a function: quota, refusals, turns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import {
  close,
  NEW_RATE_LIMITER,
  type Passing,
  pass,
  type RateLimiter,
  reopen,
  turnAway,
  waitMs,
} from '../../../functions/core/job/rate-limiter.ts';

const MINUTE = 60_000;
const by = (caller: string, now: number, requestsPerMinute = 60): Passing => ({
  ...{ lane: 'interactive', caller, now, requestsPerMinute },
});
const POLICY = defaultPolicy();

describe('a rate limiter', () => {
  it('lets at most a quarter over the quota through in any minute, and lets nobody wait longer than it said', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 50 }),
        (rpm, gaps) => {
          let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
          let now = 0;
          const passed: number[] = [];
          for (const gap of gaps.flatMap((each) => [each, each, each, each])) {
            now += gap;
            if (waitMs(rateLimiter, by('c', now, rpm)) > 0) continue;
            rateLimiter = pass(rateLimiter, by('c', now, rpm));
            passed.push(now);
          }
          for (const [n, at] of passed.entries()) {
            const within = passed.slice(n).filter((each) => each < at + MINUTE).length;
            expect(within).toBeLessThanOrEqual(rpm + Math.max(1, rpm / 4) + 1);
          }
          // Waiting as long as it says is always enough.
          const enough = now + waitMs(rateLimiter, by('c', now, rpm));
          expect(waitMs(rateLimiter, by('c', enough, rpm))).toBe(0);
        },
      ),
    );
  });

  it('counts refusals that come together as one, and waits longer for each that comes after', () => {
    const refusal = { retryAfterMs: undefined, random: 0.999 };
    const once = close(NEW_RATE_LIMITER, { ...refusal, now: 0 }, POLICY);
    expect(close(once, { ...refusal, now: 1 }, POLICY)).toBe(once);
    const twice = close(once, { ...refusal, now: once.closedUntil }, POLICY);
    expect(twice.refusalsInARow).toBe(2);
    expect(twice.closedUntil - once.closedUntil).toBeGreaterThan(once.closedUntil);
  });

  it('stays closed for as long as the model said, and is opened by no call from before', () => {
    const closed = close(NEW_RATE_LIMITER, { retryAfterMs: 10 * MINUTE, now: 0, random: 0 }, POLICY);
    expect(waitMs(closed, by('c', 0))).toBe(10 * MINUTE);
    expect(reopen(closed, MINUTE)).toBeUndefined();
    expect(reopen(closed, 10 * MINUTE)).toMatchObject({ refusalsInARow: 0 });
    expect(reopen(NEW_RATE_LIMITER, 0)).toBeUndefined();
  });
});

describe('callers who stand in no line', () => {
  /** Tries, and is told how long to wait. */
  function tryAt(rateLimiter: RateLimiter, passing: Passing): { rateLimiter: RateLimiter; told: number } {
    const told = waitMs(rateLimiter, passing);
    if (told === 0) return { rateLimiter: pass(rateLimiter, passing), told };
    return { rateLimiter: turnAway(rateLimiter, passing, told) ?? rateLimiter, told };
  }

  it('have their turn when they come back at the time they were told, however many others hammer, and the rate stays', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 600 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 5000 }),
        (rpm, hammerers, late) => {
          let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
          let passed = 0;
          let back: number | undefined;
          const end = 2 * MINUTE;
          for (let now = 0; now < end; now += 50) {
            for (let n = 0; n < hammerers; n++) {
              const tried = tryAt(rateLimiter, by(`hammerer ${n}`, now, rpm));
              rateLimiter = tried.rateLimiter;
              if (tried.told === 0) passed++;
            }
            if (now < (back ?? MINUTE)) continue;
            const { told, rateLimiter: after } = tryAt(rateLimiter, by('polite', now, rpm));
            rateLimiter = after;
            if (told === 0) passed++;
            // Once it has been told when to come back, it passes when it does.
            if (back !== undefined) expect(told).toBe(0);
            back = told === 0 ? undefined : now + told + late;
          }
          expect(passed).toBeGreaterThanOrEqual(Math.floor(rpm * 2) - hammerers);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('who never come back hold up nobody for longer than a minute, nor ever the rate of the model', () => {
    let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
    for (let n = 0; n < 15; n++) rateLimiter = pass(rateLimiter, by('ann', 0));
    for (let n = 0; n < 30; n++) rateLimiter = tryAt(rateLimiter, by(`gone ${n}`, 0)).rateLimiter;
    expect(rateLimiter.turnedAway.length).toBe(16);
    const passes: number[] = [];
    for (let now = 0; now < 3 * MINUTE; now += 100) {
      const { told, rateLimiter: after } = tryAt(rateLimiter, by('ann', now));
      if (told === 0) passes.push(now);
      rateLimiter = after;
    }
    expect(passes[0]).toBe(15_000);
    // Until the first of them is forgotten.
    expect(passes.filter((at) => at >= 15_000 && at < 61_000)).toHaveLength(46);
    expect(rateLimiter.turnedAway).toEqual([]);
  });

  it('have no claim while they are alone, and a batch has none', () => {
    const passed = pass(NEW_RATE_LIMITER, by('ann', 0));
    expect(turnAway(passed, by('ann', 0), 1)).toBeUndefined();
    expect(turnAway(passed, { ...by('bob', 0), lane: 'batch' }, 1)).toBeUndefined();
    const once = turnAway(passed, by('bob', 0), 1);
    expect(once?.turnedAway).toEqual([{ caller: 'bob', until: MINUTE + 1 }]);
    expect(once && turnAway(once, by('bob', 1), 1)).toBeUndefined();
    expect(once && turnAway(once, by('ann', 1), 1)?.turnedAway).toHaveLength(2);
    expect(once && pass(once, { ...by('bob', 1), lane: 'batch' }).turnedAway).toHaveLength(1);
    expect(once && pass(once, by('bob', 1)).turnedAway).toEqual([]);
  });
});
