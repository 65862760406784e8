/** The limit of a verification: nothing paid passes it, whatever the deployment answers. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { builtInPriceUsd } from '../../infra/verify/prices.ts';
import { Spending } from '../../infra/verify/spending.ts';
import type { PaidStep, Step } from '../../infra/verify/step.ts';
import { STEPS } from '../../infra/verify/steps.ts';
import { verify } from '../../infra/verify/verify.ts';
import { JOB, makeRig, paidStep, type Rig, type RigOptions, START } from './rig.ts';

describe('the running total', () => {
  it('never passes the limit by reservations, and equals the sum of what was reserved', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50_000 }),
        fc.array(fc.integer({ min: 1, max: 20_000 })),
        (limit, prices) => {
          const spending = new Spending(limit / 10_000);
          let reserved = 0;
          for (const price of prices) if (spending.tryReserve(price / 10_000)) reserved += price;
          expect(Math.round(spending.totalUsd * 10_000)).toBe(reserved);
          expect(reserved).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it('may equal the limit: ten times $0.10 fit into $1.00', () => {
    const spending = new Spending(1);
    expect(Array.from({ length: 11 }, () => spending.tryReserve(0.1)).filter(Boolean)).toHaveLength(10);
  });

  it('refuses a price that is no amount', () => {
    for (const price of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => new Spending(1).tryReserve(price)).toThrow('price');
    for (const limit of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => new Spending(limit)).toThrow('limit');
  });
});

describe('paid steps', () => {
  let rig: Rig;
  afterEach(() => rig.google.stop());

  const firstVideo = paidStep('first-video');
  const second: PaidStep = { ...firstVideo, id: 'second' };

  const run = async (
    options: RigOptions,
    limitUsd: number,
    steps: readonly Step[] = [firstVideo, second],
  ) => {
    rig = await makeRig(options);
    const spending = new Spending(limitUsd);
    const results = await verify({
      steps,
      context: rig.context,
      spending,
      runId: 'r',
      progress: () => {},
      jobTimeoutMs: 60_000,
    });
    return { results, spending, created: rig.sent.filter((line) => line === 'POST /v1/jobs').length };
  };
  const jobs = (job: object = JOB, priceUsd = 0.32): NonNullable<RigOptions['answers']> => ({
    'POST /v1/estimates': () => Response.json({ priceUsd }),
    'POST /v1/jobs': () => Response.json(job, { status: 201 }),
    'GET /v1/jobs/job_1': () => Response.json(job),
  });

  it('are priced by the higher of the two catalogues, before the call', async () => {
    const cheap = await run({ answers: jobs(JOB, 0.0001) }, 0.31);
    expect(cheap).toMatchObject({ created: 0, results: [{ verdict: 'not paid', priceUsd: 0.32 }, {}] });
    await rig.google.stop();
    const dear = await run({ answers: jobs(JOB, 3) }, 2.99);
    expect(dear).toMatchObject({ created: 0, results: [{ verdict: 'not paid', priceUsd: 3 }, {}] });
  });

  it('stop before the first that would pass the limit', async () => {
    const { results, spending, created } = await run({ answers: jobs() }, 0.5);
    expect(results.map(({ verdict }) => verdict)).toEqual(['as assumed', 'not paid']);
    expect(results[1]?.detail).toContain('limit of $0.50');
    expect({ created, totalUsd: spending.totalUsd }).toEqual({ created: 1, totalUsd: 0.32 });
  });

  it('keep their price in the total when they fail, whatever the failure says of the charge', async () => {
    const failed = {
      ...JOB,
      status: 'failed',
      priceUsd: { estimate: 0.32, charged: 0, unknown: 0 },
      error: { code: 'INTERNAL', message: 'no', charged: 'no' },
    };
    const { results, spending } = await run({ answers: jobs(failed) }, 0.5);
    expect(results.map(({ verdict }) => verdict)).toEqual(['differs', 'not paid']);
    expect(spending.totalUsd).toBe(0.32);
  });

  it('end when a job was charged more than its price', async () => {
    const twice = { ...JOB, priceUsd: { estimate: 0.32, charged: 0.32, unknown: 0.32 } };
    const { results, spending, created } = await run({ answers: jobs(twice) }, 0.65);
    expect({ created, totalUsd: spending.totalUsd }).toEqual({ created: 1, totalUsd: 0.64 });
    expect(results[1]).toMatchObject({ verdict: 'not paid' });
  });

  it('are not run on a deployment that pays again for an unknown outcome', async () => {
    const { results, created } = await run(
      { answers: jobs(), environment: { CLAPPER_UNKNOWN_OUTCOME: 'resubmit' } },
      9,
    );
    expect(created).toBe(0);
    expect(results[0]).toMatchObject({ verdict: 'not paid', detail: expect.stringContaining('resubmit') });
  });

  it('are not run on a deployment that does not show whether it would pay again', async () => {
    const { results, created } = await run({ answers: jobs(), hidesEnvironment: true }, 9);
    expect(created).toBe(0);
    expect(results[0]).toMatchObject({
      verdict: 'not paid',
      detail: expect.stringContaining('not readable'),
    });
  });

  it('cancel a job that waits too long, so that it is not paid for after the report', async () => {
    let cancelled = false;
    const waiting = { ...JOB, status: 'queued', reason: 'QUOTA', videos: undefined };
    const answers = {
      ...jobs(waiting),
      'GET /v1/jobs/job_1': () => {
        // Each answer takes the 30 s of its wait.
        void rig.context.sleep(30_000);
        return Response.json(cancelled ? { ...waiting, status: 'cancelled' } : waiting);
      },
      'POST /v1/jobs/job_1/cancel': () => {
        cancelled = true;
        return Response.json({});
      },
    };
    const { results, created } = await run({ answers }, 9);
    expect({ cancelled, created }).toEqual({ cancelled: true, created: 1 });
    expect(results).toMatchObject([
      { verdict: 'unknown', detail: expect.stringMatching(/within 1 minutes.*QUOTA/), priceUsd: 0.32 },
      // It would wait for as long.
      { verdict: 'not paid', detail: expect.stringContaining('first-video') },
    ]);
  });

  it('count a call whose job is never seen again', async () => {
    const answers = { ...jobs(), 'POST /v1/jobs': () => new Response('', { status: 500 }) };
    const { results, spending } = await run({ answers }, 0.5);
    expect(results).toMatchObject([{ verdict: 'unknown', priceUsd: 0.32 }, { verdict: 'not paid' }]);
    expect(spending.totalUsd).toBe(0.32);
  });

  it('are not made for an image model that the deployment would replace by its successor', async () => {
    const models = [
      { kind: 'image', provider: 'vertex', model: 'gemini-2.5-flash-image', stage: 'retired' },
    ].map((model) => ({ ...model, requestsPerMinute: 1, locations: [], pricePerImageUsd: 0.01 }));
    const { results, spending } = await run(
      { answers: { 'GET /v1/models': () => Response.json({ models }) } },
      1,
      [paidStep('image-2-5')],
    );
    expect(results[0]).toMatchObject({ verdict: 'unknown', detail: expect.stringContaining('retired') });
    expect({ totalUsd: spending.totalUsd, calls: rig.sent }).toEqual({
      totalUsd: 0,
      calls: ['GET /v1/models'],
    });
  });

  it('are not made when the answer to the question for a price is not of Clapper', async () => {
    const answers = { ...jobs(), 'POST /v1/estimates': () => new Response('<html>') };
    const { results, created } = await run({ answers }, 9, [firstVideo]);
    expect(created).toBe(0);
    expect(results[0]).toMatchObject({ verdict: 'unknown', detail: expect.stringContaining('not JSON') });
  });

  it('repeat a lost creation under the same idempotency key', async () => {
    const keys: (string | null)[] = [];
    const answers = {
      ...jobs(),
      'POST /v1/jobs': (init: RequestInit | undefined) => {
        keys.push(new Headers(init?.headers).get('idempotency-key'));
        return keys.length === 1 ? new Response('', { status: 503 }) : Response.json(JOB, { status: 201 });
      },
    };
    await run({ answers }, 0.5, [firstVideo]);
    expect(keys).toEqual(['verify-r-first-video', 'verify-r-first-video']);
  });

  it('never repeat an image call, which has no idempotency key', async () => {
    const imageFlash = paidStep('image-flash');
    const path =
      'POST /v1beta1/projects/clapper-local/locations/global/publishers/google/models/gemini-3.1-flash-image:generateContent';
    const { results } = await run({ answers: { [path]: () => new Response('', { status: 503 }) } }, 1, [
      imageFlash,
    ]);
    expect(rig.sent.filter((line) => line === path)).toHaveLength(1);
    expect(results[0]).toMatchObject({ verdict: 'differs', detail: expect.stringContaining('503') });
  });

  it('have a price in the built-in catalogue, the cheapest way to ask their question, and $1 buys seven of them', () => {
    const prices = STEPS.flatMap((step) =>
      step.paid ? [{ id: step.id, usd: builtInPriceUsd(step.paid, START) }] : [],
    );
    for (const { usd } of prices) expect(usd).toBeGreaterThan(0);
    const firstSeven = prices.slice(0, 7).reduce((sum, { usd }) => sum + usd, 0);
    expect(firstSeven).toBeLessThanOrEqual(1);
  });
});
