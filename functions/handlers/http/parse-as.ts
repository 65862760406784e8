/** Parses a caller's input with a schema and reports the errors by field. */
import type { z } from 'zod';
import { invalidRequest } from '../../core/problem.ts';

/** @throws ProblemError 400 that lists every invalid field */
export function parseAs<Shape extends z.core.$ZodLooseShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  value: unknown,
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape).join(', ');
  throw invalidRequest(
    parsed.error.issues.map((issue) =>
      issue.code === 'unrecognized_keys'
        ? { field: issue.keys.join(', '), detail: `is not a field; the fields are ${known}.` }
        : { field: issue.path.join('.'), detail: `${issue.message}.` },
    ),
  );
}
