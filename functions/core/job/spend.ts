/** What ended attempts came to, in US dollars. */
import { roundUsd } from './at-stake.ts';
import type { EndedAttempt } from './attempt-record.ts';
import type { Job } from './job.ts';
import { stageOf } from './stages.ts';

type Owner = Pick<Job, 'request' | 'attempts' | 'retryOf'>;

/** A landed attempt costs what it delivered of what its stage asked for, any other all that it reserved. */
export function costUsd(job: Owner, attempt: EndedAttempt): number {
  const { outcome, reservedUsd, videos } = attempt;
  if (outcome !== 'landed' || !videos || videos.length === 0) return reservedUsd;
  const stage = stageOf(job, attempt);
  const asked = stage.kind === 'image' ? 1 : stage.sampleCount;
  return reservedUsd * Math.min(1, videos.length / asked);
}

/** Of the attempts that were charged, or that may have been. */
export const totalUsd = (job: Owner, attempts: readonly EndedAttempt[], charged: 'yes' | 'unknown'): number =>
  roundUsd(
    attempts
      .filter((attempt) => attempt.charged === charged)
      .reduce((sum, attempt) => sum + costUsd(job, attempt), 0),
  );
