/** What was thrown, as the signal that core's table judges. Whether a byte may have left the machine decides most. */
import { ApiError } from '@google/genai';
import type { ProviderSignal } from '../core/errors.ts';

/** Errors of connecting: the request cannot have been sent. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Of an error thrown by `fetch` or by the SDK around it. */
export function signalOf(error: unknown): ProviderSignal {
  if (error instanceof ApiError)
    return { kind: 'http', status: error.status, message: googleMessage(error.message) };
  if (error instanceof SyntaxError)
    return { kind: 'unreadable', message: `The answer is not JSON: ${error.message}` };
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return { kind: 'timeout', message: 'The provider did not answer in time.' };
  }
  const code = causeCode(error);
  const sent = !BEFORE_SENDING.has(code ?? '');
  const text = error instanceof Error ? error.message : String(error);
  return { kind: 'network', sent, message: code === undefined ? text : `${text} (${code})` };
}

/** The `error.message` of a Google error body, or the text itself. */
export function googleMessage(body: string): string {
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

/** undici puts the system's error under `cause`; several addresses tried make an AggregateError of the same code. */
function causeCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
