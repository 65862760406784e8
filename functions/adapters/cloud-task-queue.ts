/**
 * Schedules wakes as Cloud Tasks. The task's name derives from the job, the wake's sequence number and its enqueue
 * count (stored name: `ring`), so that enqueueing a wake twice creates one task (I3). The name is a hash, because
 * sequential names slow a queue down.
 */
import type { CloudTasksClient } from '@google-cloud/tasks';
import { BATCH_QUEUE, POLL_QUEUE, submitQueueName } from '../core/job/queues.ts';
import { DAY } from '../core/time-units.ts';
import type { BatchTask, Ids, TaskQueue, WakeTask } from '../ports.ts';
import { codeOf } from './error-code.ts';

type Target = WakeTask['target'] | 'batch';

export interface CloudTaskQueueOptions {
  readonly client: CloudTasksClient;
  readonly project: string;
  /** Region of the queues. */
  readonly location: string;
  /** The URL of each function. */
  readonly urls: Readonly<Record<Target, string>>;
  /** The service account of the tasks' ID tokens. */
  readonly serviceAccountEmail: string;
  readonly hash: Ids['hash'];
  readonly now: () => number;
}

const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
/**
 * A submission ends with its own time-out. A poll may download a video; 600 s is Cloud Tasks' default. The first task
 * of a batch may unzip the manifest, so it gets Cloud Tasks' maximum.
 */
export const DISPATCH_DEADLINE_SECONDS = { submit: 180, poll: 600, batch: 1800 } as const;

/**
 * Cloud Tasks refuses a task that is scheduled more than 30 days ahead. One day less, because clocks differ. A wake that is
 * further ahead is delivered early, and its step is repeated then: a provider may send any `Retry-After`.
 */
const SCHEDULE_AHEAD_MAX_MS = 29 * DAY;

export function createCloudTaskQueue(options: CloudTaskQueueOptions): TaskQueue {
  const { client, project, location, urls, serviceAccountEmail, hash, now } = options;

  const named = (queue: string, parts: readonly string[]): TaskName => ({
    parent: client.queuePath(project, location, queue),
    name: client.taskPath(project, location, queue, hash(parts)),
  });
  const nameOf = (task: WakeTask): TaskName => {
    const { target, jobId, wake } = task;
    const queue = target === 'poll' ? POLL_QUEUE : submitQueueName(task);
    return named(queue, ['wake', jobId, String(wake.seq), String(wake.ring)]);
  };
  const nameOfBatch = ({ batchId, wake }: BatchTask): TaskName =>
    named(BATCH_QUEUE, ['batch', batchId, String(wake.seq), String(wake.ring)]);

  const create = async ({ parent, name }: TaskName, target: Target, at: number, message: unknown) => {
    const url = urls[target];
    try {
      await client.createTask({
        parent,
        task: {
          name,
          dispatchDeadline: { seconds: DISPATCH_DEADLINE_SECONDS[target] },
          ...(at > now() ? { scheduleTime: timestampOf(Math.min(at, now() + SCHEDULE_AHEAD_MAX_MS)) } : {}),
          httpRequest: {
            url,
            httpMethod: 'POST',
            headers: { 'content-type': 'application/json' },
            body: Buffer.from(JSON.stringify(message)),
            oidcToken: { serviceAccountEmail, audience: url },
          },
        },
      });
    } catch (error) {
      if (codeOf(error) !== ALREADY_EXISTS) throw error;
    }
  };
  const exists = async ({ name }: TaskName): Promise<boolean> => {
    try {
      await client.getTask({ name });
      return true;
    } catch (error) {
      if (codeOf(error) === NOT_FOUND) return false;
      throw error;
    }
  };

  return {
    enqueue(task) {
      const { jobId, wake, target, provider, model, lane } = task;
      const line = target === 'submit' ? { ring: wake.ring, line: { provider, model, lane } } : {};
      return create(nameOf(task), target, wake.at, { jobId, seq: wake.seq, ...line });
    },
    isWaiting: (task) => exists(nameOf(task)),
    enqueueBatch: (task) =>
      create(nameOfBatch(task), 'batch', task.wake.at, { batchId: task.batchId, seq: task.wake.seq }),
    isBatchWaiting: (task) => exists(nameOfBatch(task)),
  };
}

interface TaskName {
  readonly parent: string;
  readonly name: string;
}

const timestampOf = (ms: number): { seconds: number; nanos: number } => {
  const whole = Math.ceil(ms);
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
};
