/** The promises, checked against the evidence: nothing lost, nothing paid twice, nothing stuck, nothing unaccounted for. */
import {
  type Evidence,
  isFinished,
  isSettled,
  type JobEvidence,
  type JobSeen,
  type PaidCallSeen,
} from './evidence.ts';
import { matchStage, mayBeCharged, type StageAttempt, stageAttempts } from './matching.ts';

export const RULES = [
  /** An accepted job is there, once, whatever its caller repeated. */
  'lost',
  /** No attempt has two paid calls, no stage two that may be charged. */
  'paid twice',
  /** Every job ends, with nothing followed any more; an ended one stays as it ended. */
  'stuck',
  /** The videos of a succeeded job are in the bucket, with the bytes that the model made. */
  'videos',
  /** What may be charged stands on an attempt as such, and what an attempt says was charged was paid for. */
  'unaccounted',
  /** A job without a simulated fault succeeds, or says that a crash left its outcome unknown. */
  'failed without cause',
] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly job: string;
  readonly what: string;
}

export function violationsOf(evidence: Evidence): Violation[] {
  const callsByPrompt = groupBy(evidence.paidCalls, ({ prompt }) => prompt);
  const listed = groupBy(evidence.listedIds, (id) => id);
  const known = new Set(evidence.jobs.flatMap(({ ids }) => ids));
  const prompts = new Set(evidence.jobs.flatMap(({ planned }) => planned.stages.map(({ prompt }) => prompt)));
  const judged = evidence.jobs.flatMap((entry) => {
    const name = entry.ids[0] ?? entry.planned.idempotencyKey;
    const say = (rule: Rule, what: string): Violation => ({ rule, job: name, what });
    return [
      ...lost(entry, listed, say),
      ...(entry.job
        ? [
            ...stuck(entry, entry.job, say),
            ...paid(entry, entry.job, callsByPrompt, say),
            ...videos(entry, entry.job, evidence, callsByPrompt, say),
            ...givenUp(entry.job, evidence, say),
            ...cause(entry, entry.job, say),
          ]
        : []),
    ];
  });
  const strangers = [...listed.keys()].filter((id) => !known.has(id));
  const nobodys = evidence.paidCalls.filter(({ prompt }) => !prompts.has(prompt));
  return [
    ...judged,
    ...strangers.map((job): Violation => ({ rule: 'lost', job, what: 'is listed, and no answer named it' })),
    ...nobodys.map(
      ({ operationName, prompt }): Violation => ({
        ...{ rule: 'unaccounted', job: '?', what: `${operationName} was paid for nobody: ${prompt}` },
      }),
    ),
    ...strayObjects(evidence),
  ];
}

/** Between the look at the bucket and the end that is saved; a transaction that is tried again takes its time. */
const LOOK_TO_SAVE_MS = 5_000;

type Say = (rule: Rule, what: string) => Violation;

function lost(
  { ids, job, refusals, planned }: JobEvidence,
  listed: ReadonlyMap<string, readonly string[]>,
  say: Say,
): Violation[] {
  const found: Violation[] = refusals.map((refusal) => say('lost', `was refused: ${refusal}`));
  const distinct = [...new Set(ids)];
  if (distinct.length > 1)
    found.push(say('lost', `the key ${planned.idempotencyKey} gave ${distinct.join(', ')}`));
  if (ids.length === 0) found.push(say('lost', 'no request for it was answered'));
  else if (!job) found.push(say('lost', 'was accepted and cannot be read'));
  for (const id of distinct) {
    const times = listed.get(id)?.length ?? 0;
    if (times !== 1) found.push(say('lost', `is listed ${times} times`));
  }
  return found;
}

function stuck({ firstEnd }: JobEvidence, job: JobSeen, say: Say): Violation[] {
  if (!isSettled(job)) {
    const states = job.attempts.map(({ id, state }) => `${id} ${state}`).join(', ');
    const what = isFinished(job) ? 'still follows an attempt' : 'has not ended';
    return [say('stuck', `${what}: ${job.status}, attempts: ${states}`)];
  }
  return firstEnd === undefined || firstEnd === job.status
    ? []
    : [say('stuck', `had ${firstEnd} and is ${job.status} now`)];
}

function paid(
  { planned }: JobEvidence,
  job: JobSeen,
  callsByPrompt: ReadonlyMap<string, readonly PaidCallSeen[]>,
  say: Say,
): Violation[] {
  const attempts = stageAttempts(job);
  return planned.stages.flatMap(({ prompt }, index) => {
    const calls = callsByPrompt.get(prompt) ?? [];
    const own = attempts.filter(({ stageIndex }) => stageIndex === index);
    const { callsOf, unaccounted } = matchStage(own, calls);
    const found = unaccounted.map((call) =>
      say('unaccounted', `stage ${index}: no attempt accounts for ${call.operationName} (${call.state})`),
    );
    const kept = calls.filter(mayBeCharged);
    if (kept.length > 1) {
      const names = kept.map(({ operationName, state }) => `${operationName} (${state})`).join(', ');
      found.push(say('paid twice', `stage ${index}: ${names}`));
    }
    for (const [position, attempt] of own.entries()) {
      found.push(...attemptPaid(attempt, callsOf.get(attempt.id) ?? [], say));
      if (position < own.length - 1 && attempt.charged !== 'no')
        found.push(
          say(
            'paid twice',
            `stage ${index}: another attempt after ${attempt.id}, charged: ${attempt.charged}`,
          ),
        );
    }
    return found;
  });
}

