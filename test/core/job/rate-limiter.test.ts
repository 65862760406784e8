/** The rate limiter: quota, refusals, deferred callers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import {
  type Call,
  close,
  deferCaller,
  NEW_RATE_LIMITER,
  type RateLimiter,
  recordCall,
  reopen,
  waitMs,
} from '../../../functions/core/job/rate-limiter.ts';

const MINUTE = 60_000;
const by = (caller: string, now: number, requestsPerMinute = 60): Call => ({
  ...{ lane: 'interactive', caller, now, requestsPerMinute },
});
const POLICY = defaultPolicy();

describe('a rate limiter', () => {
  it('allows at most a quarter more than the quota in any minute, and allows a call after the wait that it returned', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 50 }),
        (rpm, gaps) => {
          let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
          let now = 0;
          const allowed: number[] = [];
          for (const gap of gaps.flatMap((each) => [each, each, each, each])) {
            now += gap;
            if (waitMs(rateLimiter, by('c', now, rpm)) > 0) continue;
            rateLimiter = recordCall(rateLimiter, by('c', now, rpm));
            allowed.push(now);
          }
          for (const [n, at] of allowed.entries()) {
            const within = allowed.slice(n).filter((each) => each < at + MINUTE).length;
            expect(within).toBeLessThanOrEqual(rpm + Math.max(1, rpm / 4) + 1);
          }
          // The returned wait is always long enough.
          const enough = now + waitMs(rateLimiter, by('c', now, rpm));
          expect(waitMs(rateLimiter, by('c', enough, rpm))).toBe(0);
        },
      ),
    );
  });

  it('counts concurrent refusals as one, and closes for longer after each further refusal', () => {
    const refusal = { retryAfterMs: undefined, random: 0.999 };
    const once = close(NEW_RATE_LIMITER, { ...refusal, now: 0 }, POLICY);
    expect(close(once, { ...refusal, now: 1 }, POLICY)).toBe(once);
    const twice = close(once, { ...refusal, now: once.closedUntil }, POLICY);
    expect(twice.refusalsInARow).toBe(2);
    expect(twice.closedUntil - once.closedUntil).toBeGreaterThan(once.closedUntil);
  });

  it('stays closed for the Retry-After of the model, and is not reopened by earlier calls', () => {
    const closed = close(NEW_RATE_LIMITER, { retryAfterMs: 10 * MINUTE, now: 0, random: 0 }, POLICY);
    expect(waitMs(closed, by('c', 0))).toBe(10 * MINUTE);
    expect(reopen(closed, MINUTE)).toBeUndefined();
    expect(reopen(closed, 10 * MINUTE)).toMatchObject({ refusalsInARow: 0 });
    expect(reopen(NEW_RATE_LIMITER, 0)).toBeUndefined();
  });
});

describe('a deferred caller', () => {
  /** Makes the call if it is allowed, and defers the caller otherwise. */
  function tryAt(rateLimiter: RateLimiter, call: Call): { rateLimiter: RateLimiter; retryMs: number } {
    const retryMs = waitMs(rateLimiter, call);
    if (retryMs === 0) return { rateLimiter: recordCall(rateLimiter, call), retryMs };
    return { rateLimiter: deferCaller(rateLimiter, call, retryMs) ?? rateLimiter, retryMs };
  }

  it('passes when it comes back after the requested wait, under any load, and does not reduce the rate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 600 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 5000 }),
        (rpm, busyCallers, lateMs) => {
          let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
          let allowed = 0;
          let returnsAt: number | undefined;
          const end = 2 * MINUTE;
          for (let now = 0; now < end; now += 50) {
            for (let n = 0; n < busyCallers; n++) {
              const tried = tryAt(rateLimiter, by(`busy ${n}`, now, rpm));
              rateLimiter = tried.rateLimiter;
              if (tried.retryMs === 0) allowed++;
            }
            if (now < (returnsAt ?? MINUTE)) continue;
            const tried = tryAt(rateLimiter, by('polite', now, rpm));
            rateLimiter = tried.rateLimiter;
            if (tried.retryMs === 0) allowed++;
            if (returnsAt !== undefined) expect(tried.retryMs).toBe(0);
            returnsAt = tried.retryMs === 0 ? undefined : now + tried.retryMs + lateMs;
          }
          expect(allowed).toBeGreaterThanOrEqual(Math.floor(rpm * 2) - busyCallers);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('who never comes back delays others for at most a minute, and does not reduce the rate of the model', () => {
    let rateLimiter: RateLimiter = NEW_RATE_LIMITER;
    for (let n = 0; n < 15; n++) rateLimiter = recordCall(rateLimiter, by('ann', 0));
    for (let n = 0; n < 30; n++) rateLimiter = tryAt(rateLimiter, by(`absent ${n}`, 0)).rateLimiter;
    expect(rateLimiter.turnedAway.length).toBe(16);
    const allowed: number[] = [];
    for (let now = 0; now < 3 * MINUTE; now += 100) {
      const tried = tryAt(rateLimiter, by('ann', now));
      if (tried.retryMs === 0) allowed.push(now);
      rateLimiter = tried.rateLimiter;
    }
    expect(allowed[0]).toBe(15_000);
    // One call a second until the first deferred caller is forgotten.
    expect(allowed.filter((at) => at >= 15_000 && at < 61_000)).toHaveLength(46);
    expect(rateLimiter.turnedAway).toEqual([]);
  });

  it('is remembered once, and not if it has no competitors or its call is of a batch', () => {
    const afterCall = recordCall(NEW_RATE_LIMITER, by('ann', 0));
    expect(deferCaller(afterCall, by('ann', 0), 1)).toBeUndefined();
    expect(deferCaller(afterCall, { ...by('bob', 0), lane: 'batch' }, 1)).toBeUndefined();
    const once = deferCaller(afterCall, by('bob', 0), 1);
    expect(once?.turnedAway).toEqual([{ caller: 'bob', until: MINUTE + 1 }]);
    expect(once && deferCaller(once, by('bob', 1), 1)).toBeUndefined();
    expect(once && deferCaller(once, by('ann', 1), 1)?.turnedAway).toHaveLength(2);
    expect(once && recordCall(once, { ...by('bob', 1), lane: 'batch' }).turnedAway).toHaveLength(1);
    expect(once && recordCall(once, by('bob', 1)).turnedAway).toEqual([]);
  });
});
