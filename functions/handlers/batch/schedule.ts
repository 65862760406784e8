/**
 * Handles the fires of schedules. Cloud Scheduler calls at least once per fire, with the schedule's id and the time
 * that the call was due. A fire starts at most one batch, and so do two fires whose manifest has the same name (I5).
 * The sweep resumes waiting fires, because Cloud Scheduler retries a call at most five times.
 */

import {
  callerOf,
  type Fire,
  fireAt,
  firesToResume,
  isRepeated,
  isSettled,
  manifestOf,
  predecessorsOf,
  type Schedule,
  type Schedules,
  slotOf,
  withFire,
} from '../../core/batch/schedules.ts';
import { invalidRequest, notFound, ProblemError } from '../../core/problem.ts';
import type { ScheduleStore, Services } from '../../ports.ts';
import type { ScheduleMessage } from './batch-message.ts';
import type { StartBatch } from './upload.ts';

export interface ScheduleWork {
  readonly services: Services;
  readonly schedules: Schedules;
  readonly store: ScheduleStore;
  readonly startBatch: StartBatch;
  /** False for a finished or missing batch. */
  readonly isActive: (batchId: string) => Promise<boolean>;
}

export interface FireReport {
  readonly schedule: string;
  readonly scheduledTime: string;
  readonly state: Fire['state'];
  readonly batch?: string;
  readonly why?: string;
}

/**
 * @param header `X-CloudScheduler-ScheduleTime`, the same in every retry of a call
 * @throws ProblemError 400 without a time, 404 for a schedule that is not configured
 */
export async function handleSchedule(
  work: ScheduleWork,
  { schedule: id, scheduledTime }: ScheduleMessage,
  header: string | undefined,
): Promise<FireReport> {
  const at = Date.parse(header ?? scheduledTime ?? '');
  if (Number.isNaN(at)) {
    throw invalidRequest([
      {
        field: 'scheduledTime',
        detail:
          'is required if the header X-CloudScheduler-ScheduleTime has no time; send one like 2026-11-21T01:00:00Z.',
      },
    ]);
  }
  const settled = await fire(work, id, at);
  return {
    schedule: id,
    scheduledTime: new Date(at).toISOString(),
    state: settled.state,
    ...('batchId' in settled ? { batch: settled.batchId } : {}),
    ...('why' in settled ? { why: settled.why } : {}),
  };
}

/**
 * Resumes fires that wait for the previous batch or for their manifest, or that a crash interrupted. An error of one
 * schedule does not affect the others.
 */
export async function sweepSchedules(work: ScheduleWork): Promise<void> {
  const { services, schedules, store } = work;
  for (const id of Object.keys(schedules)) {
    try {
      const due = firesToResume(await store.get(id), services.clock.now());
      for (const { at } of due) await fire(work, id, at);
    } catch (error) {
      services.log('ERROR', `schedule ${id}: could not be swept; the next sweep tries again`, {
        error: String(error),
      });
    }
  }
}

async function fire(work: ScheduleWork, id: string, at: number): Promise<Fire> {
  const { services, schedules, store } = work;
  const schedule = schedules[id];
  if (!schedule) throw notFound(`Schedule ${id} does not exist; CLAPPER_SCHEDULES lists the schedules.`);
  const state = await store.get(id);
  const earlier = fireAt(state, at);
  if (earlier && isSettled(earlier)) return earlier;
  const slot = slotOf(schedule, at);
  if (isRepeated(state, at, slot)) return settle(work, id, { state: 'over', at, why: 'repeated' }, 'claimed');
  const gcsUri = manifestOf(schedule, at);
  // A call that crashed may have created the batch. Later fires wait for this fire, so it must not wait itself.
  if (earlier?.state === 'starting')
    return start(work, id, schedule, { at, gcsUri, slot, since: earlier.since });
  const now = services.clock.now();
  const ahead = predecessorsOf(state, at);
  if (schedule.overlap !== 'allow') {
    const overlaps = ahead.busy || (ahead.batchId !== undefined && (await work.isActive(ahead.batchId)));
    if (overlaps) {
      const next: Fire['state'] = schedule.overlap === 'skip' ? 'over' : 'waiting';
      return settle(work, id, { state: next, at, why: 'overlap' });
    }
  }
  if (!(await services.inputs.head(gcsUri))) return handleMissingManifest(work, id, schedule, at, gcsUri);
  // The call that saves this claim starts the batch. It fails if another fire changed the state since the checks above.
  const claimed = await store.update(id, (stored) => {
    if (isSettled(fireAt(stored, at)) || isRepeated(stored, at, slot)) return undefined;
    const nowAhead = predecessorsOf(stored, at);
    const moved = nowAhead.busy || nowAhead.batchId !== ahead.batchId;
    if (schedule.overlap !== 'allow' && moved) return undefined;
    return withFire(stored, { state: 'starting', at, since: now });
  });
  if (claimed === 'unchanged') {
    const settled = fireAt(await store.get(id), at);
    if (settled && isSettled(settled)) return settled;
    throw new Error(`schedule ${id}: another fire changed the state meanwhile; the call has to be retried`);
  }
  return start(work, id, schedule, { at, gcsUri, slot, since: now });
}

