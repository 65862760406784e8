/**
 * The speed of the core's functions, compared with parsing one job record as JSON, the least that any store costs.
 */
import { Bench } from 'tinybench';
import { createIds } from '../../functions/adapters/ids.ts';
import { findModel } from '../../functions/core/catalogue/catalogue.ts';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { type Job, jobSchema, liveAttemptOf } from '../../functions/core/job/job.ts';
import { defaultPolicy } from '../../functions/core/job/policy.ts';
import { step } from '../../functions/core/job/step.ts';
import { completeRequest, parseRequest } from '../../functions/core/request/request.ts';
import { accept, stored } from '../support/jobs.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import type { Measure, Scope } from './bench.ts';
import { medianOf, type Round } from './verdict.ts';

/** Calls per sample. One reading of the timer takes as long as the fastest of these calls. */
const CALLS_PER_SAMPLE = 100;
const ROUNDS = 7;
const QUICK_ROUNDS = 3;
const ROUND_MS = 100;

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const job = await runningJob();
  const record = JSON.stringify(job);
  const rounds = isQuick ? QUICK_ROUNDS : ROUNDS;
  const parse = (): unknown => JSON.parse(record);
  const measures: Measure[] = [];
  for (const { what, run, atLeast } of subjectsOf(job)) {
    const { measured, baseline } = await compare(run, parse, rounds);
    const bytes = `JSON.parse of ${record.length.toLocaleString('en')} bytes`;
    measures.push({
      ...{ what, unit: '/s', measured },
      baseline: { what: bytes, value: baseline },
      claim: { atLeast },
    });
  }
  return measures;
}

function subjectsOf(job: Job): readonly { what: string; run: () => unknown; atLeast: number }[] {
  const attemptId = liveAttemptOf(job)?.attemptId ?? '';
  const stillRunning = { type: 'attempt', attemptId, observed: { type: 'operationRunning' } } as const;
  const latency = { minMs: 11_000, typicalMs: 120_000, longestMs: 720_000 };
  const context = { now: job.updatedAt + 30_000, random: 0.5, policy: defaultPolicy(), latency };
  if (!step(job, stillRunning, context)) throw new Error('the measured step changes nothing');
  const body = {
    ...{ prompt: 'a calico kitten asleep in the {place}', variables: { place: 'sun' }, durationSeconds: 4 },
    ...{ aspectRatio: '9:16', seed: 7, negativePrompt: 'dogs' },
  };
  const rules = {
    ...{ catalogue: CATALOGUE, today: '2026-11-21' },
    ...{ allowRetired: false, aliasRetired: false, restrictedRegion: false },
  };
  const found = {
    ...{ image: undefined, lastFrame: undefined, referenceImages: [], referenceVideos: [] },
    ...{ firstFrameImage: undefined, video: undefined },
  };
  const last = CATALOGUE.models.at(-1);
  if (!last) throw new Error('the catalogue is empty');
  const ids = createIds();
  return [
    { what: 'steps decided', run: () => step(job, stillRunning, context), atLeast: 0.2 },
    {
      what: 'requests parsed and completed',
      run: () => completeRequest(parseRequest(body, rules), found),
      atLeast: 0.08,
    },
    {
      what: 'models looked up, the last of the table',
      run: () => findModel(CATALOGUE, last.model, last.provider),
      atLeast: 3,
    },
    { what: 'stored jobs parsed by their schema', run: () => jobSchema.parse(job), atLeast: 0.2 },
    {
      what: 'job ids derived from a key',
      run: () => ids.jobIdOf(['http', 'local', 'order-42']),
      atLeast: 0.25,
    },
  ];
}

/** Calls per second of each. Rounds measure the two one after the other, so that other load affects both. */
async function compare(subject: () => unknown, baseline: () => unknown, rounds: number): Promise<Round> {
  const measured: Round[] = [];
  for (let n = 0; n < rounds; n++) {
    const bench = new Bench({ time: ROUND_MS, warmupTime: ROUND_MS / 4, throws: true });
    bench.add('subject', manyTimes(subject)).add('baseline', manyTimes(baseline));
    const [first, second] = (await bench.run()).map(callsPerSecond);
    if (first === undefined || second === undefined) throw new Error('a round measured nothing');
    measured.push({ measured: first, baseline: second });
  }
  return medianOf(measured);
}

const manyTimes = (call: () => unknown) => () => {
  for (let n = 0; n < CALLS_PER_SAMPLE; n++) call();
};

/** From the median sample, so that samples during which the process was suspended do not count. */
function callsPerSecond({ result }: Bench['tasks'][number]): number {
  if (result.state !== 'completed') throw new Error(`a task is ${result.state}`);
  return (CALLS_PER_SAMPLE * 1000) / result.latency.p50;
}

/** A job whose paid call was accepted. */
async function runningJob(): Promise<Job> {
  const world = makeWorld();
  const job = await accept(world);
  await runFor(world, 1);
  const running = await stored(world, job);
  if (running.status !== 'running') throw new Error(`the job is ${running.status}`);
  return running;
}
