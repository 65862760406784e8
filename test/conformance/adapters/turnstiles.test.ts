/** Turnstiles in Firestore: no pass is lost, however many decide at once. */
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFirestoreTurnstiles } from '../../../functions/adapters/firestore-turnstiles.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { close, NEW_TURNSTILE, pass } from '../../../functions/core/job/turnstile.ts';
import type { TurnstileStore } from '../../../functions/ports.ts';
import { startFirestore } from '../../../infra/firestore/server.ts';

const MODEL = { provider: 'vertex', model: 'veo-3.1-generate-001' } as const;
const closing: (() => Promise<unknown>)[] = [];
let turnstiles: TurnstileStore;

beforeAll(async () => {
  const server = await startFirestore({});
  const db = new Firestore({ projectId: 'turnstiles', host: `127.0.0.1:${server.port}`, ssl: false });
  turnstiles = createFirestoreTurnstiles(db);
  closing.push(() => db.terminate(), server.stop);
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe('a turnstile', () => {
  it('is open and new before anybody has passed', async () => {
    expect(await turnstiles.get({ ...MODEL, model: 'unheard-of' })).toEqual(NEW_TURNSTILE);
  });

  it('counts each of ten calls that pass at the same time', async () => {
    const passing = { lane: 'batch', now: 0, requestsPerMinute: 60 } as const;
    const saved = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        turnstiles.update(MODEL, (turnstile) => pass(turnstile, { ...passing, caller: `caller ${n}` })),
      ),
    );
    expect(new Set(saved)).toEqual(new Set(['saved']));
    expect((await turnstiles.get(MODEL)).dueAt).toBe(10_000);
  });

  it('lets a hundred calls of one process by without an aborted one', async () => {
    const model = { ...MODEL, model: 'crowded' };
    const passing = { lane: 'interactive', caller: 'ann', now: 0, requestsPerMinute: 60 } as const;
    let decided = 0;
    const one = () =>
      turnstiles.update(model, (turnstile) => {
        decided++;
        return pass(turnstile, passing);
      });
    await Promise.all(Array.from({ length: 100 }, one));
    expect(decided).toBe(100);
    expect((await turnstiles.get(model)).dueAt).toBe(100_000);
  });

  it('goes on after a decision that threw', async () => {
    const thrown = turnstiles.update(MODEL, () => {
      throw new RangeError('no');
    });
    await expect(thrown).rejects.toThrow(RangeError);
    expect(await turnstiles.update(MODEL, () => undefined)).toBe('unchanged');
  });

  it('keeps what it knows when a decision is to change nothing', async () => {
    const refusal = { retryAfterMs: 5000, now: 0, random: 0.5 };
    await turnstiles.update(MODEL, (turnstile) => close(turnstile, refusal, defaultPolicy()));
    expect(await turnstiles.update(MODEL, () => undefined)).toBe('unchanged');
    expect(await turnstiles.get(MODEL)).toMatchObject({
      closedUntil: 5000,
      refusalsInARow: 1,
      dueAt: 10_000,
    });
  });
});
