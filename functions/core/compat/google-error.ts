/** Errors as Google's APIs write them: `{error: {code, message, status, details}}`. */
import type { JobError } from '../job/attempt-record.ts';
import type { FieldError, Problem } from '../problem.ts';
import { ProblemError } from '../problem.ts';
import { REQUEST_FIELDS } from '../request/request-body.ts';

export interface GoogleErrorBody {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly status: string;
    readonly details: readonly Readonly<Record<string, unknown>>[];
  };
}

interface Answer {
  /** Google's HTTP status. Where Google has none like ours, the one that it uses instead. */
  readonly code: number;
  readonly status: string;
}

const ANSWERS: Readonly<Record<number, Answer>> = {
  400: { code: 400, status: 'INVALID_ARGUMENT' },
  401: { code: 401, status: 'UNAUTHENTICATED' },
  403: { code: 403, status: 'PERMISSION_DENIED' },
  404: { code: 404, status: 'NOT_FOUND' },
  // google.rpc.Code has no value for it.
  405: { code: 405, status: 'METHOD_NOT_ALLOWED' },
  409: { code: 409, status: 'ABORTED' },
  413: { code: 400, status: 'INVALID_ARGUMENT' },
  415: { code: 400, status: 'INVALID_ARGUMENT' },
  // Another request under the same Idempotency-Key.
  422: { code: 409, status: 'ALREADY_EXISTS' },
  429: { code: 429, status: 'RESOURCE_EXHAUSTED' },
  499: { code: 499, status: 'CANCELLED' },
  501: { code: 501, status: 'UNIMPLEMENTED' },
  502: { code: 502, status: 'UNAVAILABLE' },
  503: { code: 503, status: 'UNAVAILABLE' },
  504: { code: 504, status: 'DEADLINE_EXCEEDED' },
};

export function googleErrorOf({
  status,
  code: reason,
  detail,
  errors,
  retryAfterSeconds,
}: Problem): GoogleErrorBody {
  const fallback =
    status < 500 ? { code: 400, status: 'FAILED_PRECONDITION' } : { code: 500, status: 'INTERNAL' };
  const { code, status: name } = ANSWERS[status] ?? fallback;
  const violations = errors?.map(asGoogleWrites) ?? [];
  const message =
    violations.length === 0
      ? detail
      : violations
          .map(({ field, description }) => (field === '' ? description : `${field}: ${description}`))
          .join(' ');
  return {
    error: {
      code,
      message,
      status: name,
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'clapper' },
        ...(violations.length === 0
          ? []
          : [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations }]),
        ...(retryAfterSeconds === undefined
          ? []
          : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfterSeconds}s` }]),
      ],
    },
  };
}

const OF_INSTANCE = /^(?:prompt|image|lastFrame|referenceImages|video)(?:\.|$)/;
/** Fields of our own request that Google's has at the same place. */
const AT_THE_TOP = new Set(['labels', 'model']);

/** Translates a field of our own request into its path in Google's request. */
function asGoogleWrites({ field, detail }: FieldError): { field: string; description: string } {
  const bracketed = field.replace(/\.(\d+)(?=\.|$)/g, '[$1]');
  const [root = ''] = field.split('.', 1);
  const isOurs = REQUEST_FIELDS.has(root) || root === 'deliverTo';
  if (!isOurs || AT_THE_TOP.has(root)) return { field: bracketed, description: detail };
  if (field === 'deliverTo') return { field: 'parameters.storageUri', description: detail };
  if (field === 'video.job') return { field: 'instances[0].video', description: detail };
  const under = OF_INSTANCE.test(field) ? 'instances[0]' : 'parameters';
  return { field: `${under}.${bracketed}`, description: detail };
}

/** google.rpc codes of our error codes. An error of the provider keeps the provider's code. */
const RPC_CODES: Readonly<Record<string, number>> = {
  CANCELLED_BY_PROVIDER: 1,
  INVALID_ARGUMENT: 3,
  SAFETY_FILTERED: 3,
  PROVIDER_DEADLINE: 4,
  DEADLINE_EXCEEDED: 4,
  NOT_STARTED_IN_TIME: 4,
  NOT_FOUND: 5,
  MODEL_NOT_FOUND: 5,
  RESULT_EXPIRED: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  PROVIDER_INTERNAL: 13,
  LANDING_FAILED: 13,
  NO_VIDEOS: 13,
  RESULT_LOST: 15,
  PROVIDER_UNAVAILABLE: 14,
  NOT_SUBMITTED: 14,
  UNREACHABLE: 14,
  UNAUTHENTICATED: 16,
  OUTCOME_UNKNOWN: 2,
};
const UNKNOWN = 2;

/** The provider's own code, where the table of errors does not list it. */
const PROVIDER_CODE = /^PROVIDER_ERROR_(\d+)$/;

export function rpcStatusOf({ code, message }: JobError): {
  readonly code: number;
  readonly message: string;
} {
  const [, providers] = PROVIDER_CODE.exec(code) ?? [];
  return { code: RPC_CODES[code] ?? (providers === undefined ? UNKNOWN : Number(providers)), message };
}

export const CANCELLED_STATUS = { code: 1, message: 'The operation was cancelled.' } as const;

export const permissionDenied = (detail: string): ProblemError =>
  new ProblemError({ status: 403, code: 'permission-denied', title: 'Permission denied', detail });
