/** Field paths such as ``owner.`street name` ``: parsing, reading, and writing without changing the original. */

import type { Fields, Value } from './messages.ts';
import { invalid } from './refusals.ts';
import { isVector } from './values.ts';

/** Map keys from the document inwards; never empty. */
export type FieldPath = readonly string[];

/** The pseudo field for the name of a document in queries and masks. */
export const NAME_FIELD = '__name__';

const SEGMENT = /[a-zA-Z_][a-zA-Z_0-9]*|`(?:[^`\\]|\\.)+`/sy;

/** Parses dotted names, which may be in backquotes. Throws INVALID_ARGUMENT. */
export function parseFieldPath(text: string): FieldPath {
  if (text === '') invalid('Invalid empty property path string.');
  const path: string[] = [];
  let index = 0;
  for (;;) {
    SEGMENT.lastIndex = index;
    const segment = SEGMENT.exec(text)?.[0] ?? invalidPath(text);
    path.push(segment.startsWith('`') ? segment.slice(1, -1).replace(/\\(.)/gs, '$1') : segment);
    index += segment.length;
    if (index === text.length) break;
    if (text[index] !== '.') invalidPath(text);
    index++;
  }
  for (const [i, name] of path.entries()) {
    if (i > 0 && name === NAME_FIELD) invalid('the name __key__ is reserved');
    if (name !== NAME_FIELD && isReservedFieldName(name))
      invalid(`Invalid reserved name in field path ${text}`);
  }
  return path;
}

const invalidPath = (text: string): never =>
  invalid(
    `Invalid property path "${text}". Unquoted property paths must match regex ([a-zA-Z_][a-zA-Z_0-9]*), ` +
      'and quoted property paths must match regex (`(?:[^`\\\\]|(?:\\\\.))+`)',
  );

export const isReservedFieldName = (name: string): boolean => /^__.+__$/s.test(name);

export const isNamePath = (path: FieldPath): boolean => path.length === 1 && path[0] === NAME_FIELD;

/** A canonical string for comparing and sorting paths. */
export const pathKey = (path: FieldPath): string => path.join('.');

/** Whether `prefix` equals `path` or is an ancestor of it. */
export const isPrefix = (prefix: FieldPath, path: FieldPath): boolean =>
  prefix.length <= path.length && prefix.every((name, i) => path[i] === name);

const own = (fields: Fields, name: string): Value | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

/** The fields of a map. Vectors are encoded as maps, but paths cannot lead into them. */
const innerFields = (value: Value): Fields | undefined =>
  value.valueType === 'mapValue' && !isVector(value) ? value.mapValue.fields : undefined;

/** The value at `path`; undefined when it or any map on the way is missing. */
export function getField(fields: Fields, path: FieldPath): Value | undefined {
  let value: Value | undefined;
  let level: Fields | undefined = fields;
  for (const name of path) {
    if (level === undefined) return undefined;
    value = own(level, name);
    level = value && innerFields(value);
  }
  return value;
}

/**
 * Returns a copy with `value` at `path`. A value on the way that is not a map is replaced by a map. An undefined `value`
 * removes the field. If there is then no map on the way, the original is returned unchanged.
 */
export function withField(fields: Fields, path: FieldPath, value: Value | undefined): Fields {
  const [name, ...rest] = path;
  if (name === undefined) return fields;
  const copy = { ...fields };
  if (rest.length === 0) {
    if (value === undefined) delete copy[name];
    else copy[name] = value;
    return copy;
  }
  const current = own(fields, name);
  const inner = current && innerFields(current);
  if (inner === undefined && value === undefined) return fields;
  copy[name] = { valueType: 'mapValue', mapValue: { fields: withField(inner ?? {}, rest, value) } };
  return copy;
}

/** Returns only the fields at `paths`. */
export function project(fields: Fields, paths: readonly FieldPath[]): Fields {
  let projected: Fields = {};
  for (const path of paths) {
    const value = getField(fields, path);
    if (value !== undefined) projected = withField(projected, path, value);
  }
  return projected;
}
