/** What has to have become of whatever came in: requests, files and fires, each once. */

import { fireAt, manifestOf as nameOfManifest, slotOf } from '../../../functions/core/batch/schedules.ts';
import { errorNameOf } from '../../../functions/core/batch/upload-rules.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import { START_MS } from '../engine.ts';
import { digitsOf } from '../random.ts';
import { type BatchRest, planOf } from './batch-checks.ts';
import type { CloudScheduler } from './cloud-scheduler.ts';
import type { Requesters } from './requesters.ts';
import type { ScheduleStates } from './schedule-store.ts';
import type { Dropped, Uploaders } from './uploaders.ts';
import type { Fires } from './workload.ts';

const MINUTE = 60_000;
/** A clock that is ahead, and the sweep that is due. */
const CLOCKS_MS = 2 * MINUTE;

export interface ArrivalRest extends BatchRest {
  readonly requesters: Requesters;
  readonly uploaders: Uploaders;
  readonly scheduler: CloudScheduler;
  readonly states: ScheduleStates;
  readonly fires: readonly Fires[];
}

const jobIdOf = ({ drop, generation }: Dropped): string =>
  `job_${digitsOf(['upload', 'in', drop.name, generation])}`;
const batchIdOf = (...cause: string[]): string => `bat_${digitsOf(['batch', ...cause])}`;
const batchOfDrop = ({ drop, generation }: Dropped): string =>
  batchIdOf('upload', 'in', drop.name, generation);

export function checkArrivals(rest: ArrivalRest): void {
  checkRequests(rest);
  for (const dropped of rest.uploaders.dropped) checkDropped(rest, dropped);
  for (const fires of rest.fires) for (const at of fires.ats) checkFire(rest, fires, at);
  checkNothingElse(rest);
}

/** One key, one batch. */
function checkRequests(rest: ArrivalRest): void {
  const { engine, requesters, watched } = rest;
  if (requesters.waiting > 0) engine.violate('every caller is answered', `${requesters.waiting} still wait`);
  for (const { wish, batchIds, refused } of requesters.asked) {
    for (const batchId of batchIds)
      if (!watched.batches.has(batchId))
        engine.violate('I3 no accepted batch is missing', `${wish.name}: ${batchId}`);
    // One without rows looks like any other.
    if (wish.manifest.rows.length === 0) continue;
    const made = [...watched.batches.values()].filter((batch) => planOf(rest, batch) === wish.manifest);
    if (made.length > 1 || batchIds.size > 1)
      engine.violate(
        'I5 one request, one batch',
        `${wish.name} made ${made.length}, told of ${batchIds.size}`,
      );
    if (made.some(({ caller }) => caller !== wish.caller))
      engine.violate("a batch is its caller's", `${wish.name} of ${wish.caller}`);
    if (wish.key !== undefined && made.length === 0 && !refused)
      engine.violate('I3 no accepted batch is missing', `${wish.name} made none`);
  }
}

/** Whoever was told of a file, once or more, has made of it what it was to become. */
function checkDropped(rest: ArrivalRest, dropped: Dropped): void {
  const { engine, uploaders, watched, input } = rest;
  const { drop, generation } = dropped;
  const { becomes, name } = drop;
  const what = `${name}#${generation}`;
  const job = watched.jobs.get(jobIdOf(dropped));
  const isTold = (uploaders.told.get(what)?.deliveredAt.length ?? 0) > 0;
  const isThere = input.peek(name, generation) !== undefined;
  const isLatest = input.peek(name)?.generation === generation;
  const forgotten = (): void => engine.violate('no upload is forgotten', `${what} has come to nothing`);
  switch (becomes.kind) {
    case 'job':
      if (isTold && isThere && !job) forgotten();
      if (job && becomes.prompt !== '' && job.request.prompt !== becomes.prompt)
        engine.violate('a job asks for its own file', `${what} is '${job.request.prompt}'`);
      if (job && isLatest) checkNoError(rest, dropped);
      if (job) checkPicture(rest, dropped, job);
      return;
    case 'batch': {
      const batch = watched.batches.get(batchOfDrop(dropped));
      if (isTold && isThere && !batch) forgotten();
      if (batch && batch.source.generation !== generation)
        engine.violate('a batch reads its own file', `${what} reads ${batch.source.generation}`);
      return;
    }
    case 'asking':
      if (job) checkPicture(rest, dropped, job);
      if (isLatest && isToldOfBoth(rest, dropped, becomes.about) && !job) forgotten();
      return;
    case 'nothing':
    case 'fault':
      if (job) engine.violate('what is wrong makes no job', `${what} is ${job.jobId}`);
      if (becomes.kind === 'fault' && isTold && isLatest && !input.peek(errorNameOf(name)))
        engine.violate('what is wrong is told beside it', what);
  }
}