function attemptPaid(
  { id, charged, state }: StageAttempt,
  calls: readonly PaidCallSeen[],
  say: Say,
): Violation[] {
  const found: Violation[] = [];
  if (calls.length > 1) found.push(say('paid twice', `attempt ${id} has ${calls.length} paid calls`));
  const [call] = calls;
  if (charged === 'no' && call && mayBeCharged(call))
    found.push(say('unaccounted', `attempt ${id} (${state}) says not charged; the call has ${call.state}`));
  if (charged === 'yes' && (!call || !mayBeCharged(call)))
    found.push(say('unaccounted', `attempt ${id} says charged; the ledger has ${call?.state ?? 'no call'}`));
  return found;
}

function videos(
  { planned, downloads }: JobEvidence,
  job: JobSeen,
  { objects }: Evidence,
  callsByPrompt: ReadonlyMap<string, readonly PaidCallSeen[]>,
  say: Say,
): Violation[] {
  const found: Violation[] = [];
  for (const { outputs = [], stageIndex, id } of stageAttempts(job)) {
    const stage = planned.stages[stageIndex];
    const made = new Set(callsByPrompt.get(stage?.prompt ?? '')?.flatMap(({ videoSha256 }) => videoSha256));
    for (const uri of outputs) {
      const object = objects.get(uri);
      if (!object) found.push(say('videos', `${uri} of attempt ${id} is not in the bucket`));
      else if (stage?.kind === 'image' ? object.bytes === 0 : !made.has(object.sha256))
        found.push(say('videos', `${uri} has not the bytes that the model made`));
    }
  }
  if (job.status !== 'succeeded') return found;
  const list = job.videos ?? [];
  const delivered = list.length + (job.filtered?.count ?? 0);
  const expected = planned.stages.at(-1)?.kind === 'extend' ? 1 : planned.sampleCount;
  if (delivered !== expected)
    found.push(say('videos', `${delivered} of ${expected} videos are accounted for`));
  if (new Set(list.map(({ uri }) => uri)).size !== list.length)
    found.push(say('videos', 'one is named twice'));
  for (const [n, video] of list.entries()) {
    const read = downloads[n];
    const stored = objects.get(video.uri);
    const isRight =
      read !== undefined &&
      read.sha256 === stored?.sha256 &&
      read.bytes === video.bytes &&
      read.crc32c === video.crc32c;
    if (!isRight) found.push(say('videos', `the link to ${video.uri} gives ${JSON.stringify(read)}`));
    if (video.durationSeconds !== planned.seconds)
      found.push(say('videos', `${video.uri} is ${video.durationSeconds} s long, not ${planned.seconds} s`));
  }
  return found;
}

/** What lay in the bucket while an attempt was given up as unknown is evidence that was overlooked (I2). */
function givenUp(job: JobSeen, { objects }: Evidence, say: Say): Violation[] {
  return job.attempts.flatMap(({ id, state, endedAt }) => {
    if (state !== 'unknown' || endedAt === undefined) return [];
    const before = Date.parse(endedAt) - LOOK_TO_SAVE_MS;
    return [...objects]
      .filter(([uri, { updatedAtMs = before }]) => uri.includes(`/${id}/`) && updatedAtMs < before)
      .map(([uri]) => say('unaccounted', `${uri} was there before attempt ${id} was given up as unknown`));
  });
}

function cause({ planned }: JobEvidence, { status, error }: JobSeen, say: Say): Violation[] {
  if (status === 'cancelled' && planned.cancelAfterMs === undefined)
    return [say('failed without cause', 'was cancelled by nobody')];
  if (status !== 'failed' || planned.fault !== undefined || error?.code === 'OUTCOME_UNKNOWN') return [];
  return [say('failed without cause', `${error?.code}: ${error?.message}`)];
}

/** Everything in the bucket lies under the prefix of an attempt that the API knows. */
function strayObjects({ jobs, objects }: Evidence): Violation[] {
  const prefixes = new Set(
    jobs.flatMap(({ job }) => job?.attempts.map(({ id }) => `jobs/${job.id}/${id}`) ?? []),
  );
  return [...objects.keys()].flatMap((uri): Violation[] => {
    const [, prefix, jobId] = /^gs:\/\/[^/]+\/(jobs\/([^/]+)\/[^/]+)\//.exec(uri) ?? [];
    if (prefix !== undefined && prefixes.has(prefix)) return [];
    return [{ rule: 'unaccounted', job: jobId ?? '?', what: `${uri} belongs to no attempt` }];
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
