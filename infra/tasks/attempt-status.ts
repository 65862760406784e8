/** The outcome of one call of the target, and the google.rpc code and message that the service reports for it. */
import { status as Code } from '@grpc/grpc-js';

export type AttemptOutcome =
  /** The target responded. */
  | { readonly kind: 'response'; readonly status: number; readonly retryAfter: string | undefined }
  /** The dispatch deadline passed before a response. */
  | { readonly kind: 'deadline' }
  /** No response: connection refused or reset, unknown host, or the call could not be made. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export const isSuccess = (outcome: AttemptOutcome): boolean =>
  outcome.kind === 'response' && outcome.status >= 200 && outcome.status <= 299;

/** The X-CloudTasks-TaskPreviousResponse of the next attempt. Like the service, it is 504 for a missed deadline. */
export function previousResponseOf(outcome: AttemptOutcome): number {
  if (outcome.kind === 'response') return outcome.status;
  return outcome.kind === 'deadline' ? 504 : 503;
}

export interface AttemptStatus {
  /** google.rpc.Code */
  readonly code: number;
  readonly message: string;
}

export function statusOf(outcome: AttemptOutcome): AttemptStatus {
  if (isSuccess(outcome)) return { code: Code.OK, message: '' };
  const code = codeOf(outcome);
  return { code, message: `${Code[code]}(${code}): ${reasonOf(outcome)}` };
}

export function reasonOf(outcome: AttemptOutcome): string {
  if (outcome.kind === 'response') return `HTTP status code ${outcome.status}`;
  return outcome.kind === 'deadline' ? 'The dispatch deadline was exceeded' : outcome.reason;
}

function codeOf(outcome: AttemptOutcome): Code {
  if (outcome.kind !== 'response') {
    return outcome.kind === 'deadline' ? Code.DEADLINE_EXCEEDED : Code.UNAVAILABLE;
  }
  const { status } = outcome;
  return CODES.get(status) ?? (status >= 500 ? Code.INTERNAL : Code.UNKNOWN);
}

const CODES: ReadonlyMap<number, Code> = new Map([
  [400, Code.INVALID_ARGUMENT],
  [401, Code.UNAUTHENTICATED],
  [403, Code.PERMISSION_DENIED],
  [404, Code.NOT_FOUND],
  [409, Code.ABORTED],
  [412, Code.FAILED_PRECONDITION],
  [429, Code.RESOURCE_EXHAUSTED],
  [499, Code.CANCELLED],
  [501, Code.UNIMPLEMENTED],
  [503, Code.UNAVAILABLE],
  [504, Code.DEADLINE_EXCEEDED],
]);
