/** Random commands for a job store, compared with a model: a Map of jobs with all their revisions. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  isTerminal,
  JOB_STATUSES,
  type Job,
  type JobStatus,
  wakeOf,
} from '../../../functions/core/job/job.ts';
import type { JobStore, ListJobs, Updated } from '../../../functions/ports.ts';
import { inTime } from '../../support/model-run.ts';
import {
  CALLERS,
  cancel,
  createdAt,
  type Decision,
  decisions,
  IDS,
  MODELS,
  newJobs,
  note,
  T0,
} from './job-store-decisions.ts';

interface Waiting {
  readonly jobId: string;
  readonly title: string;
  /** Once true for a job, it stays true. */
  readonly until: (job: Job) => boolean;
  readonly answer: Promise<Job | undefined>;
  isAnswered: boolean;
}

/** The model of a store. Entry n of a job's history is its revision n + 1. The last entry is the stored job. */
export class JobsModel {
  readonly histories = new Map<string, Job[]>();
  waits: Waiting[] = [];

  now(jobId: string): Job | undefined {
    return this.histories.get(jobId)?.at(-1);
  }

  all(): Job[] {
    return [...this.histories.keys()].flatMap((jobId) => this.now(jobId) ?? []);
  }

  push(job: Job): void {
    const history = this.histories.get(job.jobId) ?? [];
    history.push(job);
    expect(job.revision, `revisions of ${job.jobId} without gaps`).toBe(history.length);
    this.histories.set(job.jobId, history);
  }
}

type Command = fc.AsyncCommand<JobsModel, JobStore>;

const command = (title: string, run: (model: JobsModel, store: JobStore) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => title,
});

/** The form that a store returns: without undefined fields. */
const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

const ids = fc.constantFrom(...IDS);

async function expectStored(model: JobsModel, store: JobStore, jobId: string): Promise<void> {
  expect(plain(await store.get(jobId))).toEqual(plain(model.now(jobId)));
}

/** Every wait whose condition now holds resolves with that revision or a later one. No other wait resolves. */
async function checkWaits(model: JobsModel): Promise<void> {
  const isOver = ({ jobId, until }: Waiting): boolean => {
    const job = model.now(jobId);
    return !job || until(job);
  };
  for (const { jobId, title, until, answer } of model.waits.filter(isOver)) {
    const job = await inTime(title, answer);
    if (job) expect(until(job), title).toBe(true);
    expect(plain(job), title).toEqual(plain(model.histories.get(jobId)?.[(job?.revision ?? 0) - 1]));
  }
  model.waits = model.waits.filter((each) => !isOver(each));
  expect(model.waits.filter(({ isAnswered }) => isAnswered).map(({ title }) => title)).toEqual([]);
}

const create = newJobs.map((job) =>
  command(`create ${job.jobId} of ${job.caller} at +${job.createdAt - T0}`, async (model, store) => {
    const isNew = !model.histories.has(job.jobId);
    expect(await store.create(job)).toBe(isNew ? 'created' : 'exists');
    if (isNew) model.push(job);
    await expectStored(model, store, job.jobId);
  }),
);

const createAtOnce = fc.tuple(ids, fc.array(newJobs, { minLength: 2, maxLength: 4 })).map(([jobId, jobs]) =>
  command(`create ${jobId} ${jobs.length} times at once`, async (model, store) => {
    const isNew = !model.histories.has(jobId);
    const rivals = jobs.map((job) => ({ ...job, jobId }));
    const answers = await Promise.all(rivals.map((job) => store.create(job)));
    const winners = rivals.filter((_, n) => answers[n] === 'created');
    expect(winners).toHaveLength(isNew ? 1 : 0);
    for (const winner of winners) model.push(winner);
    await expectStored(model, store, jobId);
  }),
);

function expectedUpdate(before: Job | undefined, { decide }: Decision): Updated {
  if (!before) return { kind: 'missing' };
  const step = decide(before);
  return step ? { kind: 'saved', before, step } : { kind: 'unchanged', job: before };
}

