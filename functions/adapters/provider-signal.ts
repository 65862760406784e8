/** What was thrown, as the signal that core's table judges. Whether a byte may have left the machine decides most. */
import { ApiError } from '@google/genai';
import type { ProviderSignal } from '../core/job/errors.ts';

/** Errors of connecting: the request cannot have been sent. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const TIMEOUTS = new Set(['AbortError', 'TimeoutError', 'APIConnectionTimeoutError', 'RequestTimeoutError']);

/** Of an error thrown by `fetch` or by the SDK around it. */
export function signalOf(error: unknown): ProviderSignal {
  if (error instanceof ApiError)
    return { kind: 'http', status: error.status, message: googleMessage(error.message) };
  if (error instanceof Error) {
    const interaction = interactionSignal(error);
    if (interaction) return interaction;
    if (TIMEOUTS.has(error.name)) return { kind: 'timeout', message: 'The provider did not answer in time.' };
    if (error instanceof SyntaxError || error.name === 'ZodError') {
      return { kind: 'unreadable', message: `The answer cannot be read: ${error.message}` };
    }
  }
  const code = causeCode(error);
  const sent = !BEFORE_SENDING.has(code ?? '');
  const text = error instanceof Error ? error.message : String(error);
  return { kind: 'network', sent, message: code === undefined ? text : `${text} (${code})` };
}

/** Of an answer that is no success. Reads its body. */
export async function httpSignal(response: Response): Promise<ProviderSignal> {
  const retryAfterMs = retryAfterOf(response.headers);
  return {
    kind: 'http',
    status: response.status,
    message: googleMessage(await response.text()),
    retryAfterMs,
  };
}

/** `Retry-After` in seconds; its form as a date is not used by Google's APIs. */
function retryAfterOf(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** Errors of the Interactions client: not `ApiError`, but with a status and, mostly, the response's headers. */
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
    // Not JSON: a proxy's page, a bare text.
  }
  return body.slice(0, 2000);
}

/** The system's error, which undici puts under `cause`, and the Interactions client under another one. */
function causeCode(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    cause = cause.cause;
    if (typeof cause !== 'object' || cause === null || !('code' in cause)) continue;
    if (typeof cause.code === 'string') return cause.code;
  }
  return undefined;
}

/** Stored with the job, where an essay has no place. */
const WORDS_MAX = 1000;

/** What a model said instead of making something, if it said anything. */
export const wordsOf = (texts: readonly string[]): string | undefined =>
  texts.join(' ').trim().slice(0, WORDS_MAX) || undefined;
