/** Resource names: patterns, parsing, and the service's messages for invalid names. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';

const LOCATION = /^projects\/[A-Za-z0-9:.-]+\/locations\/[A-Za-z0-9-]+$/;
const QUEUE = /^projects\/[A-Za-z0-9:.-]+\/locations\/[A-Za-z0-9-]+\/queues\/[A-Za-z0-9-]{1,100}$/;
const TASK_ID = /^[A-Za-z0-9_-]{1,500}$/;

export function checkLocationName(name: string): void {
  if (LOCATION.test(name)) return;
  refuse(
    status.INVALID_ARGUMENT,
    'Location name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>".',
  );
}

export function checkQueueName(name: string): void {
  if (QUEUE.test(name)) return;
  refuse(
    status.INVALID_ARGUMENT,
    'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>".',
  );
}

/** The last segment of a name. */
export const idOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

export interface TaskName {
  readonly queueName: string;
  readonly taskId: string;
}

export function parseTaskName(name: string): TaskName {
  const at = name.lastIndexOf('/tasks/');
  const queueName = name.slice(0, Math.max(at, 0));
  if (!QUEUE.test(queueName)) {
    refuse(
      status.INVALID_ARGUMENT,
      'Task name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>"',
    );
  }
  const taskId = name.slice(at + '/tasks/'.length);
  if (!TASK_ID.test(taskId)) {
    refuse(
      status.INVALID_ARGUMENT,
      `Task ID "${taskId}" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). ` +
        'Task ID must between 1 and 500 characters.',
    );
  }
  return { queueName, taskId };
}

export const taskNameOf = (queueName: string, taskId: string): string => `${queueName}/tasks/${taskId}`;
