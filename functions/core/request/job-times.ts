/** By when a job has to start and to finish. */
import type { Catalogue } from '../catalogue/catalogue.ts';
import { defined } from '../defined.ts';
import type { Policy } from '../job/policy.ts';
import { specOf, stagesOf } from '../job/stages.ts';
import type { VideoRequest } from '../job/video-request.ts';
import { type FieldError, invalidRequest } from '../problem.ts';

/** As the request says it, in milliseconds since the epoch. */
export interface TimesBody {
  readonly startBy?: number | undefined;
  readonly finishBy?: number | undefined;
}

export interface JobTimes {
  readonly startByAt?: number;
  readonly deadlineAt: number;
}

/** Firestore keeps a job as long as it likes; a forgotten one should not be paid for next year. */
const FINISH_WITHIN_MS = 30 * 24 * 3_600_000;

/**
 * What the request says, or the model's own: a day's wait for a turn, and the longest that every stage may take.
 * @throws ProblemError 400 for times that are over, or in the wrong order
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
  if (startBy !== undefined && startBy <= now) errors.push({ field: 'startBy', detail: 'is over.' });
  if (finishBy !== undefined && finishBy <= now) errors.push({ field: 'finishBy', detail: 'is over.' });
  if (finishBy !== undefined && finishBy > now + FINISH_WITHIN_MS) {
    errors.push({ field: 'finishBy', detail: 'is more than 30 days away.' });
  }
  if (startBy !== undefined && finishBy !== undefined && startBy > finishBy) {
    errors.push({ field: 'startBy', detail: 'is later than finishBy.' });
  }
  if (errors.length > 0) throw invalidRequest(errors);
  const longestMs = stagesOf(request).reduce(
    (sum, stage) => sum + specOf(catalogue, stage).latency.longestMs,
    0,
  );
  return {
    ...defined({ startByAt: startBy }),
    deadlineAt: finishBy ?? now + policy.jobDeadlineMs + longestMs / policy.speedUp,
  };
}
