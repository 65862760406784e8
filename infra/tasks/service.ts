/** The methods of google.cloud.tasks.v2.CloudTasks: parses requests, calls the engine and builds responses. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { TasksEngine } from './engine.ts';
import type { ListRequest, ListTasksResponse, QueueMessage } from './messages.ts';
import { checkLocationName, checkQueueName, parseTaskName } from './names.ts';
import { readNewTask } from './new-task.ts';
import { pageOf } from './paging.ts';
import type { CloudTasksMethods } from './protos.ts';
import { completeSettings, settingsOfMessage } from './queue-settings.ts';
import { updatedSettings } from './queue-update.ts';
import type { StoredQueue, StoredTask } from './state.ts';
import { queueView, taskView, viewNamed } from './views.ts';

export interface ServiceOptions {
  readonly engine: TasksEngine;
  readonly now: () => number;
  /** Whether tasks may have an `oidcToken`. */
  readonly canSign: boolean;
}

const MAX_QUEUES_PER_PAGE = 9800;
const MAX_TASKS_PER_PAGE = 1000;

export function cloudTasksMethods({ engine, now, canSign }: ServiceOptions): CloudTasksMethods {
  const namedQueue = ({ name = '' }: { readonly name?: string }): StoredQueue => {
    checkQueueName(name);
    return engine.queue(name);
  };
  const namedTask = ({ name = '' }: { readonly name?: string }): { queue: StoredQueue; taskId: string } => {
    const { queueName, taskId } = parseTaskName(name);
    return { queue: engine.queue(queueName), taskId };
  };
  const inState = (queue: StoredQueue, state: StoredQueue['state']): QueueMessage => {
    engine.changeQueue(queue, { state });
    return queueView(queue);
  };

  return {
    createQueue: ({ parent = '', queue = {} }) => {
      checkLocationName(parent);
      const { name = '' } = queue;
      checkQueueName(name);
      if (!name.startsWith(`${parent}/`)) {
        refuse(status.INVALID_ARGUMENT, `${name} must begin with ${parent}.`);
      }
      return queueView(engine.createQueue(name, completeSettings(settingsOfMessage(queue))));
    },

    getQueue: (request) => queueView(namedQueue(request)),

    listQueues: (request) => {
      const { parent = '', filter = '' } = request;
      checkLocationName(parent);
      if (filter !== '') refuse(status.UNIMPLEMENTED, 'The local server does not support queue filters.');
      const queues = new Map([...engine.queues].filter(([name]) => name.startsWith(`${parent}/queues/`)));
      const { items, nextPageToken } = pageOf(queues, request, MAX_QUEUES_PER_PAGE);
      return { queues: items.map(queueView), nextPageToken };
    },

    updateQueue: ({ queue = {}, updateMask = {} }) => {
      const { name = '' } = queue;
      checkQueueName(name);
      const existing = engine.queues.get(name);
      const current = existing?.settings ?? completeSettings({});
      const settings = updatedSettings(current, queue, updateMask.paths ?? []);
      if (existing === undefined) return queueView(engine.createQueue(name, settings));
      engine.changeQueue(existing, { settings });
      return queueView(existing);
    },

    deleteQueue: ({ name = '' }) => {
      checkQueueName(name);
      engine.deleteQueue(name);
      return {};
    },

    purgeQueue: (request) => {
      const queue = namedQueue(request);
      engine.purgeQueue(queue);
      return queueView(queue);
    },

    pauseQueue: (request) => inState(namedQueue(request), 'PAUSED'),

    resumeQueue: (request) => inState(namedQueue(request), 'RUNNING'),

    createTask: ({ parent = '', task = {}, responseView }) => {
      const queue = namedQueue({ name: parent });
      const created = engine.createTask(queue, readNewTask(queue.name, task, now(), canSign));
      return taskView(queue.name, created, viewNamed(responseView));
    },

    getTask: (request) => {
      const { queue, taskId } = namedTask(request);
      return taskView(queue.name, engine.task(queue, taskId), viewNamed(request.responseView));
    },

    listTasks: (request) => listTasks(namedQueue({ name: request.parent ?? '' }), request),

    deleteTask: (request) => {
      const { queue, taskId } = namedTask(request);
      engine.deleteTask(queue, taskId);
      return {};
    },

    runTask: (request) => {
      const { queue, taskId } = namedTask(request);
      const task = engine.task(queue, taskId);
      engine.runTask(queue, task);
      return taskView(queue.name, task, viewNamed(request.responseView));
    },
  };
}

function listTasks(queue: StoredQueue, request: ListRequest): ListTasksResponse {
  const view = viewNamed(request.responseView);
  const sizeOf = ({ spec }: StoredTask): number => (view === 'FULL' ? spec.target.bodyBase64.length : 0);
  const { items, nextPageToken } = pageOf(queue.tasks, request, MAX_TASKS_PER_PAGE, sizeOf);
  return { tasks: items.map((task) => taskView(queue.name, task, view)), nextPageToken };
}
