/**
 * A schedule's fire: Cloud Scheduler calls with the schedule's id and when the call was due, at least once; the same fire
 * starts one batch at most, and so do two of which the manifest's name stands for the same time (I5). What has to wait is taken up by the sweep, because
 * Cloud Scheduler repeats a call five times at most.
 */

import {
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
  /** False for a finished batch, and for none at all. */
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
 * @param header `X-CloudScheduler-ScheduleTime`, the same in every repetition of a call
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
        detail: 'is needed where X-CloudScheduler-ScheduleTime gives no time like 2026-11-21T01:00:00Z.',
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

/** Takes up what waits: for the batch before, for its manifest, or after a crash. One schedule's trouble is its own. */
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
  if (!schedule) throw notFound(`There is no schedule ${id}; CLAPPER_SCHEDULES names those there are.`);
  const state = await store.get(id);
  const earlier = fireAt(state, at);
  if (earlier && isSettled(earlier)) return earlier;
  const slot = slotOf(schedule, at);
  if (isRepeated(state, at, slot)) return settle(work, id, { state: 'over', at, why: 'repeated' }, 'claimed');
  const gcsUri = manifestOf(schedule, at);
  // Its batch may have been made by somebody who died over it. All others wait for it, so it waits for nobody.
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
  if (!(await services.inputs.head(gcsUri))) return missing(work, id, schedule, at, gcsUri);
  // Whoever saves this starts the batch, unless something has come between since it was looked.
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
    throw new Error(`schedule ${id}: another fire has come between; the call has to come again`);
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
  const { template, defaults, strict, maxSpendUsd, lane, caller = `schedule:${id}` } = schedule;
  const time = new Date(at).toISOString();
  const options = { template, defaults, strict, maxSpendUsd };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  try {
    const { batch } = await work.startBatch({
      caller,
      body: { manifest: { gcsUri }, lane, title: `${id} ${time}`, ...given },
      cause: ['schedule', id, slot ?? time],
    });
    const started = { state: 'started', at, since, batchId: batch.batchId } as const;
    return await settle(work, id, slot === undefined ? started : { ...started, slot }, 'claimed');
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    await tell(work, id, at, 'refused', `its manifest ${gcsUri} is no use: ${error.problem.detail}`);
    return settle(work, id, { state: 'over', at, why: 'refused' }, 'claimed');
  }
}

async function missing(
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
    await tell(work, id, at, 'missing', `its manifest ${gcsUri} is not there${waited}`);
  }
  return settle(work, id, { state: 'over', at, why: 'missing' });
}

/** Failures are told before they are remembered: rather twice than never. */
async function tell(
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
 * Remembers what has become of a fire, unless that was settled meanwhile.
 * @param by who has claimed it says what has become of its start; others must not make that forgotten
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
    // Two that came at once have made one batch, which the first to be here has started.
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
