/**
 * One table for everything a provider can answer that is not a result: what happened, whether trying again can help,
 * and whether it cost money. Google documents no charge for errors; "no" for rejections is inferred from a request
 * that never became an operation.
 *
 * The dividing line that matters most is in {@link classifySubmitFailure}: an answer that proves the operation does
 * not exist, against one that proves nothing (I2).
 */
import type { Charged, JobError } from './attempt-record.ts';
import { categoriesOf } from './safety.ts';

/** What an adapter observed, before anybody has judged it. */
export type ProviderSignal =
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly message: string;
      /** `Retry-After`, where the provider sent one. */
      readonly retryAfterMs?: number | undefined;
    }
  /** `operation.error`, a google.rpc.Status. */
  | { readonly kind: 'rpc'; readonly code: number; readonly message: string }
  /** The connection failed. `sent: false` only when no byte of the request can have left (refused, unresolved). */
  | { readonly kind: 'network'; readonly sent: boolean; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string }
  /** A success that is not what was promised: not JSON, or without the name of an operation. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** A picture model answered with words. */
  | { readonly kind: 'declined'; readonly message: string };

/** What a failed submission means for the attempt. */
export type SubmitFailure =
  /**
   * No operation exists. `retry` says what to do about it; `quota` waits without counting as an attempt, and so do all
   * other calls of the model.
   */
  | {
      readonly outcome: 'rejected';
      readonly retry: 'never' | 'quota' | 'counted';
      readonly error: JobError;
      readonly retryAfterMs?: number | undefined;
    }
  /** An operation may exist. Nothing may be submitted again on the strength of this. */
  | { readonly outcome: 'unknown'; readonly message: string };

interface Row {
  readonly code: string;
  readonly retry: 'never' | 'quota' | 'counted';
}

const HTTP_REJECTIONS: Readonly<Record<number, Row>> = {
  400: { code: 'INVALID_ARGUMENT', retry: 'never' },
  // The auth library refreshes the token for the next call; a second refusal is a matter of configuration.
  401: { code: 'UNAUTHENTICATED', retry: 'counted' },
  403: { code: 'PERMISSION_DENIED', retry: 'never' },
  404: { code: 'MODEL_NOT_FOUND', retry: 'never' },
  405: { code: 'INVALID_ARGUMENT', retry: 'never' },
  409: { code: 'FAILED_PRECONDITION', retry: 'never' },
  412: { code: 'FAILED_PRECONDITION', retry: 'never' },
  413: { code: 'INVALID_ARGUMENT', retry: 'never' },
  415: { code: 'INVALID_ARGUMENT', retry: 'never' },
  429: { code: 'RESOURCE_EXHAUSTED', retry: 'quota' },
};

/** What Vertex AI says, as a refusal or as an operation's error, to the first calls of a new project that name a bucket. */
const NOT_READY = /service agents are being provisioned/i;
/** "A few minutes", says Google; programs that ask again have heard a minute or so. */
const NOT_READY_MS = 60_000;

const notReady = (message: string): JobError => ({
  code: 'SERVICE_AGENTS_NOT_READY',
  message,
  retryable: true,
  charged: 'no',
});

/** How long a job waits at least before it tries again after this. */
export const leastWaitMs = ({ code }: JobError): number =>
  code === 'SERVICE_AGENTS_NOT_READY' ? NOT_READY_MS : 0;

