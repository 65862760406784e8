/** Parses and validates the task of a CreateTask request. Errors use the service's wording where it is known. */
import { randomBytes } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { HttpRequestMessage, TaskMessage } from './messages.ts';
import { parseTaskName } from './names.ts';
import { taskSizeBytes } from './protos.ts';
import { storedHeaders } from './request-headers.ts';
import type { HttpTarget, StoredTask } from './state.ts';
import { sizedView } from './views.ts';
import { millisecondsOf } from './wire-time.ts';

const HOUR_MS = 3_600_000;
const MAX_SCHEDULE_AHEAD_MS = 720 * HOUR_MS;
const DEFAULT_DEADLINE_MS = 600_000;
const MIN_DEADLINE_MS = 15_000;
const MAX_DEADLINE_MS = 1_800_000;
const MAX_URL_LENGTH = 2083;
const MAX_HEADER_BYTES = 80 * 1024;
/** Measured on the service: the serialized stored task may be at most 1 MiB minus 7 bytes. */
const MAX_TASK_BYTES = 1024 * 1024 - 7;

const METHODS = new Set(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

const invalid = (message: string): never => refuse(status.INVALID_ARGUMENT, message);

/** @throws GrpcError INVALID_ARGUMENT, or UNIMPLEMENTED for a feature of the service that this server lacks */
export function readNewTask(
  queueName: string,
  message: TaskMessage,
  nowMs: number,
  canSign: boolean,
): StoredTask {
  const id = readId(queueName, message.name ?? '');
  const target = readTarget(message, canSign);
  const dispatchDeadlineMs =
    message.dispatchDeadline === undefined ? DEFAULT_DEADLINE_MS : millisecondsOf(message.dispatchDeadline);
  if (dispatchDeadlineMs < MIN_DEADLINE_MS || dispatchDeadlineMs > MAX_DEADLINE_MS) {
    invalid('Task.dispatchDeadline must be between [15s, 30m].');
  }
  const task: StoredTask = {
    spec: { id, target, createdAtMs: nowMs, dispatchDeadlineMs },
    progress: {
      scheduledAtMs: readScheduleTime(message, nowMs),
      dispatchCount: 0,
      responseCount: 0,
      executionCount: 0,
    },
  };
  if (taskSizeBytes(sizedView(queueName, task)) > MAX_TASK_BYTES) invalid('Task size too large');
  return task;
}

function readId(queueName: string, name: string): string {
  // Not from the injected random source: a replayed run on the same state must not repeat its names.
  if (name === '') return BigInt(`0x${randomBytes(8).toString('hex')}`).toString();
  const parsed = parseTaskName(name);
  if (parsed.queueName !== queueName) {
    invalid(
      `The queue name from request ('${queueName}') must be the same as the queue name in the named task ('${parsed.queueName}').`,
    );
  }
  return parsed.taskId;
}

function readScheduleTime({ scheduleTime }: TaskMessage, nowMs: number): number {
  if (scheduleTime === undefined) return nowMs;
  const atMs = millisecondsOf(scheduleTime);
  if (atMs > nowMs + MAX_SCHEDULE_AHEAD_MS) {
    invalid(
      `The Task.scheduleTime, ${new Date(atMs).toISOString()}, is too far in the future. ` +
        'Schedule time must be no more than 720h in the future.',
    );
  }
  return Math.max(atMs, nowMs);
}

function readTarget(message: TaskMessage, canSign: boolean): HttpTarget {
  if (message.appEngineHttpRequest !== undefined) {
    refuse(status.UNIMPLEMENTED, 'The local server does not support App Engine targets. Use httpRequest.');
  }
  const request =
    message.httpRequest ?? invalid('Task.httpRequest or Task.appEngineHttpRequest is required.');
  const method = readMethod(request);
  const body = request.body ?? new Uint8Array();
  if (body.length > 0 && !METHODS_WITH_BODY.has(method)) {
    invalid(
      `HttpRequest.body is allowed only if HttpRequest.httpMethod is POST, PUT or PATCH, not ${method}.`,
    );
  }
  const target = {
    url: readUrl(request.url ?? ''),
    method,
    headers: readHeaders(request.headers ?? {}),
    bodyBase64: Buffer.from(body).toString('base64'),
  };
  const oidcToken = readOidcToken(request, canSign);
  return oidcToken === undefined ? target : { ...target, oidcToken };
}

function readUrl(url: string): string {
  if (url === '') invalid('HttpRequest.url is required.');
  if (!/^https?:\/\//.test(url)) invalid("HttpTarget.url must start with 'http://' or 'https://'.");
  if (!URL.canParse(url)) invalid('HttpRequest.url is not a valid URL.');
  if (new URL(url).href.length > MAX_URL_LENGTH) {
    invalid(`HttpRequest.url must be at most ${MAX_URL_LENGTH} characters long after encoding.`);
  }
  return url;
}

function readMethod({ httpMethod = 'HTTP_METHOD_UNSPECIFIED' }: HttpRequestMessage): string {
  if (httpMethod === 'HTTP_METHOD_UNSPECIFIED') return 'POST';
  const method = String(httpMethod);
  return METHODS.has(method) ? method : invalid(`HttpRequest.httpMethod is invalid: ${method}.`);
}

function readHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    sizeBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      invalid(`HttpRequest.headers has an invalid name or value: ${JSON.stringify(name)}.`);
    }
  }
  if (sizeBytes >= MAX_HEADER_BYTES) invalid('The size of HttpRequest.headers must be less than 80KB.');
  return storedHeaders(headers);
}

function readOidcToken(request: HttpRequestMessage, canSign: boolean): HttpTarget['oidcToken'] {
  if (request.oauthToken !== undefined) {
    refuse(status.UNIMPLEMENTED, 'The local server does not support oauthToken. Use oidcToken.');
  }
  if (request.oidcToken === undefined) return undefined;
  if (!canSign)
    refuse(status.UNIMPLEMENTED, 'oidcToken requires a server that was started with signIdToken.');
  const { serviceAccountEmail = '', audience = '' } = request.oidcToken;
  if (!/^[^@\s]+@[^@\s]+$/.test(serviceAccountEmail)) {
    invalid('HttpRequest.oidcToken.serviceAccountEmail must be the e-mail address of a service account.');
  }
  return { serviceAccountEmail, audience };
}
