/** The cost of ended attempts, in US dollars. */
import { roundUsd } from './at-stake.ts';
import type { EndedAttempt } from './attempt-record.ts';
import type { Job } from './job.ts';
import { stageOf } from './stages.ts';

type Owner = Pick<Job, 'request' | 'attempts' | 'retryOf'>;

/** A landed attempt costs the share of its reservation that it delivered. Any other attempt costs the whole reservation. */
export function costUsd(job: Owner, attempt: EndedAttempt): number {
  const { outcome, reservedUsd, videos } = attempt;
  if (outcome !== 'landed' || !videos || videos.length === 0) return reservedUsd;
  const stage = stageOf(job, attempt);
  const requested = stage.kind === 'image' ? 1 : stage.sampleCount;
  return reservedUsd * Math.min(1, videos.length / requested);
}

/** The cost of the attempts that were charged (`yes`), or that may have been (`unknown`). */
export const totalUsd = (job: Owner, attempts: readonly EndedAttempt[], charged: 'yes' | 'unknown'): number =>
  roundUsd(
    attempts
      .filter((attempt) => attempt.charged === charged)
      .reduce((sum, attempt) => sum + costUsd(job, attempt), 0),
  );
