/** Reads the task of a CreateTask request and refuses what the service refuses, in its words where they are known. */
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
/** Measured on the service: the stored task, as the wire has it, may be 7 bytes short of a mebibyte. */
const MAX_TASK_BYTES = 1024 * 1024 - 7;

const METHODS = new Set(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

const invalid = (message: string): never => refuse(status.INVALID_ARGUMENT, message);

/** @throws GrpcError INVALID_ARGUMENT, or UNIMPLEMENTED for what only this server lacks */
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
  // Not from the injected randomness: a run that is repeated on the same state must not repeat its names.
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
    refuse(status.UNIMPLEMENTED, 'App Engine targets are not supported here: use httpRequest.');
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
      invalid(`HttpRequest.headers holds what no HTTP header may: ${JSON.stringify(name)}.`);
    }
  }
  if (sizeBytes >= MAX_HEADER_BYTES) invalid('The size of HttpRequest.headers must be less than 80KB.');
  return storedHeaders(headers);
}

function readOidcToken(request: HttpRequestMessage, canSign: boolean): HttpTarget['oidcToken'] {
  if (request.oauthToken !== undefined) {
    refuse(status.UNIMPLEMENTED, 'OAuth tokens, which are for Google APIs only, are not supported here.');
  }
  if (request.oidcToken === undefined) return undefined;
  if (!canSign) refuse(status.UNIMPLEMENTED, 'This server was started without a signer of ID tokens.');
  const { serviceAccountEmail = '', audience = '' } = request.oidcToken;
  if (!/^[^@\s]+@[^@\s]+$/.test(serviceAccountEmail)) {
    invalid('HttpRequest.oidcToken.serviceAccountEmail must be the e-mail address of a service account.');
  }
  return { serviceAccountEmail, audience };
}
