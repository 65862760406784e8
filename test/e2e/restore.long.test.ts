/**
 * The drill of docs/operate.md on the local stack: the database is replaced by an older copy of itself, while queues,
 * buckets and models keep what happened since.
 */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudTasksClient } from '@google-cloud/tasks';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { submitQueueNames } from '../../functions/core/job/queues.ts';
import { OUTPUT_BUCKET, PROJECT, REGION } from '../../infra/stack/plan.ts';
import { type JobView, startTestStack, type TestStack } from '../support/local-stack.ts';

/** Two stacks start, and a step that a job takes again waits for the sweep. The limit is for a hang. */
const TIMEOUT_MS = 1_200_000;
/** Among the jobs is one of the Developer API, whose Veo models are retired. */
const OPTIONS = { speedUp: 20, allowRetiredModels: true };

/** One job of each kind of stage and provider. Every prompt is unique, so that the models' ledger counts its calls. */
const ONE_OF_EACH: readonly Readonly<Record<string, unknown>>[] = [
  { prompt: 'vertex', durationSeconds: 4 },
  { prompt: 'developer api', model: 'veo-3.1-fast-generate-preview', durationSeconds: 4 },
  { prompt: 'omni', model: 'gemini-omni-1.2-flash', durationSeconds: 4 },
  { prompt: 'framed', durationSeconds: 4, firstFrame: { prompt: 'the first frame' } },
  { prompt: 'chain', durationSeconds: 8, extensions: [{ prompt: 'link one' }, { prompt: 'link two' }] },
];

interface Copied {
  readonly file: string;
  readonly at: string;
}

/** What a point-in-time copy of the database is in the cloud: the journal up to this moment. */
function copyDatabase(stack: TestStack): Copied {
  const file = path.join(stack.stateDir, 'copy.journal');
  const at = new Date().toISOString();
  copyFileSync(path.join(stack.stateDir, 'firestore', 'firestore.journal'), file);
  return { file, at };
}

async function withQueues(
  { endpoints }: TestStack,
  work: (tasks: CloudTasksClient, queue: string) => Promise<unknown>,
): Promise<void> {
  const [apiEndpoint = '', port] = endpoints.tasks.split(':');
  const sslCreds = grpc.credentials.createInsecure();
  const tasks = new CloudTasksClient({ apiEndpoint, port: Number(port), sslCreds });
  for (const name of submitQueueNames(CATALOGUE)) await work(tasks, tasks.queuePath(PROJECT, REGION, name));
  await tasks.close();
}

/** Replaces the database by the copy and starts the functions with the times of the restoration. */
async function restore(stack: TestStack, copy: Copied): Promise<TestStack> {
  await withQueues(stack, (tasks, name) => tasks.pauseQueue({ name }));
  await stack.stop();
  const { stateDir } = stack;
  copyFileSync(copy.file, path.join(stateDir, 'firestore', 'firestore.journal'));
  const restored = `${copy.at}/${new Date().toISOString()}`;
  const restarted = await startTestStack({ stateDir, ...OPTIONS, restored });
  await withQueues(restarted, (tasks, name) => tasks.resumeQueue({ name }));
  return restarted;
}

async function promptsPaidTwice(stack: TestStack): Promise<string[]> {
  const prompts = (await stack.paidCalls()).map(({ prompt }) => prompt);
  return prompts.filter((prompt, n) => prompts.indexOf(prompt) !== n);
}

async function atStakeUsd({ endpoints }: TestStack): Promise<number> {
  const response = await fetch(`${endpoints.api}/v1/at-stake`);
  return z.object({ atStakeUsd: z.number() }).parse(await response.json()).atStakeUsd;
}

/** The jobs with a claim: the folders under `claims/` in the output bucket. */
async function claimedJobs({ endpoints }: TestStack): Promise<string[]> {
  const url = `${endpoints.storage}/storage/v1/b/${OUTPUT_BUCKET}/o?prefix=claims/&delimiter=/`;
  const listed = z.object({ prefixes: z.array(z.string()).default([]) });
  const { prefixes } = listed.parse(await (await fetch(url)).json());
  return prefixes.map((prefix) => prefix.split('/')[1] ?? '');
}

const statusOf = async ({ endpoints }: TestStack, id: string): Promise<number> =>
  (await fetch(`${endpoints.api}/v1/jobs/${id}`)).status;

