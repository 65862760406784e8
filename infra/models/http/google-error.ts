/** Errors in Google's error model: `{error: {code, message, status, details}}`. */

const HTTP_CODES = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;

export type GoogleStatus = keyof typeof HTTP_CODES;

/** One entry of `details`: a google.rpc message with its `@type`. */
export type ErrorDetail = Readonly<Record<string, unknown>> & { readonly '@type': string };

export class GoogleError extends Error {
  readonly code: number;
  readonly status: GoogleStatus;
  readonly details: readonly ErrorDetail[];

  constructor(status: GoogleStatus, message: string, details: readonly ErrorDetail[] = []) {
    super(message);
    this.name = 'GoogleError';
    this.status = status;
    this.code = HTTP_CODES[status];
    this.details = details;
  }
}

/** Throws a {@link GoogleError}; usable as an expression: `map.get(k) ?? refuse(…)`. */
export function refuse(status: GoogleStatus, message: string, details: readonly ErrorDetail[] = []): never {
  throw new GoogleError(status, message, details);
}

/** {@link refuse} with INVALID_ARGUMENT, the most frequent status. */
export function invalid(message: string, details: readonly ErrorDetail[] = []): never {
  return refuse('INVALID_ARGUMENT', message, details);
}

/** The status name for an HTTP code, or UNKNOWN. */
export function statusOfHttpCode(code: number): string {
  for (const [status, httpCode] of Object.entries(HTTP_CODES)) if (httpCode === code) return status;
  return code === 409 ? 'ABORTED' : code === 504 ? 'DEADLINE_EXCEEDED' : 'UNKNOWN';
}

export const errorInfo = (
  reason: string,
  domain: string,
  metadata: Readonly<Record<string, string>>,
): ErrorDetail => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain, metadata });

export const fieldViolation = (field: string, description: string): ErrorDetail => ({
  '@type': 'type.googleapis.com/google.rpc.BadRequest',
  fieldViolations: [{ field, description }],
});

/** The Developer API's message for a missing file and for a file of another project. */
export const fileRefusal = (fileId: string): string =>
  `You do not have permission to access the File ${fileId} or it may not exist.`;
