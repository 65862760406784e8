/** Conformance suite for every job store. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atStakeUsd } from '../../../functions/core/job/at-stake.ts';
import { isTerminal, type Job, type JobStatus } from '../../../functions/core/job/job.ts';
import { defaultPolicy } from '../../../functions/core/job/policy.ts';
import { releaseRecord } from '../../../functions/core/job/retry.ts';
import { newJob, step } from '../../../functions/core/job/step.ts';
import type { JobStore, ListAtStake } from '../../../functions/ports.ts';

const POLICY = defaultPolicy();
const LATENCY = { minMs: 11_000, typicalMs: 120_000, longestMs: 720_000 };
const T0 = Date.UTC(2026, 10, 21);

function makeJob(jobId: string, { caller = 'me', at = T0, model = 'veo-3.1-generate-001' } = {}): Job {
  const request = {
    provider: 'vertex',
    model,
    prompt: 'a cat',
    durationSeconds: 8,
    aspectRatio: '16:9',
    resolution: '720p',
    sampleCount: 1,
    generateAudio: true,
    seed: 0,
    negativePrompt: undefined,
  } as const;
  const seed = { jobId, caller, request, fingerprint: 'f', estimateUsd: 0.8, lane: 'interactive' } as const;
  return newJob({ ...seed, deadlineAt: at + 86_400_000 }, { now: at }).job;
}

const cancel = (now: number) => (job: Job) =>
  step(job, { type: 'cancel' }, { now, random: 0, policy: POLICY, latency: LATENCY });
const claim =
  (now: number, reservedUsd = 0.8) =>
  (job: Job) =>
    step(
      job,
      { type: 'claim', seq: 1, attemptId: `att_${now}`, location: 'us-central1', reservedUsd },
      { now, random: 0, policy: POLICY, latency: LATENCY },
    );
const postpone = (now: number) => (job: Job) =>
  step(
    job,
    { type: 'postpone', seq: 1, error: { code: 'NOT_READY', message: 'm', retryable: true, charged: 'no' } },
    { now, random: 0, policy: POLICY, latency: LATENCY },
  );
const loseAnswer = (now: number) => (job: Job) =>
  step(
    job,
    {
      type: 'attempt',
      attemptId: `att_${now}`,
      observed: { type: 'submitFailed', failure: { outcome: 'unknown', message: 'lost' } },
    },
    { now, random: 0, policy: POLICY, latency: LATENCY },
  );
const rule = (now: number) => (job: Job) =>
  step(
    job,
    { type: 'resolve', ruling: { attemptId: `att_${now}`, by: 'operator', decision: 'charged' } },
    { now, random: 0, policy: POLICY, latency: LATENCY },
  );

/** A job in the form that a store returns: without undefined fields. */
const asStored = (job: Job): unknown => JSON.parse(JSON.stringify(job));

