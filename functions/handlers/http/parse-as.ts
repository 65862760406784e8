/** Parses a caller's input with a schema and reports every fault by field. */
import type { z } from 'zod';
import { invalidRequest } from '../../core/problem.ts';
import { checkInput, type InputWords } from '../../core/request/checked-input.ts';

/** @throws ProblemError 400 that lists every invalid field */
export function parseAs<T>(schema: z.ZodType<T>, value: unknown, words: InputWords): T {
  const checked = checkInput(schema, value, words);
  if ('value' in checked) return checked.value;
  throw invalidRequest(checked.errors);
}

/** @param list the last part of the path of the list */
export const queryWords = (list: string): InputWords => ({
  what: `the query of /v1/${list}`,
  example: '?pageSize=50',
  examples: { pageSize: 50 },
});
