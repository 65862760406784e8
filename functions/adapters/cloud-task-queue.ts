/**
 * Wakes as Cloud Tasks. A wake has one name, made of the job, the step and the ring, so that whoever enqueues it twice
 * enqueues it once (I3); the name is a hash because names in sequence slow a queue down.
 */
import type { CloudTasksClient } from '@google-cloud/tasks';
import { POLL_QUEUE, submitQueueOf } from '../core/queues.ts';
import type { Ids, TaskQueue, WakeTask } from '../ports.ts';
import { codeOf } from './error-code.ts';

export interface CloudTaskQueueOptions {
  readonly client: CloudTasksClient;
  readonly project: string;
  /** Region of the queues. */
  readonly location: string;
  /** Where each function answers. */
  readonly urls: Readonly<Record<WakeTask['target'], string>>;
  /** Whose identity token the tasks carry. */
  readonly serviceAccountEmail: string;
  readonly hash: Ids['hash'];
  readonly now: () => number;
}

const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
/** A poll may stream a video home; 10 minutes is Cloud Tasks' own default. A submission is over after its time-out. */
const DISPATCH_DEADLINE_SECONDS = { submit: 180, poll: 600 } as const;

export function createCloudTaskQueue(options: CloudTaskQueueOptions): TaskQueue {
  const { client, project, location, urls, serviceAccountEmail, hash, now } = options;

  const nameOf = (task: WakeTask): { parent: string; name: string } => {
    const { target, jobId, wake } = task;
    const queue = target === 'poll' ? POLL_QUEUE : submitQueueOf(task);
    const id = hash(['wake', jobId, String(wake.seq), String(wake.ring)]);
    return {
      parent: client.queuePath(project, location, queue),
      name: client.taskPath(project, location, queue, id),
    };
  };

  return {
    async enqueue(task) {
      const { parent, name } = nameOf(task);
      const url = urls[task.target];
      const { jobId, provider, model, lane } = task;
      const line = task.target === 'submit' ? { line: { provider, model, lane } } : {};
      const body = Buffer.from(JSON.stringify({ jobId, seq: task.wake.seq, ...line }));
      try {
        await client.createTask({
          parent,
          task: {
            name,
            dispatchDeadline: { seconds: DISPATCH_DEADLINE_SECONDS[task.target] },
            ...(task.wake.at > now() ? { scheduleTime: timestampOf(task.wake.at) } : {}),
            httpRequest: {
              url,
              httpMethod: 'POST',
              headers: { 'content-type': 'application/json' },
              body,
              oidcToken: { serviceAccountEmail, audience: url },
            },
          },
        });
      } catch (error) {
        if (codeOf(error) !== ALREADY_EXISTS) throw error;
      }
    },

    async isWaiting(task) {
      try {
        await client.getTask({ name: nameOf(task).name });
        return true;
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return false;
        throw error;
      }
    },
  };
}

const timestampOf = (ms: number): { seconds: number; nanos: number } => {
  const whole = Math.ceil(ms);
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
};
