/** Rate limiters in Firestore: no call is lost under concurrency. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreRateLimiters } from '../../../functions/adapters/firestore-rate-limiters.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { close, NEW_RATE_LIMITER, recordCall } from '../../../functions/core/job/rate-limiter.ts';
import type { RateLimiterStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';

const MODEL = { provider: 'vertex', model: 'veo-3.1-generate-001' } as const;
const closing: (() => Promise<unknown>)[] = [];
let rateLimiters: RateLimiterStore;

beforeAll(async () => {
  const server = await startFirestore({});
  const db = new Firestore({ projectId: 'turnstiles', host: `127.0.0.1:${server.port}`, ssl: false });
  rateLimiters = createFirestoreRateLimiters(db);
  closing.push(() => db.terminate(), server.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe('a rate limiter', () => {
  it('is open before the first call', async () => {
    expect(await rateLimiters.get({ ...MODEL, model: 'unheard-of' })).toEqual(NEW_RATE_LIMITER);
  });

  it('counts each of ten concurrent calls', async () => {
    const passing = { lane: 'batch', now: 0, requestsPerMinute: 60 } as const;
    const saved = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        rateLimiters.update(MODEL, (rateLimiter) =>
          recordCall(rateLimiter, { ...passing, caller: `caller ${n}` }),
        ),
      ),
    );
    expect(new Set(saved)).toEqual(new Set(['saved']));
    expect((await rateLimiters.get(MODEL)).dueAt).toBe(10_000);
  });

  it('admits a hundred calls of one process without an aborted transaction', async () => {
    const model = { ...MODEL, model: 'crowded' };
    const passing = { lane: 'interactive', caller: 'ann', now: 0, requestsPerMinute: 60 } as const;
    let decided = 0;
    const one = () =>
      rateLimiters.update(model, (rateLimiter) => {
        decided++;
        return recordCall(rateLimiter, passing);
      });
    await Promise.all(Array.from({ length: 100 }, one));
    expect(decided).toBe(100);
    expect((await rateLimiters.get(model)).dueAt).toBe(100_000);
  });

  it('continues after a decision that threw', async () => {
    const thrown = rateLimiters.update(MODEL, () => {
      throw new RangeError('no');
    });
    await expect(thrown).rejects.toThrow(RangeError);
    expect(await rateLimiters.update(MODEL, () => undefined)).toBe('unchanged');
  });

  it('keeps its state when a decision changes nothing', async () => {
    const refusal = { retryAfterMs: 5000, now: 0, random: 0.5 };
    await rateLimiters.update(MODEL, (rateLimiter) => close(rateLimiter, refusal, defaultPolicy()));
    expect(await rateLimiters.update(MODEL, () => undefined)).toBe('unchanged');
    expect(await rateLimiters.get(MODEL)).toMatchObject({
      closedUntil: 5000,
      refusalsInARow: 1,
      dueAt: 10_000,
    });
  });
});
