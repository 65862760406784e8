/** Looks into a schema: the schemas of a part of it, and the fields that it has at a place. */
import { z } from 'zod';

/** The schemas of a part: one for every alternative of the whole that has the part. */
export function schemasOf(schema: unknown, part: PropertyKey): readonly unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return schemasOf(schema.unwrap(), part);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => schemasOf(option, part));
  if (schema instanceof z.ZodArray) return [schema.element];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  const shape: Readonly<Record<PropertyKey, unknown>> = schema instanceof z.ZodObject ? schema.shape : {};
  return Object.hasOwn(shape, part) ? [shape[part]] : [];
}

/** The names of the fields of the object at the path, in every alternative. */
export function fieldsAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const parents = path.reduce<readonly unknown[]>(
    (schemas, part) => schemas.flatMap((each) => schemasOf(each, part)),
    [schema],
  );
  return [...new Set(parents.flatMap(fieldsOf))];
}

function fieldsOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return fieldsOf(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(fieldsOf);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
