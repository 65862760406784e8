/** The JSON types of the request's fields, read from its schema. A table has no types: a cell becomes the field's type. */
import { z } from 'zod';
import { FIELDS } from './request-body.ts';
import { schemasOf } from './schema-parts.ts';

/** The JSON types that the schema accepts. */
function typesOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return typesOf(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(typesOf);
  if (schema instanceof z.ZodLiteral) return [...schema.values].map((value) => typeof value);
  if (schema instanceof z.ZodNumber) return ['number'];
  if (schema instanceof z.ZodBoolean) return ['boolean'];
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return ['object'];
  if (schema instanceof z.ZodArray) return ['array'];
  return ['string'];
}

const isOnly = (schemas: readonly unknown[], type: string): boolean =>
  schemas.length > 0 && schemas.flatMap(typesOf).every((each) => each === type);

const fieldsOf = (type: string): ReadonlySet<string> =>
  new Set(Object.keys(FIELDS).filter((field) => isOnly([FIELDS[field]], type)));

export const NUMBER_FIELDS = fieldsOf('number');
export const BOOLEAN_FIELDS = fieldsOf('boolean');
/** Columns may give parts of these fields: `labels.team`, `variables.city`, `firstFrame.prompt`, `image.gcsUri`. */
export const OBJECT_FIELDS = fieldsOf('object');
/** Whether the part of the field is a number: `video.index`. */
export const isNumberPart = (field: string, part: string): boolean =>
  isOnly(schemasOf(FIELDS[field], part), 'number');
