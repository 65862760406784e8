/** The headers of one delivery: those of the task and those that the service sets. */
import { idOf } from './names.ts';
import type { HttpTarget, StoredTask } from './state.ts';

const USER_AGENT = 'Google-Cloud-Tasks';

/** Computed for each call. The task's values are ignored. */
const COMPUTED = new Set([
  'host',
  'content-length',
  'connection',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
]);
const RESERVED_PREFIXES = ['x-cloudtasks-', 'x-google-', 'x-appengine-'];

/** The headers to store. The service replaces User-Agent when the task is created, so that clients read it back. */
export function storedHeaders(given: Readonly<Record<string, string>>): Record<string, string> {
  const others = Object.entries(given).filter(([name]) => name.toLowerCase() !== 'user-agent');
  return Object.fromEntries([['User-Agent', USER_AGENT], ...others]);
}

/** @param idToken replaces the task's Authorization headers */
export function deliveryHeaders(
  queueName: string,
  { spec, progress }: StoredTask,
  idToken: string | undefined,
): Record<string, string> {
  const { previousResponse } = progress;
  return {
    ...forwardedHeaders(spec.target, idToken !== undefined),
    ...(idToken === undefined ? {} : { Authorization: `Bearer ${idToken}` }),
    'X-CloudTasks-QueueName': idOf(queueName),
    'X-CloudTasks-TaskName': spec.id,
    'X-CloudTasks-TaskRetryCount': String(progress.dispatchCount),
    'X-CloudTasks-TaskExecutionCount': String(progress.executionCount),
    'X-CloudTasks-TaskETA': (progress.scheduledAtMs / 1000).toFixed(6),
    // For HTTP targets the service always sends an empty reason.
    ...(previousResponse === undefined
      ? {}
      : {
          'X-CloudTasks-TaskPreviousResponse': String(previousResponse),
          'X-CloudTasks-TaskRetryReason': '',
        }),
  };
}

function forwardedHeaders(target: HttpTarget, authorized: boolean): Record<string, string> {
  const forwarded = Object.entries(target.headers).filter(([name]) => {
    const lower = name.toLowerCase();
    if (lower === 'authorization') return !authorized;
    return !COMPUTED.has(lower) && !RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
  });
  return Object.fromEntries(forwarded);
}