export function classifySubmitFailure(signal: ProviderSignal): SubmitFailure {
  switch (signal.kind) {
    case 'http': {
      if (signal.status === 400 && NOT_READY.test(signal.message)) {
        const { message, retryAfterMs = NOT_READY_MS } = signal;
        return { outcome: 'rejected', retry: 'quota', retryAfterMs, error: notReady(message) };
      }
      const row = HTTP_REJECTIONS[signal.status];
      // 408, 499 and every 5xx: the request reached a server that may have acted on it before it failed.
      if (!row) return { outcome: 'unknown', message: `HTTP ${signal.status}: ${signal.message}` };
      return {
        outcome: 'rejected',
        retry: row.retry,
        retryAfterMs: signal.retryAfterMs,
        error: filteredOr(signal.message, {
          code: row.code,
          message: signal.message,
          retryable: row.retry !== 'never',
          charged: 'no',
        }),
      };
    }
    case 'network':
      if (signal.sent) return { outcome: 'unknown', message: signal.message };
      return {
        outcome: 'rejected',
        retry: 'quota',
        error: { code: 'UNREACHABLE', message: signal.message, retryable: true, charged: 'no' },
      };
    case 'declined':
      // No picture, and so no picture's price (inferred).
      return {
        outcome: 'rejected',
        retry: 'never',
        error: { code: 'DECLINED', message: signal.message, retryable: true, charged: 'no' },
      };
    case 'rpc':
    case 'timeout':
    case 'unreadable':
      return { outcome: 'unknown', message: signal.message };
  }
}

/** What a failed poll means: nothing about the operation, unless the provider does not know it any more. */
export function classifyPollFailure(signal: ProviderSignal): 'again' | 'gone' {
  return signal.kind === 'http' && signal.status === 404 ? 'gone' : 'again';
}

/** The Developer API keeps files for two days. */
const KEPT_MS = 2 * 24 * 3_600_000;

/**
 * What a failed download means: the file is gone for good, or the way to it is blocked for the moment. One that has
 * expired is answered with 403 as well, and so is a key that is wrong.
 * @param ageMs since the operation was done
 */
export function classifyDownloadFailure(signal: ProviderSignal, ageMs: number): 'again' | 'gone' {
  if (signal.kind !== 'http') return 'again';
  const { status } = signal;
  return status === 404 || status === 410 || (status === 403 && ageMs >= KEPT_MS) ? 'gone' : 'again';
}

interface OperationRow {
  readonly code: string;
  readonly retryable: boolean;
  readonly charged: Charged;
}

const FAILED_PRECONDITION = 9;

/** By google.rpc.Code. Google lists no codes of Veo operations; these are the codes' own meanings. */
const OPERATION_ERRORS: Readonly<Record<number, OperationRow>> = {
  1: { code: 'CANCELLED_BY_PROVIDER', retryable: true, charged: 'unknown' },
  3: { code: 'INVALID_ARGUMENT', retryable: false, charged: 'no' },
  4: { code: 'PROVIDER_DEADLINE', retryable: true, charged: 'unknown' },
  5: { code: 'NOT_FOUND', retryable: false, charged: 'no' },
  7: { code: 'PERMISSION_DENIED', retryable: false, charged: 'no' },
  8: { code: 'RESOURCE_EXHAUSTED', retryable: true, charged: 'no' },
  [FAILED_PRECONDITION]: { code: 'FAILED_PRECONDITION', retryable: false, charged: 'no' },
  13: { code: 'PROVIDER_INTERNAL', retryable: true, charged: 'no' },
  14: { code: 'PROVIDER_UNAVAILABLE', retryable: true, charged: 'no' },
  16: { code: 'UNAUTHENTICATED', retryable: false, charged: 'no' },
};

export function classifyOperationError(code: number, message: string): JobError {
  if (code === FAILED_PRECONDITION && NOT_READY.test(message)) return notReady(message);
  const row = OPERATION_ERRORS[code] ?? {
    code: `PROVIDER_ERROR_${code}`,
    retryable: false,
    charged: 'unknown',
  };
  return filteredOr(message, { ...row, message });
}

/** A message that carries support codes is a safety decision, whatever its status: never worth repeating, never charged. */
function filteredOr(message: string, error: JobError): JobError {
  const categories = categoriesOf([message]);
  return categories.length === 0 ? error : safetyFiltered([message], categories);
}

export function safetyFiltered(reasons: readonly string[], categories = categoriesOf(reasons)): JobError {
  return {
    code: 'SAFETY_FILTERED',
    message: reasons.join(' ') || 'The provider withheld every video and gave no reason.',
    retryable: false,
    charged: 'no',
    categories,
  };
}