async function updateOne(
  model: JobsModel,
  store: JobStore,
  jobId: string,
  decision: Decision,
): Promise<void> {
  const expected = expectedUpdate(model.now(jobId), decision);
  expect(plain(await store.update(jobId, decision.decide))).toEqual(plain(expected));
  if (expected.kind === 'saved') model.push(expected.step.job);
  await expectStored(model, store, jobId);
  await checkWaits(model);
}

const update = fc
  .tuple(ids, decisions)
  .map(([jobId, decision]) =>
    command(`update ${jobId}: ${decision.title}`, (model, store) => updateOne(model, store, jobId, decision)),
  );

/** The updates are equivalent to a serial order: the order of the revisions that they read. */
export async function updateAtOnce(
  model: JobsModel,
  store: JobStore,
  jobId: string,
  rivals: readonly Decision[],
): Promise<void> {
  const first = model.now(jobId);
  const answers = await Promise.all(rivals.map(({ decide }) => store.update(jobId, decide)));
  const done = rivals.map((decision, n) => ({ decision, answer: answers[n] }));
  if (!first) {
    for (const { answer } of done) expect(answer).toEqual({ kind: 'missing' });
    return;
  }
  const saved = done.flatMap(({ decision, answer }) =>
    answer?.kind === 'saved' ? [{ decision, answer }] : [],
  );
  saved.sort((a, b) => a.answer.before.revision - b.answer.before.revision);
  const states = [first];
  for (const { decision, answer } of saved) {
    expect(plain(answer)).toEqual(plain(expectedUpdate(states.at(-1), decision)));
    model.push(answer.step.job);
    states.push(answer.step.job);
  }
  for (const { decision, answer } of done) {
    if (decision.always) expect(answer?.kind, decision.title).toBe('saved');
    if (answer?.kind === 'saved') continue;
    const found = states.map((state) => plain(expectedUpdate(state, decision)));
    expect(found).toContainEqual(plain(answer));
  }
  await expectStored(model, store, jobId);
  await checkWaits(model);
}

const updatesAtOnce = fc
  .tuple(ids, fc.array(decisions, { minLength: 2, maxLength: 2 }))
  .map(([jobId, rivals]) =>
    command(`update ${jobId} at once: ${rivals.map(({ title }) => title).join(', ')}`, (model, store) =>
      updateAtOnce(model, store, jobId, rivals),
    ),
  );

/** Newest first. Jobs with equal times are ordered by id, descending. */
const isAfter = (a: NonNullable<ListJobs['after']>, b: NonNullable<ListJobs['after']>): boolean =>
  a.createdAt === b.createdAt ? a.jobId < b.jobId : a.createdAt < b.createdAt;

function expectedList(model: JobsModel, { caller, status, model: name, after, pageSize }: ListJobs): Job[] {
  return model
    .all()
    .filter((job) => job.caller === caller)
    .filter((job) => status === undefined || job.status === status)
    .filter((job) => name === undefined || job.request.model === name)
    .filter((job) => after === undefined || isAfter(job, after))
    .sort((a, b) => (isAfter(a, b) ? 1 : -1))
    .slice(0, pageSize);
}

/** Present in three of four cases. */
const usually = <T>(usual: T, otherwise: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: otherwise });

const filters = fc.record({
  caller: usually<string>(CALLERS[0], fc.constantFrom(CALLERS[1], 'nobody')),
  status: usually<JobStatus | undefined>(undefined, fc.constantFrom(...JOB_STATUSES)),
  model: usually<string | undefined>(undefined, fc.constantFrom(...MODELS)),
  pageSize: fc.integer({ min: 1, max: 3 }),
});

