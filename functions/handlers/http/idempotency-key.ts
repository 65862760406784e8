/** Validates the `Idempotency-Key` header, on all routes alike. */
import { invalidRequest } from '../../core/problem.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** @throws ProblemError 400 */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined || IDEMPOTENCY_KEY.test(header)) return header;
  throw invalidRequest([
    { field: 'Idempotency-Key', detail: 'has to be 1 to 255 printable ASCII characters without spaces.' },
  ]);
}
