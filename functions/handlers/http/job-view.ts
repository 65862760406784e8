/** The JSON of a job for callers: request, status, price and videos. */

import type { LatencyProfile } from '../../core/catalogue/catalogue.ts';
import { defined } from '../../core/defined.ts';
import type { EndedAttempt, LiveAttempt } from '../../core/job/attempt-record.ts';
import type { Job } from '../../core/job/job.ts';
import { isTerminal, liveAttemptOf } from '../../core/job/job.ts';
import { totalUsd } from '../../core/job/spend.ts';
import { stagesOf } from '../../core/job/stages.ts';

/** JSON of a job. Times are RFC 3339, durations are in milliseconds, money is in US dollars. */
export interface JobView {
  readonly id: string;
  readonly status: Job['status'];
  readonly reason?: string;
  readonly request: Job['request'];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly finishedAt?: string;
  readonly deadlineAt: string;
  readonly startBy?: string;
  readonly lane: Job['lane'];
  /** The failed job that this job retries. */
  readonly retryOf?: string;
  /** The job that retries this failed job. */
  readonly retriedBy?: string;
  /** The batch row of the job. */
  readonly batch?: Job['batch'];
  /** Only while unfinished. `expectedRemainingMs` is estimated from the typical latency and never negative. */
  readonly progress?: { readonly elapsedMs: number; readonly expectedRemainingMs: number };
  readonly priceUsd: { readonly estimate: number; readonly charged: number; readonly unknown: number };
  readonly attempts: readonly AttemptView[];
  readonly videos?: readonly (LandedVideoView & { readonly href: string })[];
  readonly filtered?: { readonly count: number; readonly reasons: readonly string[] };
  readonly error?: Extract<Job, { status: 'failed' }>['error'];
}

type LandedVideoView = Extract<Job, { status: 'succeeded' }>['videos'][number];

export interface AttemptView {
  readonly id: string;
  /** The kind of its stage: `image`, `video`, `extend`, `edit` or `upscale`. */
  readonly stage: string;
  readonly state: LiveAttempt['state'] | EndedAttempt['outcome'];
  readonly submittedAt: string;
  readonly endedAt?: string;
  readonly operationName?: string;
  readonly polls: number;
  readonly reservedUsd: number;
  readonly charged: 'yes' | 'no' | 'unknown' | 'open';
  /** URIs of its outputs: the image of a first stage, or the videos of a later stage. */
  readonly outputs?: readonly string[];
}

export function jobView(job: Job, now: number, latency: LatencyProfile): JobView {
  const live = liveAttemptOf(job);
  const kinds = stagesOf(job.request).map(({ kind }) => kind);
  const attempts = [
    ...job.attempts.map((ended) => endedView(ended, kinds)),
    ...(live ? [liveView(live, kinds)] : []),
  ];
  return {
    id: job.jobId,
    status: job.status,
    ...(job.status === 'queued' && job.reason !== undefined ? { reason: job.reason } : {}),
    request: job.request,
    createdAt: rfc3339(job.createdAt),
    updatedAt: rfc3339(job.updatedAt),
    ...(isTerminal(job)
      ? { finishedAt: rfc3339(job.finishedAt) }
      : { progress: progressOf(job, now, latency) }),
    deadlineAt: rfc3339(job.deadlineAt),
    ...(job.startByAt === undefined ? {} : { startBy: rfc3339(job.startByAt) }),
    lane: job.lane,
    ...defined({ batch: job.batch, retryOf: job.retryOf?.jobId, retriedBy: job.retriedBy }),
    priceUsd: {
      estimate: job.estimateUsd,
      charged: totalUsd(job, job.attempts, 'yes'),
      unknown: totalUsd(job, job.attempts, 'unknown'),
    },
    attempts,
    ...(job.status === 'succeeded'
      ? { videos: job.videos.map((video, n) => ({ ...video, href: `/v1/jobs/${job.jobId}/videos/${n}` })) }
      : {}),
    ...(job.status === 'succeeded' && job.filteredCount > 0
      ? { filtered: { count: job.filteredCount, reasons: job.filteredReasons } }
      : {}),
    ...(job.status === 'failed' ? { error: job.error } : {}),
  };
}

export const rfc3339 = (ms: number): string => new Date(ms).toISOString();

function progressOf(
  job: Job,
  now: number,
  { typicalMs }: LatencyProfile,
): { elapsedMs: number; expectedRemainingMs: number } {
  const submittedAt = liveAttemptOf(job)?.submittedAt;
  const expectedRemainingMs =
    submittedAt === undefined ? typicalMs : Math.max(0, submittedAt + typicalMs - now);
  return { elapsedMs: now - job.createdAt, expectedRemainingMs: Math.round(expectedRemainingMs) };
}

const endedView = (attempt: EndedAttempt, kinds: readonly string[]): AttemptView => ({
  id: attempt.attemptId,
  stage: kinds[attempt.stage] ?? 'video',
  state: attempt.outcome,
  submittedAt: rfc3339(attempt.submittedAt),
  endedAt: rfc3339(attempt.endedAt),
  ...defined({ operationName: attempt.operation?.name }),
  polls: attempt.polls,
  reservedUsd: attempt.reservedUsd,
  charged: attempt.charged,
  ...defined({ outputs: attempt.videos?.map(({ uri }) => uri) }),
});

const liveView = (attempt: LiveAttempt, kinds: readonly string[]): AttemptView => ({
  id: attempt.attemptId,
  stage: kinds[attempt.stage] ?? 'video',
  state: attempt.state,
  submittedAt: rfc3339(attempt.submittedAt),
  ...defined({ operationName: 'operation' in attempt ? attempt.operation?.name : undefined }),
  polls: 'polls' in attempt ? attempt.polls : 0,
  reservedUsd: attempt.reservedUsd,
  charged: 'open',
});
