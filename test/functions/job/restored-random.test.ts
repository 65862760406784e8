/**
 * Databases that are restored at random moments, with models that refuse, fail, and lose answers. Everything is drawn from
 * the seed: `SEED=17 RUNS=1 npx vitest run test/functions/job/restored-random.test.ts` repeats one run.
 */
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { type Job, liveAttemptOf } from '../../../functions/core/job/job.ts';
import { retry } from '../../../functions/handlers/job/retry-job.ts';
import type { PaidCall, PollAnswer, SubmitAnswer } from '../../../functions/ports.ts';
import { accept } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { MemoryJobStore } from '../../support/memory-jobs.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 20);

/** A linear congruential generator of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed * 7919;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Scripts both providers. Returns the calls that were charged. */
function scriptModels(world: World, random: () => number): PaidCall[] {
  const charged: PaidCall[] = [];
  const operations = new Map<string, { call: PaidCall; endsAt: number; fails: boolean }>();
  const accepted = (call: PaidCall): SubmitAnswer => {
    const { provider, model } = call.stage;
    const name = `operations/${operations.size + 1}`;
    const fails = random() < 0.15;
    if (!fails) charged.push(call);
    operations.set(name, { call, endsAt: world.clock.now() + (0.5 + random() * 5) * MINUTE, fails });
    return { kind: 'accepted', operation: { provider, name, model, location: call.location } };
  };
  const onSubmit = async (call: PaidCall): Promise<SubmitAnswer> => {
    const draw = random();
    if (draw < 0.1) return { kind: 'failed', signal: { kind: 'http', status: 429, message: 'quota' } };
    if (draw < 0.15) return { kind: 'failed', signal: { kind: 'http', status: 401, message: 'token' } };
    const answer = accepted(call);
    return draw < 0.2 ? { kind: 'failed', signal: { kind: 'timeout', message: 'no answer' } } : answer;
  };
  const onPoll = ({ name }: { readonly name: string }): PollAnswer => {
    const operation = operations.get(name);
    if (!operation || world.clock.now() < operation.endsAt) return { kind: 'running' };
    if (operation.fails) return { kind: 'error', code: 13, message: 'internal' };
    const isVertex = operation.call.stage.provider === 'vertex';
    const uri = isVertex ? `${operation.call.outputUri}1/sample_0.mp4` : `https://files.test/${name}`;
    if (isVertex) world.output.put(uri.replace('gs://out/', ''), Buffer.from('video'));
    return { kind: 'done', result: { sources: [{ uri }], filteredCount: 0, filteredReasons: [] } };
  };
  for (const provider of [world.vertex, world.gemini]) {
    provider.onSubmit = onSubmit;
    provider.onPoll = onPoll;
    provider.onDownload = async () => ({
      kind: 'body',
      contentType: 'video/mp4',
      body: Readable.from([Buffer.from('video')]),
    });
  }
  return charged;
}

async function acceptSome(world: World, name: string): Promise<void> {
  await accept(world, { prompt: `${name} vertex` });
  await accept(world, { prompt: `${name} gemini`, model: 'veo-3.1-fast-generate-preview' });
  const extensions = [{ prompt: `${name} link one` }, { prompt: `${name} link two` }];
  await accept(world, { prompt: `${name} chain`, extensions });
}

async function retryFailed(world: World): Promise<void> {
  // Refused for those that may have been paid for.
  for (const job of await world.jobs.all())
    if (job.status === 'failed')
      await retry(world.services, job, { acceptDoubleCharge: false }).catch(() => undefined);
}

/** The job at the start of a chain of retries. */
function originOf(jobs: readonly Job[], jobId: string): string {
  const earlier = jobs.find((each) => each.jobId === jobId)?.retryOf?.jobId;
  return earlier === undefined ? jobId : originOf(jobs, earlier);
}

async function restoreAtRandom(seed: number): Promise<{ paidTwice: string[]; unaccounted: string[] }> {
  const random = randomFrom(seed);
  const world = makeWorld();
  const charged = scriptModels(world, random);
  let copy: { readonly jobs: readonly Job[]; readonly at: number } | undefined;
  const takeCopy = async () => ({ jobs: await world.jobs.all(), at: world.clock.now() });
  const update = world.jobs.update.bind(world.jobs);
  let writesLeft = Math.floor(random() * 80);
  world.jobs.update = async (...args) => {
    if (writesLeft-- === 0) copy = await takeCopy();
    return update(...args);
  };
  await acceptSome(world, 'first');
  await runFor(world, random() * 8 * MINUTE);
  await acceptSome(world, 'second');
  await runFor(world, random() * 30 * MINUTE);
  if (random() < 0.5) await retryFailed(world);
  await runFor(world, random() * 60 * MINUTE);
  copy ??= await takeCopy();
  // In a fifth of the runs all deadlines have passed.
  world.clock.advance(random() < 0.2 ? 1.25 * DAY : 10 * MINUTE);

  const jobs = new MemoryJobStore();
  for (const job of copy.jobs) await jobs.create(job);
  const restored = { copiedAt: copy.at, resumedAt: world.clock.now() };
  const services = { ...world.services, jobs, settings: { ...world.services.settings, restored } };
  const after: World = { ...world, jobs, services };
  await runFor(after, 1.1 * DAY);
  // A retry is refused once for each lost stage, whose attempt is followed then.
  for (let round = 0; round < 6; round++) {
    await retryFailed(after);
    await runFor(after, 1.1 * DAY);
  }

  const all = await jobs.all();
  const keys = charged.map(({ jobId, stage }) => `${originOf(all, jobId)} ${stage.prompt}`);
  const known = new Set(
    all.flatMap((job) => [...job.attempts, liveAttemptOf(job)].map((attempt) => attempt?.attemptId)),
  );
  const ids = new Set(all.map(({ jobId }) => jobId));
  return {
    paidTwice: keys.filter((key, n) => keys.indexOf(key) !== n),
    unaccounted: charged.flatMap(({ jobId, attemptId }) =>
      ids.has(jobId) && !known.has(attemptId) ? [attemptId] : [],
    ),
  };
}

it(`pays for no stage twice and knows every charge of its jobs, in ${RUNS} runs from SEED=${SEED}`, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed++)
    expect(await restoreAtRandom(seed), `SEED=${seed}`).toEqual({ paidTwice: [], unaccounted: [] });
});
