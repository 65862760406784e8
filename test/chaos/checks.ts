/** Checks the promises against the evidence: nothing is lost, paid twice, stuck or unaccounted for. */
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
  /** An accepted job exists exactly once, however often its caller repeats the request. */
  'lost',
  /** No attempt has two paid calls, and no stage has two that may be charged. */
  'paid twice',
  /** Every job ends and follows no attempt any more. An ended job keeps its status. */
  'stuck',
  /** The videos of a succeeded job are in the bucket, with the bytes that the model made. */
  'videos',
  /** Every call that may be charged is recorded on an attempt, and every recorded charge has a paid call. */
  'unaccounted',
  /** A job without a simulated fault succeeds, or fails with OUTCOME_UNKNOWN after a crash. */
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
  const ofJobs = evidence.jobs.flatMap((entry) => {
    const name = entry.ids[0] ?? entry.planned.idempotencyKey;
    const violation = (rule: Rule, what: string): Violation => ({ rule, job: name, what });
    return [
      ...lost(entry, listed, violation),
      ...(entry.job
        ? [
            ...stuck(entry, entry.job, violation),
            ...paid(entry, entry.job, callsByPrompt, violation),
            ...videos(entry, entry.job, evidence, callsByPrompt, violation),
            ...overlooked(entry.job, evidence, violation),
            ...cause(entry, entry.job, violation),
          ]
        : []),
    ];
  });
  const unrequested = [...listed.keys()].filter((id) => !known.has(id));
  const unclaimed = evidence.paidCalls.filter(({ prompt }) => !prompts.has(prompt));
  return [
    ...ofJobs,
    ...unrequested.map(
      (job): Violation => ({ rule: 'lost', job, what: 'is listed, but no answer to a request named it' }),
    ),
    ...unclaimed.map(
      ({ operationName, prompt }): Violation => ({
        ...{
          rule: 'unaccounted',
          job: '?',
          what: `the paid call ${operationName} belongs to no job: ${prompt}`,
        },
      }),
    ),
    ...strayObjects(evidence),
  ];
}

/** The longest time from the last listing of the bucket to the saved end of the attempt. Transactions may retry. */
const LIST_TO_SAVE_MS = 5_000;

type ViolationOf = (rule: Rule, what: string) => Violation;

function lost(
  { ids, job, refusals, planned }: JobEvidence,
  listed: ReadonlyMap<string, readonly string[]>,
  violation: ViolationOf,
): Violation[] {
  const found: Violation[] = refusals.map((refusal) => violation('lost', `was refused with ${refusal}`));
  const distinct = [...new Set(ids)];
  if (distinct.length > 1)
    found.push(
      violation(
        'lost',
        `idempotency key ${planned.idempotencyKey} returned several jobs: ${distinct.join(', ')}`,
      ),
    );
  if (ids.length === 0) found.push(violation('lost', 'none of its requests was answered'));
  else if (!job) found.push(violation('lost', 'was accepted, but cannot be read'));
  for (const id of distinct) {
    const times = listed.get(id)?.length ?? 0;
    if (times !== 1) found.push(violation('lost', `is listed ${times} times instead of once`));
  }
  return found;
}

function stuck({ firstEnd }: JobEvidence, job: JobSeen, violation: ViolationOf): Violation[] {
  if (!isSettled(job)) {
    const states = job.attempts.map(({ id, state }) => `${id} ${state}`).join(', ');
    const what = isFinished(job) ? 'still follows an attempt' : 'has not ended';
    return [violation('stuck', `${what}: ${job.status}, attempts: ${states}`)];
  }
  return firstEnd === undefined || firstEnd === job.status
    ? []
    : [violation('stuck', `ended as ${firstEnd}, but is ${job.status} now`)];
}

function paid(
  { planned }: JobEvidence,
  job: JobSeen,
  callsByPrompt: ReadonlyMap<string, readonly PaidCallSeen[]>,
  violation: ViolationOf,
): Violation[] {
  const attempts = stageAttempts(job);
  return planned.stages.flatMap(({ prompt }, index) => {
    const calls = callsByPrompt.get(prompt) ?? [];
    const own = attempts.filter(({ stageIndex }) => stageIndex === index);
    const { callsOf, unaccounted } = matchStage(own, calls);
    const found = unaccounted.map((call) =>
      violation(
        'unaccounted',
        `stage ${index}: no attempt accounts for ${call.operationName} (${call.state})`,
      ),
    );
    const kept = calls.filter(mayBeCharged);
    if (kept.length > 1) {
      const names = kept.map(({ operationName, state }) => `${operationName} (${state})`).join(', ');
      found.push(violation('paid twice', `stage ${index} has several calls that may be charged: ${names}`));
    }
    for (const [position, attempt] of own.entries()) {
      found.push(...attemptPaid(attempt, callsOf.get(attempt.id) ?? [], violation));
      if (position < own.length - 1 && attempt.charged !== 'no')
        found.push(
          violation(
            'paid twice',
            `stage ${index}: an attempt follows ${attempt.id}, whose charged is ${attempt.charged}`,
          ),
        );
    }
    return found;
  });
}