const list = fc
  .tuple(
    filters,
    // An existing job, or an unknown one.
    fc.option(fc.record({ createdAt, jobId: fc.constantFrom(...IDS, 'A', 'zz') }), { nil: undefined }),
  )
  .map(([filter, after]) =>
    command(`list ${JSON.stringify({ ...filter, after })}`, async (model, store) => {
      const query = { ...filter, after };
      expect(plain(await store.list(query))).toEqual(plain(expectedList(model, query)));
    }),
  );

const listPages = filters.map((filter) =>
  command(`list all pages ${JSON.stringify(filter)}`, async (model, store) => {
    const expected = expectedList(model, { ...filter, pageSize: IDS.length });
    const seen: Job[] = [];
    for (let pages = 0; pages <= IDS.length; pages++) {
      const page = await store.list({ ...filter, after: seen.at(-1) });
      seen.push(...page);
      if (page.length < filter.pageSize) break;
    }
    expect(seen.map(({ jobId }) => jobId)).toEqual(expected.map(({ jobId }) => jobId));
  }),
);

/** In whole milliseconds, the precision of stores. */
const dueAt = (job: Job): number => Math.ceil(wakeOf(job)?.at ?? Number.POSITIVE_INFINITY);

const overdue = fc
  .tuple(
    // Around the n-th wake, or long after all of them.
    fc.option(fc.tuple(fc.nat(IDS.length - 1), fc.integer({ min: -1, max: 1 })), { nil: undefined }),
    fc.integer({ min: 1, max: IDS.length }),
  )
  .map(([about, limit]) =>
    command(`overdue at ${about?.join(' and ') ?? 'the end'}, ${limit} at most`, async (model, store) => {
      // Equally overdue jobs may come in any order.
      const wakes = model
        .all()
        .map(dueAt)
        .filter(Number.isFinite)
        .sort((a, b) => a - b);
      const [nth, offsetMs] = about ?? [0, Date.UTC(2040, 0)];
      const before = (wakes[nth % wakes.length] ?? T0) + offsetMs;
      const found = await store.overdue(before, limit);
      expect(found.map(dueAt)).toEqual(wakes.filter((at) => at <= before).slice(0, limit));
      expect(new Set(found.map(({ jobId }) => jobId)).size).toBe(found.length);
      for (const each of found) expect(plain(each)).toEqual(plain(model.now(each.jobId)));
    }),
  );

const waitFor = fc.tuple(ids, fc.oneof(fc.nat(3), fc.constant('the end' as const))).map(([jobId, goal]) =>
  command(
    `wait for ${goal === 'the end' ? goal : `${goal} more revisions`} of ${jobId}`,
    async (model, store) => {
      const revision = (model.now(jobId)?.revision ?? 0) + (goal === 'the end' ? 0 : goal);
      const until = goal === 'the end' ? isTerminal : (job: Job): boolean => job.revision >= revision;
      // Longer than a search: on a busy machine a minute may pass before the next change.
      const answer = store.waitFor(jobId, until, 3_600_000);
      const title = `${jobId} until ${goal === 'the end' ? goal : `revision ${revision}`}`;
      const waiting: Waiting = { jobId, title, until, answer, isAnswered: false };
      const markAnswered = (): void => {
        waiting.isAnswered = true;
      };
      // A rejection is reported where the promise is awaited.
      answer.then(markAnswered, markAnswered);
      model.waits.push(waiting);
      await checkWaits(model);
    },
  ),
);

export const jobStoreCommands = [
  ...[create, create, createAtOnce],
  ...[update, update, update, updatesAtOnce],
  ...[list, listPages, listPages, overdue, overdue, waitFor],
];

/** Makes the conditions of all pending waits true. */
export async function endWaits(model: JobsModel, store: JobStore): Promise<void> {
  for (let waiting = model.waits[0]; waiting; waiting = model.waits[0]) {
    const job = model.now(waiting.jobId);
    if (!job) throw new Error(`${waiting.title}: the job does not exist.`);
    await updateOne(model, store, job.jobId, isTerminal(job) ? note('w') : cancel);
  }
}
