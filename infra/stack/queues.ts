/** The task queues of the deployment, from `terraform/settings.json`: one per model and lane, and those of the functions. */
import { type CloudSettings, cloudSettings } from './settings.ts';

export interface StackQueue {
  readonly id: string;
  readonly maxDispatchesPerSecond: number;
  readonly maxConcurrentDispatches: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxAttempts: number;
  readonly maxDoublings: number;
}

/** Rounded down to a thousandth, as in Terraform, so that the rate never exceeds the quota. */
const perSecond = (perMinute: number): number => Math.floor((perMinute / 60) * 1000) / 1000;

/**
 * @param speedUp multiplies the quotas, which are per minute of simulated time, and divides the back-offs
 * @param submitPerSecond dispatches per second of every submit queue; replaces the quotas
 */
export function stackQueues(speedUp: number, submitPerSecond?: number): readonly StackQueue[] {
  const { submit, queues } = cloudSettings;
  const retryOf = ({ retry }: Pick<CloudSettings['submit'], 'retry'>) => ({
    minBackoffMs: (retry.minBackoffSeconds * 1000) / speedUp,
    maxBackoffMs: (retry.maxBackoffSeconds * 1000) / speedUp,
    maxAttempts: retry.maxAttempts,
    maxDoublings: retry.maxDoublings,
  });
  // Each lane's queue may use the whole quota while the other is empty. The model's rate limiter keeps both within it.
  const submitQueues = Object.entries(submit.models).flatMap(([id, { requestsPerMinute }]) =>
    Object.values(submit.lanes).map((suffix) => ({
      id: `${id}${suffix}`,
      maxDispatchesPerSecond: submitPerSecond ?? perSecond(requestsPerMinute) * speedUp,
      maxConcurrentDispatches: submit.maxConcurrentDispatches,
      ...retryOf(submit),
    })),
  );
  const others = Object.entries(queues).map(([id, queue]) => ({
    id,
    maxDispatchesPerSecond: queue.maxDispatchesPerSecond,
    maxConcurrentDispatches: queue.maxConcurrentDispatches,
    ...retryOf(queue),
  }));
  return [...submitQueues, ...others];
}
