/** Errors as callers get them: RFC 9457 problem details. */

export interface FieldError {
  /** Path of the field in the request, such as `image.mimeType`. */
  readonly field: string;
  readonly detail: string;
}

/** Whether the field is this one, or a part of it. */
export const isWithin = (field: string, whole: string): boolean =>
  field === whole || (whole !== '' && field.startsWith(`${whole}.`));

export interface Problem {
  readonly status: number;
  /** Stable, machine-readable; becomes the last part of `type`. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** When to retry, if known. Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** The request cannot be processed. The HTTP layer returns it as a problem response. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  return new ProblemError({
    status: 400,
    code: 'invalid-request',
    title: 'The request is not valid',
    detail: errors.map(({ field, detail }) => (field === '' ? detail : `${field}: ${detail}`)).join(' '),
    errors,
  });
}

export const notFound = (detail: string): ProblemError =>
  new ProblemError({ status: 404, code: 'not-found', title: 'Not found', detail });
