/** Checks that several fields share. Each adds its errors to a list. */
import type { ModelSpec } from '../catalogue/catalogue.ts';
import type { FieldError } from '../problem.ts';

export function checkLength(
  field: string,
  text: string,
  { model, promptCharactersMax }: ModelSpec,
  errors: FieldError[],
): void {
  if (text.length <= promptCharactersMax) return;
  errors.push({ field, detail: `has ${text.length} characters; ${model} takes ${promptCharactersMax}.` });
}

/** The value if it is allowed, the fallback if there is no value. Otherwise an error, and undefined. */
export function oneOf<T extends string | number>(
  field: string,
  given: string | number | undefined,
  allowed: readonly T[],
  fallback: T,
  errors: FieldError[],
): T | undefined {
  if (given === undefined) return fallback;
  const match = allowed.find((value) => value === given);
  if (match === undefined)
    errors.push({ field, detail: `is ${JSON.stringify(given)}; allowed: ${allowed.join(', ')}.` });
  return match;
}
