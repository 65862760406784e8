/**
 * The service definition, read from the official client's proto files. This is the only place where untyped messages
 * become the types of `messages.ts`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as grpc from '@grpc/grpc-js';
import { fromJSON, type ServiceDefinition } from '@grpc/proto-loader';
import { toServiceError } from '../shared/grpc.ts';
import type * as m from './messages.ts';

/** One function per supported method. Every other method returns UNIMPLEMENTED. */
export interface CloudTasksMethods {
  readonly createQueue: (request: m.CreateQueueRequest) => m.QueueMessage;
  readonly getQueue: (request: m.NameRequest) => m.QueueMessage;
  readonly listQueues: (request: m.ListRequest) => m.ListQueuesResponse;
  readonly updateQueue: (request: m.UpdateQueueRequest) => m.QueueMessage;
  readonly deleteQueue: (request: m.NameRequest) => m.EmptyMessage;
  readonly purgeQueue: (request: m.NameRequest) => m.QueueMessage;
  readonly pauseQueue: (request: m.NameRequest) => m.QueueMessage;
  readonly resumeQueue: (request: m.NameRequest) => m.QueueMessage;
  readonly createTask: (request: m.CreateTaskRequest) => m.TaskMessage;
  readonly getTask: (request: m.TaskRequest) => m.TaskMessage;
  readonly listTasks: (request: m.ListRequest) => m.ListTasksResponse;
  readonly deleteTask: (request: m.NameRequest) => m.EmptyMessage;
  readonly runTask: (request: m.TaskRequest) => m.TaskMessage;
}

const loadService = (): ServiceDefinition => {
  // The package's `exports` hide protos.json. It is in the folder of this entry.
  const entry = createRequire(import.meta.url).resolve('@google-cloud/tasks/build/protos');
  const protos = JSON.parse(readFileSync(path.join(path.dirname(entry), 'protos.json'), 'utf8'));
  const name = 'google.cloud.tasks.v2.CloudTasks';
  const definition = fromJSON(protos, { longs: Number, enums: String, oneofs: true })[name];
  if (definition === undefined || 'format' in definition)
    throw new Error(`The protos do not define ${name}.`);
  return definition as ServiceDefinition;
};

export const cloudTasksService = loadService();

/** Serialized size of the message. */
export function taskSizeBytes(task: m.TaskMessage): number {
  return cloudTasksService['CreateTask']?.responseSerialize(task).length ?? 0;
}

/** The implementation for `grpc.Server.addService`. */
export function implementationOf(
  methods: CloudTasksMethods,
  onBug: (error: unknown) => void,
): grpc.UntypedServiceImplementation {
  const implement =
    (method: (request: never) => object) =>
    (call: grpc.ServerUnaryCall<unknown, object>, callback: grpc.sendUnaryData<object>): void => {
      try {
        callback(null, method(call.request as never));
      } catch (error) {
        callback(toServiceError(error, onBug));
      }
    };
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, implement(method)]));
}