export function jobStoreSuite(
  name: string,
  open: () => Promise<{ store: JobStore; close: () => Promise<void> }>,
): void {
  describe(`job store: ${name}`, () => {
    let store: JobStore;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ store, close } = await open());
    });
    afterAll(() => close());

    const stored = async (jobId: string): Promise<Job> => {
      const job = await store.get(jobId);
      if (!job) throw new Error(`Job ${jobId} does not exist.`);
      return job;
    };

    it('returns a created job unchanged', async () => {
      const job = makeJob('create_1');
      expect(await store.create(job)).toBe('created');
      expect(asStored(await stored('create_1'))).toEqual(asStored(job));
    });

    it('creates a job once when ten try concurrently', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) => store.create(makeJob('create_2', { caller: `caller ${n}` }))),
      );
      expect(answers.filter((answer) => answer === 'created')).toHaveLength(1);
      expect(await store.create(makeJob('create_2'))).toBe('exists');
    });

    it('returns nothing for an unknown job', async () => {
      expect(await store.get('nowhere')).toBeUndefined();
      expect(await store.update('nowhere', cancel(T0))).toEqual({ kind: 'missing' });
    });

    it('saves the decision and returns the previous job', async () => {
      await store.create(makeJob('update_1'));
      const updated = await store.update('update_1', cancel(T0 + 5));
      expect(updated).toMatchObject({
        kind: 'saved',
        before: { status: 'queued' },
        step: { job: { status: 'cancelled', revision: 2 } },
      });
      expect(await stored('update_1')).toMatchObject({
        status: 'cancelled',
        finishedAt: T0 + 5,
        revision: 2,
      });
    });

    it('finds the jobs of a batch by row and status, without those that a retry replaces', async () => {
      const ofRow = (jobId: string, row: number, at = T0, supersededBy?: string): Job => ({
        ...makeJob(jobId, { at }),
        batch: { batchId: 'bat_1', row, ...(supersededBy === undefined ? {} : { supersededBy }) },
      });
      for (const row of [10, 9, 2, 1]) await store.create(ofRow(`row_${row}`, row));
      await store.create(ofRow('row_2_newer', 2, T0 + 1));
      await store.create(ofRow('row_3_before', 3, T0, 'row_3'));
      await store.create({ ...ofRow('other', 1), batch: { batchId: 'bat_2', row: 1 } });
      await store.update('row_9', cancel(T0 + 5));
      const idsOf = (jobs: readonly Job[]): string[] => jobs.map(({ jobId }) => jobId);
      expect(idsOf(await store.listOfBatch({ batchId: 'bat_1', afterRow: 0, limit: 4 }))).toEqual([
        ...['row_1', 'row_2_newer', 'row_2', 'row_9'],
      ]);
      expect(idsOf(await store.listOfBatch({ batchId: 'bat_1', afterRow: 9, limit: 4 }))).toEqual(['row_10']);
      const unfinished = {
        batchId: 'bat_1',
        statuses: ['queued', 'running'],
        afterRow: 0,
        limit: 9,
      } as const;
      expect(idsOf(await store.listOfBatch(unfinished))).toEqual(['row_1', 'row_2_newer', 'row_2', 'row_10']);
      expect(await store.countOfBatch('bat_1', ['queued', 'running'])).toBe(4);
      expect(await store.countOfBatch('bat_1', ['cancelled'])).toBe(1);
      expect(await store.countOfBatch('bat_3', ['cancelled'])).toBe(0);
    });

    it('finds the jobs that a batch holds, including those that a retry replaces, until they are released', async () => {
      const link = { batchId: 'bat_held', row: 1 };
      await store.create({ ...makeJob('held_1'), batch: link });
      await store.create({ ...makeJob('held_2'), batch: { ...link, supersededBy: 'held_1' } });
      const held = async (limit: number): Promise<string[]> =>
        (await store.heldByBatch('bat_held', limit)).map(({ jobId }) => jobId).sort();
      expect(await held(9)).toEqual(['held_1', 'held_2']);
      expect(await held(1)).toHaveLength(1);
      await store.update('held_1', (job) => releaseRecord(job, T0));
      expect(await held(9)).toEqual(['held_2']);
    });

    it('stores a job and the job created from it atomically', async () => {
      await store.create(makeJob('made_from'));
      await store.create(makeJob('made_before'));
      const making = (made: string) => (job: Job) => {
        const decided = cancel(T0 + 5)(job);
        return decided && { ...decided, made: makeJob(made) };
      };
      await expect(store.update('made_from', making('made_before'))).rejects.toThrow();
      expect(await stored('made_from')).toMatchObject({ status: 'queued', revision: 1 });
      expect(await store.update('made_from', making('made_new'))).toMatchObject({ kind: 'saved' });
      expect([await stored('made_from'), await stored('made_new')]).toMatchObject([
        { status: 'cancelled' },
        { status: 'queued' },
      ]);
    });

    it('saves nothing when the decision is empty', async () => {
      await store.create(makeJob('update_2'));
      expect(await store.update('update_2', () => undefined)).toMatchObject({
        kind: 'unchanged',
        job: { revision: 1 },
      });
      expect((await stored('update_2')).revision).toBe(1);
    });

    it('lets one of eight concurrent claims win (I1)', async () => {
      await store.create(makeJob('race_1'));
      const updates = await Promise.all(
        Array.from({ length: 8 }, (_, n) => store.update('race_1', claim(T0 + n))),
      );
      expect(updates.filter(({ kind }) => kind === 'saved')).toHaveLength(1);
      expect((await stored('race_1')).revision).toBe(2);
    });

    it('saves nothing when the decision throws', async () => {
      await store.create(makeJob('throw_1'));
      const decide = (): never => {
        throw new Error('cannot decide');
      };
      await expect(store.update('throw_1', decide)).rejects.toThrow('cannot decide');
      expect((await stored('throw_1')).revision).toBe(1);
    });

    it('lists a caller’s jobs newest first, in pages, each once, also with equal times', async () => {
      for (let n = 0; n < 9; n++) {
        await store.create(makeJob(`list_${n}`, { caller: 'lister', at: T0 + Math.floor(n / 3) }));
      }
      const seen: Job[] = [];
      for (;;) {
        const last = seen.at(-1);
        const page = await store.list({ caller: 'lister', pageSize: 2, after: last });
        seen.push(...page);
        if (page.length < 2) break;
      }
      expect(seen.map(({ jobId }) => jobId)).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => `list_${n}`));
    });

    it('lists every caller’s jobs when no caller is given', async () => {
      await store.create(makeJob('all_1', { caller: 'one', at: T0 + 1_000_000 }));
      await store.create(makeJob('all_2', { caller: 'two', at: T0 + 1_000_001 }));
      const jobs = await store.list({ pageSize: 2 });
      expect(jobs.map(({ jobId }) => jobId)).toEqual(['all_2', 'all_1']);
    });

    it('selects the next job of a submit queue: the next caller’s oldest job, round-robin between callers', async () => {
      const model = 'veo-3.1-lite-generate-001';
      const line = { provider: 'vertex', model, lane: 'interactive' } as const;
      for (const [n, caller] of ['b', 'a', 'c', 'a'].entries())
        await store.create(makeJob(`line_${n}`, { caller, model, at: T0 + n }));
      const next = async (lastCaller: string | undefined, limit: number): Promise<string[]> =>
        (await store.nextInQueue(line, lastCaller, limit)).map(({ jobId }) => jobId);
      expect(await next(undefined, 1)).toEqual(['line_1']);
      expect(await next('a', 1)).toEqual(['line_0']);
      expect(await next('aa', 9)).toEqual(['line_0', 'line_2']);
      expect(await next('c', 3)).toEqual(['line_1', 'line_3', 'line_0']);
      expect(await store.nextInQueue({ ...line, lane: 'batch' }, undefined, 1)).toEqual([]);
      await store.update('line_1', claim(T0 + 9));
      await store.update('line_3', postpone(T0 + 9));
      expect(await next('c', 9)).toEqual(['line_0', 'line_2']);
    });

    it('lists money at stake, largest first, in pages, with the total, until it is settled', async () => {
      for (const [n, usd] of [0.1, 0.2, 0.2, 0.2].entries()) {
        await store.create(makeJob(`stake_${n}`));
        await store.update(`stake_${n}`, claim(T0, usd));
        await store.update(`stake_${n}`, loseAnswer(T0));
      }
      const listed = async (): Promise<string[]> => {
        const seen: string[] = [];
        for (let after: ListAtStake['after']; ; ) {
          const page = await store.atStake({ pageSize: 2, after });
          seen.push(...page.map(({ jobId }) => jobId));
          const last = page.at(-1);
          if (!last || page.length < 2) return seen;
          after = { jobId: last.jobId, atStakeUsd: atStakeUsd(last) };
        }
      };
      expect(await listed()).toEqual(['stake_3', 'stake_2', 'stake_1', 'stake_0']);
      expect(await store.totalAtStakeUsd()).toBe(0.7);
      await store.update('stake_2', rule(T0));
      expect(await listed()).toEqual(['stake_3', 'stake_1', 'stake_0']);
      expect(await store.totalAtStakeUsd()).toBe(0.5);
    });

    it('filters a list by status and by model', async () => {
      const models = ['veo-3.1-generate-001', 'veo-3.1-fast-generate-001', 'veo-3.1-generate-001'];
      for (const [n, model] of models.entries())
        await store.create(makeJob(`filter_${n}`, { caller: 'filterer', model }));
      await store.update('filter_2', cancel(T0));
      const ids = async (filter: { status?: JobStatus; model?: string }): Promise<string[]> =>
        (await store.list({ caller: 'filterer', pageSize: 10, ...filter })).map(({ jobId }) => jobId).sort();
      expect(await ids({ status: 'queued' })).toEqual(['filter_0', 'filter_1']);
      expect(await ids({ model: 'veo-3.1-generate-001' })).toEqual(['filter_0', 'filter_2']);
      expect(await ids({ model: 'veo-3.1-generate-001', status: 'cancelled' })).toEqual(['filter_2']);
      expect(await ids({ status: 'failed' })).toEqual([]);
    });

    it('finds overdue wakes, most overdue first, and none of finished jobs', async () => {
      const year = Date.UTC(2020, 0, 1);
      for (const [n, at] of [year + 2, year + 1, year + 3, year].entries())
        await store.create(makeJob(`overdue_${n}`, { at }));
      await store.update('overdue_3', cancel(year));
      const ids = async (before: number, limit: number): Promise<string[]> =>
        (await store.overdue(before, limit)).map(({ jobId }) => jobId);
      expect(await ids(year + 3, 10)).toEqual(['overdue_1', 'overdue_0', 'overdue_2']);
      expect(await ids(year + 2, 10)).toEqual(['overdue_1', 'overdue_0']);
      expect(await ids(year + 3, 1)).toEqual(['overdue_1']);
    });

    it('finds the oldest unfinished job', async () => {
      // The suite's jobs share a store. These are older than all others.
      const decade = Date.UTC(2010, 0, 1);
      for (const [n, at] of [decade + 1, decade, decade + 2].entries())
        await store.create(makeJob(`open_${n}`, { at }));
      expect((await store.oldestOpen())?.jobId).toBe('open_1');
      await store.update('open_1', cancel(decade));
      expect((await store.oldestOpen())?.jobId).toBe('open_0');
      for (const n of [0, 2]) await store.update(`open_${n}`, cancel(decade));
      expect((await store.oldestOpen())?.createdAt).toBeGreaterThan(decade + 2);
    });

    it('finds unpublished ends, longest overdue first, and no published ones', async () => {
      const year = Date.UTC(2019, 0, 1);
      const policy = { ...POLICY, announce: true };
      for (const [n, at] of [year + 2, year + 1, year + 3].entries()) {
        await store.create(makeJob(`told_${n}`, { at: year }));
        const ctx = { now: at, random: 0, policy, latency: LATENCY };
        await store.update(`told_${n}`, (job) => step(job, { type: 'cancel' }, ctx));
      }
      const ids = async (before: number, limit: number): Promise<string[]> =>
        (await store.unannounced(before, limit)).map(({ jobId }) => jobId);
      expect(await ids(year + 3, 10)).toEqual(['told_1', 'told_0', 'told_2']);
      expect(await ids(year + 2, 10)).toEqual(['told_1', 'told_0']);
      expect(await ids(year + 3, 1)).toEqual(['told_1']);
      const ctx = { now: year + 9, random: 0, policy, latency: LATENCY };
      await store.update('told_1', (job) => step(job, { type: 'announced' }, ctx));
      expect(await ids(year + 3, 10)).toEqual(['told_0', 'told_2']);
    });

    it('waits for a change and returns the changed job', async () => {
      await store.create(makeJob('wait_1'));
      const waiting = store.waitFor('wait_1', isTerminal, 10_000);
      await store.update('wait_1', claim(T0));
      await store.update('wait_1', cancel(T0));
      expect(await waiting).toMatchObject({ status: 'cancelled' });
    });

    it('returns the job unchanged when the wait times out, and nothing for an unknown job', async () => {
      await store.create(makeJob('wait_2'));
      expect(await store.waitFor('wait_2', isTerminal, 50)).toMatchObject({ status: 'queued' });
      expect(await store.waitFor('wait_none', isTerminal, 5000)).toBeUndefined();
    });
  });
}
