/** Queues and tasks as API messages. */
import type { AttemptMessage, HttpRequestMessage, QueueMessage, TaskMessage } from './messages.ts';
import { taskNameOf } from './names.ts';
import { rateLimitsMessage, retryConfigMessage } from './queue-settings.ts';
import type { AttemptRecord, HttpTarget, StoredQueue, StoredTask } from './state.ts';
import { messageOf } from './wire-time.ts';

export type TaskView = 'BASIC' | 'FULL';

/** Any value other than FULL means BASIC. */
export const viewNamed = (name: string | undefined): TaskView => (name === 'FULL' ? 'FULL' : 'BASIC');

export function queueView(queue: StoredQueue): QueueMessage {
  const { name, settings, state, purgedAtMs } = queue;
  const { loggingSamplingRatio: samplingRatio } = settings;
  return {
    name,
    state,
    rateLimits: rateLimitsMessage(settings),
    retryConfig: retryConfigMessage(settings),
    ...(purgedAtMs === undefined ? {} : { purgeTime: messageOf(purgedAtMs) }),
    ...(samplingRatio > 0 ? { stackdriverLoggingConfig: { samplingRatio } } : {}),
  };
}

/** BASIC omits the body, which may be large or secret. */
export function taskView(queueName: string, task: StoredTask, view: TaskView): TaskMessage {
  const { progress } = task;
  const { firstDispatchedAtMs, lastAttempt } = progress;
  return {
    ...specView(queueName, task, view),
    dispatchCount: progress.dispatchCount,
    responseCount: progress.responseCount,
    ...(firstDispatchedAtMs === undefined
      ? {}
      : { firstAttempt: { dispatchTime: messageOf(firstDispatchedAtMs) } }),
    ...(lastAttempt === undefined ? {} : { lastAttempt: attemptView(lastAttempt) }),
    view,
  };
}

/** The part of a task whose size on the wire is limited. */
export const sizedView = (queueName: string, task: StoredTask): TaskMessage =>
  specView(queueName, task, 'FULL');

function specView(queueName: string, { spec, progress }: StoredTask, view: TaskView): TaskMessage {
  return {
    name: taskNameOf(queueName, spec.id),
    httpRequest: httpRequestView(spec.target, view),
    scheduleTime: messageOf(progress.scheduledAtMs),
    // The service reports this time in whole seconds.
    createTime: { seconds: Math.floor(spec.createdAtMs / 1000), nanos: 0 },
    dispatchDeadline: messageOf(spec.dispatchDeadlineMs),
  };
}

function httpRequestView(target: HttpTarget, view: TaskView): HttpRequestMessage {
  const { url, method, headers, bodyBase64, oidcToken } = target;
  return {
    url,
    httpMethod: method,
    headers,
    ...(view === 'FULL' ? { body: Buffer.from(bodyBase64, 'base64') } : {}),
    ...(oidcToken === undefined ? {} : { oidcToken }),
  };
}

function attemptView(attempt: AttemptRecord): AttemptMessage {
  const { scheduledAtMs, dispatchedAtMs, respondedAtMs, code, message = '' } = attempt;
  return {
    scheduleTime: messageOf(scheduledAtMs),
    dispatchTime: messageOf(dispatchedAtMs),
    ...(respondedAtMs === undefined ? {} : { responseTime: messageOf(respondedAtMs) }),
    ...(code === undefined ? {} : { responseStatus: { code, message } }),
  };
}
