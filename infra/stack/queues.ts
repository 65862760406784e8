/** The task queues of the deployment, one per model and lane and those of the functions, as `terraform/settings.json` has them. */
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

/** To a thousandth below the quota, as Terraform has it. */
const perSecond = (perMinute: number): number => Math.floor((perMinute / 60) * 1000) / 1000;

/**
 * @param speedUp quotas are per minute of the simulated models' time
 * @param submitPerSecond overrides the quotas
 */
export function stackQueues(speedUp: number, submitPerSecond?: number): readonly StackQueue[] {
  const { submit, queues } = cloudSettings;
  const retryOf = ({ retry }: Pick<CloudSettings['submit'], 'retry'>) => ({
    minBackoffMs: (retry.minBackoffSeconds * 1000) / speedUp,
    maxBackoffMs: (retry.maxBackoffSeconds * 1000) / speedUp,
    maxAttempts: retry.maxAttempts,
    maxDoublings: retry.maxDoublings,
  });
  // Either lane may use the whole quota when the other is empty; the model's rate limiter keeps both within it.
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