interface ClaimedFire {
  readonly at: number;
  readonly gcsUri: string;
  readonly slot: string | undefined;
  /** When it was claimed. */
  readonly since: number;
}

async function start(
  work: ScheduleWork,
  id: string,
  schedule: Schedule,
  { at, gcsUri, slot, since }: ClaimedFire,
): Promise<Fire> {
  const { template, defaults, strict, maxSpendUsd, lane } = schedule;
  const time = new Date(at).toISOString();
  const options = { template, defaults, strict, maxSpendUsd };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  try {
    const { batch } = await work.startBatch({
      caller: callerOf(id, schedule),
      body: { manifest: { gcsUri }, lane, title: `${id} ${time}`, ...given },
      cause: ['schedule', id, slot ?? time],
    });
    const started = { state: 'started', at, since, batchId: batch.batchId } as const;
    return await settle(work, id, slot === undefined ? started : { ...started, slot }, 'claimed');
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    await reportFailure(
      work,
      id,
      at,
      'refused',
      `its manifest ${gcsUri} was refused: ${error.problem.detail}`,
    );
    return settle(work, id, { state: 'over', at, why: 'refused' }, 'claimed');
  }
}

async function handleMissingManifest(
  work: ScheduleWork,
  id: string,
  { missing: policy, waitMinutes }: Schedule,
  at: number,
  gcsUri: string,
): Promise<Fire> {
  if (policy === 'wait' && work.services.clock.now() < at + waitMinutes * 60_000)
    return settle(work, id, { state: 'waiting', at, why: 'missing' });
  if (policy !== 'skip') {
    const waited = policy === 'wait' ? ` after ${waitMinutes} minutes` : '';
    await reportFailure(work, id, at, 'missing', `its manifest ${gcsUri} does not exist${waited}`);
  }
  return settle(work, id, { state: 'over', at, why: 'missing' });
}

/** Logs and publishes a failure. Called before the failure is saved: it may be reported twice, but never lost. */
async function reportFailure(
  { services }: ScheduleWork,
  id: string,
  at: number,
  why: string,
  detail: string,
): Promise<void> {
  const scheduledTime = new Date(at).toISOString();
  services.log('ERROR', `schedule ${id}: no batch for ${scheduledTime}: ${detail}`, {
    schedule: id,
    scheduledTime,
    errorCode: `SCHEDULE_${why.toUpperCase()}`,
  });
  await services.events?.publish({
    id: `${id}.${scheduledTime}.${why}`,
    type: 'dev.clapper.schedule.failed.v1',
    subject: `schedules/${id}`,
    time: services.clock.now(),
    data: { schedule: id, scheduledTime, why, detail },
  });
}

/**
 * Saves the state of a fire, unless it was settled meanwhile.
 * @param by `claimed`: the call that claimed the fire. Other calls must not overwrite the state `starting`
 */
async function settle(
  { services, store }: ScheduleWork,
  id: string,
  fire: Fire,
  by: 'claimed' | 'anybody' = 'anybody',
): Promise<Fire> {
  let stored = fire;
  let before: Fire | undefined;
  await store.update(id, (state) => {
    before = fireAt(state, fire.at);
    const stays = isSettled(before) || (before?.state === 'starting' && by === 'anybody');
    stored = before && stays ? before : fire;
    // Two concurrent fires with the same manifest name create one batch; the first to save it is `started`.
    if (stored.state === 'started' && isRepeated(state, stored.at, stored.slot))
      stored = { state: 'over', at: stored.at, why: 'repeated' };
    const same = before?.state === stored.state;
    return same ? undefined : withFire(state, stored);
  });
  if (before?.state !== stored.state) {
    const why = 'why' in stored ? ` (${stored.why})` : 'batchId' in stored ? ` ${stored.batchId}` : '';
    const scheduledTime = new Date(fire.at).toISOString();
    services.log('INFO', `schedule ${id}: ${scheduledTime} ${stored.state}${why}`, { schedule: id });
  }
  return stored;
}
