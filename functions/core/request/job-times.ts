/** When a job must have started, and when it must have finished. */
import type { Catalogue } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type { Policy } from '../job/policy.ts';
import { specOf, stagesOf } from '../job/stages.ts';
import type { VideoRequest } from '../job/video-request.ts';
import { type FieldError, invalidRequest } from '../problem.ts';
import { DAY } from '../time-units.ts';

/** Milliseconds since the epoch. */
export interface TimesBody {
  readonly startBy?: number | undefined;
  readonly finishBy?: number | undefined;
}

export interface JobTimes {
  readonly startByAt?: number;
  /** The deadline, if the request has one of its own. */
  readonly finishByAt?: number;
  readonly deadlineAt: number;
}

/**
 * A forgotten job must not be paid for next year. Cloud Tasks schedules at most 30 days ahead and refuses a task at the edge,
 * so this is one day less.
 */
const FINISH_WITHIN_DAYS = 29;

/**
 * The times of the request. The default deadline is the policy's wait in the queue and the longest latency of every stage.
 * @throws ProblemError 400 for times that are past, too far away or in the wrong order
 */
export function jobTimes(
  { startBy, finishBy }: TimesBody,
  request: VideoRequest,
  {
    now,
    policy,
    catalogue,
  }: { readonly now: number; readonly policy: Policy; readonly catalogue: Catalogue },
): JobTimes {
  const errors: FieldError[] = [];
  checkTimes({ startBy, finishBy }, now, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  const longestMs = stagesOf(request).reduce(
    (sum, stage) => sum + specOf(catalogue, stage).latency.longestMs,
    0,
  );
  return {
    ...defined({ startByAt: startBy, finishByAt: finishBy }),
    deadlineAt: finishBy ?? now + policy.jobDeadlineMs + longestMs / policy.speedUp,
  };
}

/** @param now absent where the times are checked later */
export function checkTimes(
  { startBy, finishBy }: TimesBody,
  now: number | undefined,
  errors: FieldError[],
): void {
  if (now === undefined) return;
  for (const [field, time] of Object.entries({ startBy, finishBy })) {
    if (time !== undefined && time <= now)
      errors.push({
        field,
        detail: `is ${lengthOf(now - time)} in the past; give a later time, or leave it out.`,
      });
  }
  if (finishBy !== undefined && finishBy > now + FINISH_WITHIN_DAYS * DAY) {
    const detail = `is ${lengthOf(finishBy - now)} away; it must be at most ${FINISH_WITHIN_DAYS} days away.`;
    errors.push({ field: 'finishBy', detail });
  }
  if (startBy !== undefined && finishBy !== undefined && startBy > finishBy) {
    const detail = `is ${lengthOf(startBy - finishBy)} later than finishBy; it must not be later.`;
    errors.push({ field: 'startBy', detail });
  }
}

const lengthOf = (ms: number): string =>
  ms < 2 * DAY ? `${Math.ceil(ms / 1000)} s` : `${Math.floor(ms / DAY)} days`;