describe('a database restored to a time before everything was paid for', () => {
  let stack: TestStack;
  let before: JobView[];
  let after: JobView[];
  let keyed: JobView;
  let unkeyed: JobView;
  let keyedPaidAgain: string[];
  let lost: string[];
  const key = { 'idempotency-key': 'after-the-copy' };

  beforeAll(async () => {
    stack = await startTestStack(OPTIONS);
    // The jobs of the copy are still queued.
    await withQueues(stack, (tasks, name) => tasks.pauseQueue({ name }));
    const jobs = await Promise.all(ONE_OF_EACH.map((body) => stack.submit(body)));
    const copy = copyDatabase(stack);
    await withQueues(stack, (tasks, name) => tasks.resumeQueue({ name }));
    keyed = await stack.submit({ prompt: 'after the copy, with a key', durationSeconds: 4 }, key);
    unkeyed = await stack.submit({ prompt: 'after the copy, without a key', durationSeconds: 4 });
    before = await Promise.all([...jobs, keyed, unkeyed].map(({ id }) => stack.finished(id)));
    stack = await restore(stack, copy);
    after = await Promise.all(jobs.map(({ id }) => stack.finished(id)));
    const missing: string[] = [];
    for (const id of await claimedJobs(stack)) if ((await statusOf(stack, id)) === 404) missing.push(id);
    lost = missing;
    await stack.submit({ prompt: 'after the copy, with a key', durationSeconds: 4 }, key);
    after.push(await stack.finished(keyed.id));
    keyedPaidAgain = await promptsPaidTwice(stack);
  }, TIMEOUT_MS);
  afterAll(() => stack.dispose());

  it('pays for nothing twice, in any stage of any provider', async () => {
    expect(before.map(({ status }) => status)).toEqual(before.map(() => 'succeeded'));
    expect(await promptsPaidTwice(stack)).toEqual([]);
    expect(keyedPaidAgain).toEqual([]);
  });

  it('lands every video again, from the attempts that were paid for', () => {
    expect(after.map(({ status }) => status)).toEqual(after.map(() => 'succeeded'));
    const attempts = (jobs: readonly JobView[]) =>
      jobs.map(({ id, attempts: made }) => [id, made.map(({ id: attempt }) => attempt)]);
    expect(attempts(after)).toEqual(attempts(before.filter(({ id }) => id !== unkeyed.id)));
  });

  it('lacks the jobs that were accepted after the copy; their claims name them', async () => {
    expect(lost.sort()).toEqual([keyed.id, unkeyed.id].sort());
    expect(await statusOf(stack, unkeyed.id)).toBe(404);
  });

  it('leaves nothing at stake', async () => {
    expect(await atStakeUsd(stack)).toBe(0);
  });
});

/** The bodies of {@link ONE_OF_EACH}, with prompts of their own. */
const named = (name: string): readonly Readonly<Record<string, unknown>>[] =>
  z
    .array(z.record(z.string(), z.unknown()))
    .parse(JSON.parse(JSON.stringify(ONE_OF_EACH).replaceAll('"prompt":"', `"prompt":"${name} `)));

/** Five jobs and a batch of four rows. The same name gives the same keys, and so the same jobs. */
async function submitAll(stack: TestStack, name: string): Promise<{ ids: string[]; batchId: string }> {
  const ids: string[] = [];
  for (const [n, body] of named(name).entries())
    ids.push((await stack.submit(body, { 'idempotency-key': `${name}-${n}` })).id);
  const rows = Array.from({ length: 4 }, (_, n) => ({ prompt: `${name} row ${n}`, durationSeconds: 4 }));
  const response = await fetch(`${stack.endpoints.api}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': name },
    body: JSON.stringify({ rows }),
  });
  if (!response.ok) throw new Error(await response.text());
  return { ids, batchId: z.object({ id: z.string() }).parse(await response.json()).id };
}

async function finishedBatch({ endpoints }: TestStack, id: string): Promise<unknown> {
  for (;;) {
    const response = await fetch(`${endpoints.api}/v1/batches/${id}`, { headers: { prefer: 'wait=20' } });
    const batch = z.looseObject({ status: z.string() }).parse(await response.json());
    if (batch.status === 'done') return batch;
    await sleep(100);
  }
}

describe('a database restored while operations run and a batch is read', () => {
  it(
    'pays for nothing twice, and finishes every job',
    async () => {
      let stack = await startTestStack(OPTIONS);
      try {
        const first = await submitAll(stack, 'first');
        while ((await stack.paidCalls()).length < 6) await sleep(20);
        const copy = copyDatabase(stack);
        // More operations are started after the copy: of jobs that the copy has, and of jobs that it lacks.
        await submitAll(stack, 'second');
        while ((await stack.paidCalls()).length < 14) await sleep(20);
        stack = await restore(stack, copy);
        // The same requests again, as clients repeat them.
        const repeated = [await submitAll(stack, 'first'), await submitAll(stack, 'second')];
        expect(repeated[0]).toEqual(first);
        const done: JobView[] = [];
        for (const { ids, batchId } of repeated) {
          for (const id of ids) done.push(await stack.finished(id));
          expect(await finishedBatch(stack, batchId)).toMatchObject({ jobs: { succeeded: 4 } });
        }
        expect(await promptsPaidTwice(stack)).toEqual([]);
        expect(done.filter(({ status }) => status !== 'succeeded')).toEqual([]);
        expect(await atStakeUsd(stack)).toBe(0);
      } finally {
        await stack.dispose();
      }
    },
    TIMEOUT_MS,
  );
});
