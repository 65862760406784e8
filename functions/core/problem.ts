/** Errors as callers see them: RFC 9457 problem details. */

export interface FieldError {
  /** Path of the field as the caller wrote it, e.g. `image.mimeType`. */
  readonly field: string;
  readonly detail: string;
}

export interface Problem {
  readonly status: number;
  /** Stable, machine-readable; becomes the last part of `type`. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** When to ask again, where that is known. Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** A request that cannot be carried out as asked. Thrown by parsing, answered by the HTTP layer. */
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
