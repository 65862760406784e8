/**
 * How a backlog of one caller delays another caller. With thousands of jobs of one caller in a submit queue, counts the
 * paid calls from the arrival of another caller's single job until its own. Uses Firestore, the handlers, and a model
 * without a quota.
 */
import { Firestore } from '@google-cloud/firestore';
import { createFirestoreJobStore } from '../../functions/adapters/firestore-job-store.ts';
import { createFirestoreRateLimiters } from '../../functions/adapters/firestore-rate-limiters.ts';
import { startFirestore } from '../../infra/firestore/server.ts';
import { accept } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { deliver } from '../support/run.ts';
import type { Measure, Scope } from './bench.ts';

const BACKLOG = 5_000;
const QUICK_BACKLOG = 200;
const AT_ONCE = 32;
/** The number of jobs of the backlog that are submitted before the other caller's job arrives. */
const SUBMITTED_BEFORE = 10;
/** Callers are served round-robin in alphabetical order. One sorts before the caller with the backlog, one after it. */
const OTHERS = ['app', 'zoo'];
const CALLS_PER_MINUTE = 1e9;

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const backlog = isQuick ? QUICK_BACKLOG : BACKLOG;
  const server = await startFirestore();
  const host = `127.0.0.1:${server.port}`;
  const db = new Firestore({ projectId: 'bench', host, ssl: false, ignoreUndefinedProperties: true });
  try {
    const empty = await placeOf('app', worldIn(db));
    server.reset();
    const world = worldIn(db);
    let left = backlog;
    const oneByOne = async (): Promise<void> => {
      while (left-- > 0) await accept(world, {}, 'crowd');
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
    for (let n = 0; n < SUBMITTED_BEFORE; n++) await deliverTask(world);
    const measures: Measure[] = [];
    for (const caller of OTHERS)
      measures.push({
        what: `paid calls until a single job of ${caller} is submitted, backlog of ${backlog.toLocaleString('en')}`,
        ...{ unit: 'calls', measured: await placeOf(caller, world) },
        baseline: { what: 'with an empty queue', value: empty },
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

/** The position of the caller's new job among the next paid calls, from 1. Tasks are delivered in queue order. */
async function placeOf(caller: string, world: World): Promise<number> {
  const { calls } = world.vertex;
  const before = calls.length;
  const { jobId } = await accept(world, {}, caller);
  while (!calls.some((call) => call.jobId === jobId)) await deliverTask(world);
  return calls.length - before;
}

async function deliverTask(world: World): Promise<void> {
  const task = world.tasks.take(world.clock.now());
  if (!task) throw new Error('no task is left');
  if (task.target === 'submit') await deliver(world, task);
}