function attemptPaid(
  { id, charged, state }: StageAttempt,
  calls: readonly PaidCallSeen[],
  violation: ViolationOf,
): Violation[] {
  const found: Violation[] = [];
  if (calls.length > 1) found.push(violation('paid twice', `attempt ${id} has ${calls.length} paid calls`));
  const [call] = calls;
  if (charged === 'no' && call && mayBeCharged(call))
    found.push(
      violation('unaccounted', `attempt ${id} (${state}) has charged: no, but the call is ${call.state}`),
    );
  if (charged === 'yes' && (!call || !mayBeCharged(call)))
    found.push(
      violation(
        'unaccounted',
        `attempt ${id} has charged: yes, but the ledger has ${call?.state ?? 'no call'}`,
      ),
    );
  return found;
}

function videos(
  { planned, downloads }: JobEvidence,
  job: JobSeen,
  { objects }: Evidence,
  callsByPrompt: ReadonlyMap<string, readonly PaidCallSeen[]>,
  violation: ViolationOf,
): Violation[] {
  const found: Violation[] = [];
  for (const { outputs = [], stageIndex, id } of stageAttempts(job)) {
    const stage = planned.stages[stageIndex];
    const made = new Set(callsByPrompt.get(stage?.prompt ?? '')?.flatMap(({ videoSha256 }) => videoSha256));
    for (const uri of outputs) {
      const object = objects.get(uri);
      if (!object) found.push(violation('videos', `${uri} of attempt ${id} is not in the bucket`));
      else if (stage?.kind === 'image' ? object.bytes === 0 : !made.has(object.sha256))
        found.push(violation('videos', `${uri} has other bytes than the model made`));
    }
  }
  if (job.status !== 'succeeded') return found;
  const list = job.videos ?? [];
  const delivered = list.length + (job.filtered?.count ?? 0);
  const expected = planned.stages.at(-1)?.kind === 'extend' ? 1 : planned.sampleCount;
  if (delivered !== expected)
    found.push(violation('videos', `has ${delivered} delivered or filtered videos, expected ${expected}`));
  if (new Set(list.map(({ uri }) => uri)).size !== list.length)
    found.push(violation('videos', 'lists one URI twice'));
  for (const [n, video] of list.entries()) {
    const read = downloads[n];
    const stored = objects.get(video.uri);
    const isRight =
      read !== undefined &&
      read.sha256 === stored?.sha256 &&
      read.bytes === video.bytes &&
      read.crc32c === video.crc32c;
    if (!isRight) found.push(violation('videos', `the link to ${video.uri} returns ${JSON.stringify(read)}`));
    if (video.durationSeconds !== planned.seconds)
      found.push(
        violation('videos', `${video.uri} is ${video.durationSeconds} s long, not ${planned.seconds} s`),
      );
  }
  return found;
}

/** An attempt must not be given up as unknown while its object is in the bucket (I2). */
function overlooked(job: JobSeen, { objects }: Evidence, violation: ViolationOf): Violation[] {
  return job.attempts.flatMap(({ id, state, endedAt }) => {
    if (state !== 'unknown' || endedAt === undefined) return [];
    const before = Date.parse(endedAt) - LIST_TO_SAVE_MS;
    return [...objects]
      .filter(([uri, { updatedAtMs = before }]) => uri.includes(`/${id}/`) && updatedAtMs < before)
      .map(([uri]) =>
        violation('unaccounted', `${uri} existed before attempt ${id} was given up as unknown`),
      );
  });
}

function cause({ planned }: JobEvidence, { status, error }: JobSeen, violation: ViolationOf): Violation[] {
  if (status === 'cancelled' && planned.cancelAfterMs === undefined)
    return [violation('failed without cause', 'was cancelled without a request')];
  if (status !== 'failed' || planned.fault !== undefined || error?.code === 'OUTCOME_UNKNOWN') return [];
  return [violation('failed without cause', `${error?.code}: ${error?.message}`)];
}

/** Every object in the bucket, except notes of claims, is under the prefix of an attempt that the API reports. */
function strayObjects({ jobs, objects }: Evidence): Violation[] {
  const prefixes = new Set(
    jobs.flatMap(({ job }) => job?.attempts.map(({ id }) => `jobs/${job.id}/${id}`) ?? []),
  );
  return [...objects.keys()].flatMap((uri): Violation[] => {
    if (/^gs:\/\/[^/]+\/claims\//.test(uri)) return [];
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
