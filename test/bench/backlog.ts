/**
 * What a crowd costs the one beside it: with thousands of one caller's jobs in a line, which paid call another caller's
 * single job is, counted from its arrival. In Firestore, through the handlers, at a model that takes any number of calls.
 */
import { Firestore } from '@google-cloud/firestore';
import { createFirestoreJobStore } from '../../functions/adapters/firestore-job-store.ts';
import { createFirestoreRateLimiters } from '../../functions/adapters/firestore-rate-limiters.ts';
import { startFirestore } from '../../infra/firestore/server.ts';
import { accept } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { deliver } from '../support/run.ts';
import type { Measure, Scope } from './bench.ts';

const CROWD = 5_000;
const QUICK_CROWD = 200;
const AT_ONCE = 32;
/** Of the crowd, before the other one comes. */
const SERVED_BEFORE = 10;
/** One before the crowd in the alphabet, by which callers take turns, and one behind it. */
const OTHERS = ['app', 'zoo'];
const CALLS_PER_MINUTE = 1e9;

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const crowd = isQuick ? QUICK_CROWD : CROWD;
  const server = await startFirestore();
  const host = `127.0.0.1:${server.port}`;
  const db = new Firestore({ projectId: 'bench', host, ssl: false, ignoreUndefinedProperties: true });
  try {
    const empty = await placeOf('app', worldIn(db));
    server.reset();
    const world = worldIn(db);
    let left = crowd;
    const oneByOne = async (): Promise<void> => {
      while (left-- > 0) await accept(world, {}, 'crowd');
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
    for (let n = 0; n < SERVED_BEFORE; n++) await takeTask(world);
    const measures: Measure[] = [];
    for (const caller of OTHERS)
      measures.push({
        what: `calls until a single job of ${caller} is served, ${crowd.toLocaleString('en')} in line`,
        ...{ unit: 'calls', measured: await placeOf(caller, world) },
        baseline: { what: 'in an empty line', value: empty },
        claim: { atMost: 2 },
      });
    return measures;
  } finally {
    await db.terminate();
    await server.stop();
  }
}

function worldIn(db: Firestore): World {
  const world = makeWorld();
  const { settings } = world.services;
  const services = {
    ...world.services,
    jobs: createFirestoreJobStore(db),
    rateLimiters: createFirestoreRateLimiters(db),
    settings: { ...settings, requestsPerMinute: CALLS_PER_MINUTE },
  };
  return { ...world, services };
}

/** Of a job of this caller, when tasks are delivered as they were queued, its own the last: 1 is the next call. */
async function placeOf(caller: string, world: World): Promise<number> {
  const { calls } = world.vertex;
  const before = calls.length;
  const { jobId } = await accept(world, {}, caller);
  while (!calls.some((call) => call.jobId === jobId)) await takeTask(world);
  return calls.length - before;
}

async function takeTask(world: World): Promise<void> {
  const task = world.tasks.take(world.clock.now());
  if (!task) throw new Error('no task is left');
  if (task.target === 'submit') await deliver(world, task);
}
