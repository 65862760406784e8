/** Turns an error into the signal that core's error table classifies. Most depends on whether a byte may have been sent. */
import { ApiError } from '@google/genai';
import { z } from 'zod';
import type { ProviderSignal } from '../core/job/errors.ts';

/** Connection errors: the request was not sent. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const TIMEOUTS = new Set(['AbortError', 'TimeoutError', 'APIConnectionTimeoutError', 'RequestTimeoutError']);

/** The signal of an error thrown by `fetch` or by the SDK. */
export function signalOf(error: unknown): ProviderSignal {
  if (error instanceof ApiError)
    return { kind: 'http', status: error.status, message: googleMessage(error.message) };
  if (error instanceof Error) {
    const interaction = interactionSignal(error);
    if (interaction) return interaction;
    if (TIMEOUTS.has(error.name)) return { kind: 'timeout', message: 'The provider did not answer in time.' };
    if (error instanceof z.ZodError) {
      const fields = error.issues.map(({ path }) => path.join('.') || 'the whole').slice(0, 5);
      const message = `The answer is not as documented (${[...new Set(fields)].join(', ')}).`;
      return { kind: 'unreadable', message };
    }
    if (error instanceof SyntaxError)
      return { kind: 'unreadable', message: `The answer cannot be read: ${error.message}` };
  }
  const code = causeCode(error);
  const sent = !BEFORE_SENDING.has(code ?? '');
  const text = error instanceof Error ? error.message : String(error);
  return { kind: 'network', sent, message: code === undefined ? text : `${text} (${code})` };
}

/** The signal of an unsuccessful response. Reads its body. */
export async function httpSignal(response: Response): Promise<ProviderSignal> {
  const retryAfterMs = retryAfterOf(response.headers);
  return {
    kind: 'http',
    status: response.status,
    message: googleMessage(await response.text()),
    retryAfterMs,
  };
}

/** Reads `Retry-After` in seconds. Google's APIs do not use its date form. */
function retryAfterOf(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** The signal of an Interactions client error: not an `ApiError`, but it has a status and usually the headers. */
function interactionSignal(error: Error): ProviderSignal | undefined {
  if (!('status' in error) || typeof error.status !== 'number') return undefined;
  const headers = 'headers' in error && error.headers instanceof Headers ? error.headers : new Headers();
  const body = 'body' in error && typeof error.body === 'string' ? error.body : error.message;
  return {
    kind: 'http',
    status: error.status,
    message: googleMessage(body),
    retryAfterMs: retryAfterOf(headers),
  };
}

/** The `error.message` of a Google error body, or the text itself. */
function googleMessage(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) {
      const { error } = parsed;
      if (
        typeof error === 'object' &&
        error !== null &&
        'message' in error &&
        typeof error.message === 'string'
      ) {
        return error.message;
      }
    }
  } catch {
    // Not JSON: a proxy's page or plain text.
  }
  return body.slice(0, 2000);
}

/** The code of the system's error. undici puts it under `cause`, the Interactions client one level deeper. */
function causeCode(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    cause = cause.cause;
    if (typeof cause !== 'object' || cause === null || !('code' in cause)) continue;
    if (typeof cause.code === 'string') return cause.code;
  }
  return undefined;
}

/** The text is stored with the job, so it is cut off. */
const WORDS_MAX = 1000;

/** The text that a model answered instead of a result, if any. */
export const wordsOf = (texts: readonly string[]): string | undefined =>
  texts.join(' ').trim().slice(0, WORDS_MAX) || undefined;
