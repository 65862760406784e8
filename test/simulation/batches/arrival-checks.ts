/** Checks that each request, upload and fire has had its result exactly once. */

import { fireAt, manifestOf as nameOfManifest, slotOf } from '../../../functions/core/batch/schedules.ts';
import { errorNameOf, imagesOfSidecar } from '../../../functions/core/batch/upload-names.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import { PNG } from '../../support/images.ts';
import { START_MS } from '../engine.ts';
import { digitsOf } from '../random.ts';
import { type BatchFinalState, planOf } from './batch-checks.ts';
import type { CloudScheduler } from './cloud-scheduler.ts';
import type { Requesters } from './requesters.ts';
import type { ScheduleStates } from './schedule-store.ts';
import type { Dropped, Uploaders } from './uploaders.ts';
import type { Fires } from './workload.ts';

const MINUTE = 60_000;
/** Clock differences, plus the time until the next sweep. */
const CLOCKS_MS = 2 * MINUTE;

export interface ArrivalFinalState extends BatchFinalState {
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

export function checkArrivals(final: ArrivalFinalState): void {
  checkRequests(final);
  for (const dropped of final.uploaders.dropped) checkDropped(final, dropped);
  for (const fires of final.fires) for (const at of fires.ats) checkFire(final, fires, at);
  checkNothingElse(final);
}

/** One key, one batch. */
function checkRequests(final: ArrivalFinalState): void {
  const { engine, requesters, batchMonitor } = final;
  if (requesters.waiting > 0)
    engine.violate('every caller is answered', `${requesters.waiting} requests have no answer`);
  for (const { planned, batchIds, refused } of requesters.requested) {
    for (const batchId of batchIds)
      if (!batchMonitor.batches.has(batchId))
        engine.violate('I3 no accepted batch is missing', `${planned.name}: ${batchId}`);
    // All manifests without rows look the same.
    if (planned.manifest.rows.length === 0) continue;
    const made = [...batchMonitor.batches.values()].filter(
      (batch) => planOf(final, batch) === planned.manifest,
    );
    if (made.length > 1 || batchIds.size > 1)
      engine.violate(
        'I5 one request, one batch',
        `${planned.name} made ${made.length}; its answers named ${batchIds.size}`,
      );
    if (made.some(({ caller }) => caller !== planned.caller))
      engine.violate('a batch belongs to its caller', `${planned.name} of ${planned.caller}`);
    if (planned.key !== undefined && made.length === 0 && !refused)
      engine.violate('I3 no accepted batch is missing', `${planned.name} made no batch`);
  }
}

/** An upload whose event was delivered has its expected result. */
function checkDropped(final: ArrivalFinalState, dropped: Dropped): void {
  const { engine, uploaders, batchMonitor, input } = final;
  const { drop, generation } = dropped;
  const { expected, name } = drop;
  const what = `${name}#${generation}`;
  const job = batchMonitor.jobs.get(jobIdOf(dropped));
  const isDelivered = (uploaders.deliveries.get(what)?.deliveredAt.length ?? 0) > 0;
  const exists = input.peek(name, generation) !== undefined;
  const isLatest = input.peek(name)?.generation === generation;
  const notProcessed = (): void => engine.violate('every upload is processed', `${what} has no result`);
  switch (expected.kind) {
    case 'job':
      if (isDelivered && exists && !job) notProcessed();
      if (job && expected.prompt !== '' && job.request.prompt !== expected.prompt)
        engine.violate(
          'a job has the prompt of its own upload',
          `${what} has the prompt '${job.request.prompt}'`,
        );
      if (job && isLatest) checkNoError(final, dropped);
      if (job) checkImage(final, dropped, job);
      return;
    case 'batch': {
      const batch = batchMonitor.batches.get(batchOfDrop(dropped));
      if (isDelivered && exists && !batch) notProcessed();
      if (batch && batch.source.generation !== generation)
        engine.violate('a batch reads its own file', `${what} reads ${batch.source.generation}`);
      return;
    }
    case 'needsSidecar':
      if (job) checkImage(final, dropped, job);
      if (isLatest && isDeliveredWithBoth(final, dropped, expected.about) && !job) notProcessed();
      if (job && isLatest) checkNoError(final, dropped);
      if (isLatest && isDelivered && !job && !expected.about.some((each) => input.peek(each)))
        checkReported(final, name);
      return;
    case 'nothing':
      if (isLatest && isDelivered && isAlone(final, name)) checkReported(final, name);
      if (job) engine.violate('a sidecar makes no job', `${what} made ${job.jobId}`);
      return;
    case 'fault':
      if (job) engine.violate('a faulty upload makes no job', `${what} made ${job.jobId}`);
      if (isDelivered && isLatest && !input.peek(errorNameOf(name, String)))
        engine.violate('a faulty upload gets an error file', what);
  }
}

/** Whether the image of this sidecar was never uploaded. */
const isAlone = ({ uploaders }: ArrivalFinalState, sidecar: string): boolean => {
  const images = imagesOfSidecar(sidecar);
  return !uploaders.dropped.some(({ drop }) => images.includes(drop.name));
};

/** A file that waited in vain has an error file: nothing hangs. */
function checkReported({ engine, input }: ArrivalFinalState, name: string): void {
  if (!input.peek(errorNameOf(name, String)))
    engine.violate('a file that waits in vain is reported', `${name} has neither a job nor an error file`);
}

/** The job uses a copy of the uploaded generation. */
function checkImage({ engine, input }: ArrivalFinalState, { drop, generation }: Dropped, job: Job): void {
  if (drop.contentType !== 'image/png') return;
  const { image } = job.request;
  const what = `${drop.name}#${generation}`;
  const copy = image && input.peek(image.gcsUri.replace('gs://in/', ''));
  if (image?.copyOf !== `gs://in/${what}` || !copy || !PNG.equals(copy.content))
    engine.violate('a job uses its own image', `${job.jobId} of ${what} uses ${image?.gcsUri}`);
}

/** An upload that has made its job has no error file. */
function checkNoError({ engine, input }: ArrivalFinalState, { drop, generation }: Dropped): void {
  const error = input.peek(errorNameOf(drop.name, String));
  if (error && Buffer.from(error.content).toString().includes(`"generation": "${generation}"`))
    engine.violate(
      'a good upload has no error file',
      `${drop.name}#${generation} has its job and an error file`,
    );
}

/** Whether an event of the image or its sidecar came when both existed. False when either was replaced, to be safe. */
function isDeliveredWithBoth(
  { uploaders }: ArrivalFinalState,
  dropped: Dropped,
  about: readonly string[],
): boolean {
  const { drop } = dropped;
  const same = uploaders.dropped.filter((each) => each.drop.name === drop.name);
  const sidecars = uploaders.dropped.filter((each) => about.includes(each.drop.name));
  const [sidecar] = sidecars;
  if (same.length > 1 || sidecars.length !== 1 || !sidecar) return false;
  const bothAt = Math.max(dropped.at, sidecar.at);
  return [dropped, sidecar].some((each) =>
    uploaders.deliveries.get(`${each.drop.name}#${each.generation}`)?.deliveredAt.some((at) => at > bothAt),
  );
}

const causeOfFire = ({ id, schedule }: Fires, at: number): string[] => [
  ...['schedule', id, slotOf(schedule, at) ?? new Date(at).toISOString()],
];

/** A fire whose call was answered is settled. It has its batch, or a right reason to have none. */
function checkFire(final: ArrivalFinalState, fires: Fires, at: number): void {
  const { engine, scheduler, states, batchMonitor } = final;
  const { id, schedule, manifests } = fires;
  const what = `${id} ${new Date(at).toISOString()}`;
  const fire = fireAt(states.of(id), at);
  if (!fire) {
    if (scheduler.answered.has(`${id} ${at}`)) engine.violate('every answered fire is recorded', what);
    return;
  }
  if (fire.state === 'started') {
    if (fire.batchId !== batchIdOf(...causeOfFire(fires, at)) || !batchMonitor.batches.has(fire.batchId))
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
  const waitMs = schedule.missing === 'wait' ? schedule.waitMinutes * MINUTE - CLOCKS_MS : 0;
  const isRight =
    fire.why === 'overlap'
      ? schedule.overlap === 'skip'
      : fire.why === 'missing'
        ? placedAt > at + waitMs - CLOCKS_MS
        : fire.why === 'repeated' && batchMonitor.batches.has(batchIdOf(...causeOfFire(fires, at)));
  if (!isRight) engine.violate('a fire has its batch', `${what} has no batch, because: ${fire.why}`);
}

/** Every job and batch has a request, an upload or a fire as its cause. */
function checkNothingElse({ engine, batchMonitor, uploaders, fires, requesters }: ArrivalFinalState): void {
  const jobs = new Set(uploaders.dropped.map(jobIdOf));
  for (const { jobId, batch, retryOf } of batchMonitor.jobs.values())
    if (!batch && !retryOf && !jobs.has(jobId)) engine.violate('every job and batch has a cause', jobId);
  const batches = new Set([
    ...uploaders.dropped.map(batchOfDrop),
    ...fires.flatMap((each) => each.ats.map((at) => batchIdOf(...causeOfFire(each, at)))),
  ]);
  const callers = requesters.requested.map(({ planned }) => planned.caller);
  for (const { batchId, caller } of batchMonitor.batches.values())
    if (!batches.has(batchId) && !callers.includes(caller))
      engine.violate('every job and batch has a cause', `batch ${batchId} of ${caller}`);
}
