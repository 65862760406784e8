/** Checks that several fields share. Each adds its errors to a list. */
import type { ModelSpec } from '../catalogue/catalogue.ts';
import { nearest } from '../near-miss.ts';
import type { FieldError } from '../problem.ts';
import { shown } from '../shown.ts';

export function checkLength(
  field: string,
  text: string,
  { model, promptCharactersMax }: ModelSpec,
  errors: FieldError[],
): void {
  if (text.length <= promptCharactersMax) return;
  errors.push({ field, detail: `has ${text.length} characters; ${model} takes ${promptCharactersMax}.` });
}

/** A field of the request that allows fewer values of another field than that one has otherwise. */
export interface Cause<T> {
  readonly field: string;
  readonly otherwise: readonly T[];
}

/** The value if it is allowed, the fallback if there is no value. Otherwise an error, and undefined. */
export function oneOf<T extends string | number>(
  field: string,
  given: string | number | undefined,
  allowed: readonly T[],
  fallback: T,
  errors: FieldError[],
  cause?: Cause<T>,
): T | undefined {
  if (given === undefined) return fallback;
  const match = allowed.find((value) => value === given);
  if (match === undefined)
    errors.push({ field, detail: `is ${shown(given)}; ${allowedInstead(given, allowed, cause)}.` });
  return match;
}

function allowedInstead<T extends string | number>(
  given: string | number,
  allowed: readonly T[],
  cause: Cause<T> | undefined,
): string {
  const list = allowed.join(', ');
  if (cause?.otherwise.some((value) => value === given)) {
    const values = allowed.length === 1 ? `must be ${list}` : `must be one of ${list}`;
    return `with ${cause.field} it ${values} (without it: ${cause.otherwise.join(', ')})`;
  }
  const meant = nearest(String(given), typeof given === 'string' ? allowed.map(String) : []);
  return `allowed: ${list}${meant === undefined ? '' : `; did you mean ${meant}`}`;
}
