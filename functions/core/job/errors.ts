/**
 * Classifies every provider answer that is not a result: what happened, whether a retry can help, and whether it was
 * charged. Google does not document whether errors are charged. `charged: 'no'` for a rejection is inferred: the request
 * never became an operation.
 *
 * The most important distinction is in {@link classifySubmitFailure}: answers that prove that no operation exists, and
 * answers that prove nothing (I2).
 */
import type { Charged, JobError } from './attempt-record.ts';
import { categoriesOf } from './safety.ts';

/** A failure as an adapter observed it, not yet classified. */
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
  /** The connection failed. `sent: false` only if no byte can have been sent (connection refused, name not resolved). */
  | { readonly kind: 'network'; readonly sent: boolean; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string }
  /** A success status with an invalid body: not JSON, or without an operation name. */
  | { readonly kind: 'unreadable'; readonly message: string }
  /** An image model returned text instead of an image. */
  | { readonly kind: 'declined'; readonly message: string };

/** What a failed submission means for the attempt. */
export type SubmitFailure =
  /**
   * No operation exists. `retry`: `never`; `counted` as an attempt; or `quota`, which waits without counting as an attempt
   * and delays all other calls of the model too.
   */
  | {
      readonly outcome: 'rejected';
      readonly retry: 'never' | 'quota' | 'counted';
      readonly error: JobError;
      readonly retryAfterMs?: number | undefined;
    }
  /** An operation may exist. This alone must not lead to another submission. */
  | { readonly outcome: 'unknown'; readonly message: string };

interface Row {
  readonly code: string;
  readonly retry: 'never' | 'quota' | 'counted';
}

const HTTP_REJECTIONS: Readonly<Record<number, Row>> = {
  400: { code: 'INVALID_ARGUMENT', retry: 'never' },
  // The auth library refreshes the token for the next call. If that is refused too, the configuration is wrong.
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

/**
 * Vertex AI's message for the first calls of a new project that name a bucket. It comes as an HTTP error or as the error of
 * an operation.
 */
const NOT_READY = /service agents are being provisioned/i;
/** Google's message says "a few minutes". Users report about one minute. */
const NOT_READY_MS = 60_000;

const notReady = (message: string): JobError => ({
  code: 'SERVICE_AGENTS_NOT_READY',
  message,
  retryable: true,
  charged: 'no',
});

/** The minimum wait before a retry after this error. */
export const minWaitMs = ({ code }: JobError): number =>
  code === 'SERVICE_AGENTS_NOT_READY' ? NOT_READY_MS : 0;

export function classifySubmitFailure(signal: ProviderSignal): SubmitFailure {
  switch (signal.kind) {
    case 'http': {
      if (signal.status === 400 && NOT_READY.test(signal.message)) {
        const { message, retryAfterMs = NOT_READY_MS } = signal;
        return { outcome: 'rejected', retry: 'quota', retryAfterMs, error: notReady(message) };
      }
      const row = HTTP_REJECTIONS[signal.status];
      // 408, 499 and all 5xx: the server may have created the operation before it failed.
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
      // Inferred: images are priced each, and none was returned.
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

/** Classifies a failed poll. Only a 404 says anything about the operation. */
export function classifyPollFailure(signal: ProviderSignal): 'retry' | 'notFound' {
  return signal.kind === 'http' && signal.status === 404 ? 'notFound' : 'retry';
}

/** The Developer API deletes files after two days. */
const FILE_RETENTION_MS = 2 * 24 * 3_600_000;

/**
 * Classifies a failed download: the file is deleted, or the download can be retried. A 403 is ambiguous: the Developer API
 * returns it for an expired file and for an invalid key. It counts as deleted only after the retention time.
 * @param ageMs time since the operation was done
 */
export function classifyDownloadFailure(signal: ProviderSignal, ageMs: number): 'retry' | 'deleted' {
  if (signal.kind !== 'http') return 'retry';
  const { status } = signal;
  const isDeleted = status === 404 || status === 410 || (status === 403 && ageMs >= FILE_RETENTION_MS);
  return isDeleted ? 'deleted' : 'retry';
}

interface OperationRow {
  readonly code: string;
  readonly retryable: boolean;
  readonly charged: Charged;
}

const FAILED_PRECONDITION = 9;

/** By google.rpc.Code. Google does not list the codes of Veo operations, so this follows their general definitions. */
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

/** An error whose message has support codes comes from a safety filter, whatever its status: not retryable, not charged. */
function filteredOr(message: string, error: JobError): JobError {
  const categories = categoriesOf([message]);
  return categories.length === 0 ? error : safetyFiltered([message], categories);
}

export function safetyFiltered(reasons: readonly string[], categories = categoriesOf(reasons)): JobError {
  return {
    code: 'SAFETY_FILTERED',
    message: reasons.join(' ') || 'A safety filter withheld every video. The provider gave no reason.',
    retryable: false,
    charged: 'no',
    categories,
  };
}