/** A copy of the generation that came, which nobody replaces. */
function checkPicture({ engine, input }: ArrivalRest, { drop, generation }: Dropped, job: Job): void {
  if (drop.contentType !== 'image/png') return;
  const { image } = job.request;
  const what = `${drop.name}#${generation}`;
  if (image?.copyOf !== `gs://in/${what}` || !input.peek(image.gcsUri.replace('gs://in/', '')))
    engine.violate('a job shows its own picture', `${job.jobId} of ${what} shows ${image?.gcsUri}`);
}

/** It has become its job: nothing that was wrong with it stands beside it. */
function checkNoError({ engine, input }: ArrivalRest, { drop, generation }: Dropped): void {
  const error = input.peek(errorNameOf(drop.name));
  if (error && Buffer.from(error.content).toString().includes(`"generation": "${generation}"`))
    engine.violate('what was mended is not told', `${drop.name}#${generation} has its job and an error file`);
}

/** Whether an event of either came when both were there. A replaced one may have come too early for the other. */
function isToldOfBoth({ uploaders }: ArrivalRest, dropped: Dropped, about: readonly string[]): boolean {
  const { drop } = dropped;
  const same = uploaders.dropped.filter((each) => each.drop.name === drop.name);
  const sidecars = uploaders.dropped.filter((each) => about.includes(each.drop.name));
  const [sidecar] = sidecars;
  if (same.length > 1 || sidecars.length !== 1 || !sidecar) return false;
  const bothAt = Math.max(dropped.at, sidecar.at);
  return [dropped, sidecar].some((each) =>
    uploaders.told.get(`${each.drop.name}#${each.generation}`)?.deliveredAt.some((at) => at > bothAt),
  );
}

const causeOfFire = ({ id, schedule }: Fires, at: number): string[] => [
  ...['schedule', id, slotOf(schedule, at) ?? new Date(at).toISOString()],
];

/** A fire that was heard of is settled, and has its batch unless there is a reason. */
function checkFire(rest: ArrivalRest, fires: Fires, at: number): void {
  const { engine, scheduler, states, watched } = rest;
  const { id, schedule, manifests } = fires;
  const what = `${id} ${new Date(at).toISOString()}`;
  const fire = fireAt(states.of(id), at);
  if (!fire) {
    if (scheduler.answered.has(`${id} ${at}`)) engine.violate('no fire is forgotten', what);
    return;
  }
  if (fire.state === 'started') {
    if (fire.batchId !== batchIdOf(...causeOfFire(fires, at)) || !watched.batches.has(fire.batchId))
      engine.violate('a fire has its batch', `${what}: ${fire.batchId}`);
    return;
  }
  if (fire.state !== 'over') {
    engine.violate('every fire is settled', `${what} is ${fire.state}`);
    return;
  }
  const name = nameOfManifest(schedule, at).replace('gs://in/', '');
  const placed = manifests.find((each) => each.name === name)?.atMs;
  const placedAt = placed === undefined ? Number.POSITIVE_INFINITY : START_MS + placed;
  const patienceMs = schedule.missing === 'wait' ? schedule.waitMinutes * MINUTE - CLOCKS_MS : 0;
  const isRight =
    fire.why === 'overlap'
      ? schedule.overlap === 'skip'
      : fire.why === 'missing'
        ? placedAt > at + patienceMs - CLOCKS_MS
        : fire.why === 'repeated' && watched.batches.has(batchIdOf(...causeOfFire(fires, at)));
  if (!isRight) engine.violate('a fire has its batch', `${what} is over: ${fire.why}`);
}

/** Everything that was made follows from something that came. */
function checkNothingElse({ engine, watched, uploaders, fires, requesters }: ArrivalRest): void {
  const jobs = new Set(uploaders.dropped.map(jobIdOf));
  for (const { jobId, batch, retryOf } of watched.jobs.values())
    if (!batch && !retryOf && !jobs.has(jobId)) engine.violate('nothing comes of nothing', jobId);
  const batches = new Set([
    ...uploaders.dropped.map(batchOfDrop),
    ...fires.flatMap((each) => each.ats.map((at) => batchIdOf(...causeOfFire(each, at)))),
  ]);
  const wished = requesters.asked.map(({ wish }) => wish.caller);
  for (const { batchId, caller } of watched.batches.values())
    if (!batches.has(batchId) && !wished.includes(caller))
      engine.violate('nothing comes of nothing', `batch ${batchId} of ${caller}`);
}
