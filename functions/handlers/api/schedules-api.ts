/** `GET /v1/schedules`: the configured schedules, each with its next and its last fire. */
import { Cron } from 'croner';
import type { Hono } from 'hono';
import { callerOf, type Fire, manifestOf, type Schedule } from '../../core/batch/schedules.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from '../http/job-view.ts';

export function addScheduleRoutes(app: Hono, services: Services): void {
  app.get('/v1/schedules', async (c) => {
    const caller = await services.callers.verify(c.req.raw.headers);
    const { schedules = {}, store } = services.schedules ?? {};
    const isOperator = services.settings.operators.includes(caller);
    const own = Object.entries(schedules).filter(
      ([id, schedule]) => isOperator || callerOf(id, schedule) === caller,
    );
    const now = services.clock.now();
    const views = own.map(async ([id, schedule]) => {
      const last = (await store?.get(id))?.fires.findLast(({ at }) => at <= now);
      return scheduleView(id, schedule, now, last);
    });
    return c.json({ schedules: await Promise.all(views) });
  });
}

function scheduleView(id: string, schedule: Schedule, now: number, last: Fire | undefined) {
  const { cron, timeZone, manifest, overlap, missing, lane } = schedule;
  const nextAt = nextFireAt(schedule, now);
  return {
    id,
    caller: callerOf(id, schedule),
    ...{ cron, timeZone, manifest, overlap, missing, lane },
    nextFire:
      nextAt === undefined
        ? null
        : { scheduledTime: rfc3339(nextAt), manifest: manifestOf(schedule, nextAt) },
    lastFire: last ? fireView(schedule, last) : null,
  };
}

/** When the schedule fires next; undefined if it never does. */
function nextFireAt({ cron, timeZone }: Schedule, now: number): number | undefined {
  try {
    const job = new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
    return job.nextRun(new Date(now))?.getTime();
  } catch {
    // Cloud Scheduler refuses such an expression at the deployment.
    return undefined;
  }
}

const fireView = (schedule: Schedule, fire: Fire) => ({
  scheduledTime: rfc3339(fire.at),
  manifest: manifestOf(schedule, fire.at),
  state: fire.state,
  ...('why' in fire ? { why: fire.why } : {}),
  ...('batchId' in fire ? { batch: fire.batchId, href: `/v1/batches/${fire.batchId}` } : {}),
});
