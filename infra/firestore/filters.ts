/** Query filters: parses messages to a tree, and compiles the tree to a test of documents. */

import { storableValue } from './document-checks.ts';
import type { StoredDocument } from './documents.ts';
import { type FieldPath, getField, isNamePath, parseFieldPath, pathKey } from './field-path.ts';
import type { FieldOperator, FilterMessage, UnaryOperator, Value } from './messages.ts';
import { invalid } from './refusals.ts';
import { checkSameDatabase, parseDocumentName } from './resource-names.ts';
import { valueBytes } from './value-size.ts';
import { compareValues, elementsOf, equalValues, isNaNValue, isNull, typeRank } from './values.ts';

export interface FieldTest {
  readonly kind: 'field';
  readonly path: FieldPath;
  readonly op: FieldOperator | UnaryOperator;
  /** Null for unary operators. */
  readonly operand: Value | null;
}

export type Filter = FieldTest | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] };

/** Index entries are truncated at this size, so longer values cannot be queried. */
const MAX_OPERAND_BYTES = 1500;

const MAX_LISTED: Partial<Record<FieldOperator, number>> = { IN: 30, ARRAY_CONTAINS_ANY: 30, NOT_IN: 10 };

/** Parses a filter of a query on `database`. Throws INVALID_ARGUMENT for a malformed filter. */
export function parseFilter(message: FilterMessage, database: string): Filter {
  switch (message.filterType) {
    case 'compositeFilter': {
      const { op, filters } = message.compositeFilter;
      if (op === 'OPERATOR_UNSPECIFIED') invalid('Unsupported CompositeFilter operator.');
      return {
        kind: op === 'OR' ? 'or' : 'and',
        filters: filters.map((filter) => parseFilter(filter, database)),
      };
    }
    case 'fieldFilter': {
      const { field, op, value } = message.fieldFilter;
      const path = parseFieldPath(field?.fieldPath ?? '');
      if (op === 'OPERATOR_UNSPECIFIED') invalid('Unknown FieldFilter operator.');
      if (value?.valueType === undefined)
        return invalid('Cannot convert firestore.v1.Value with type unset.');
      return { kind: 'field', path, op, operand: parseOperand(path, op, value as Value, database) };
    }
    case 'unaryFilter': {
      const { op, field } = message.unaryFilter;
      if (!field) return invalid('Unsupported UnaryFilter operand type (non-FIELD).');
      if (op === 'OPERATOR_UNSPECIFIED') invalid('Unknown UnaryFilter operator.');
      const path = parseFieldPath(field.fieldPath);
      if (isNamePath(path)) invalid('__key__ filter value must be a Key');
      return { kind: 'field', path, op, operand: null };
    }
    default:
      return invalid('Unknown Filter type.');
  }
}

function parseOperand(path: FieldPath, op: FieldOperator, value: Value, database: string): Value {
  const limit = MAX_LISTED[op];
  const listed = limit !== undefined && checkList(op, value, limit);
  if (isNamePath(path)) {
    if (op === 'ARRAY_CONTAINS' || op === 'ARRAY_CONTAINS_ANY') invalid('the name __key__ is reserved');
    for (const name of listed || [value]) checkName(name, database);
    return value;
  }
  const property = pathKey(path);
  for (const operand of listed || [value])
    if (valueBytes(operand) > MAX_OPERAND_BYTES)
      invalid(`value for ${property} is too large to be used in a query`);
  // Converted to the stored form. Otherwise timestamps finer than microseconds would never match.
  return listed
    ? { valueType: 'arrayValue', arrayValue: { values: listed.map((each) => storableValue(each, property)) } }
    : storableValue(value, property);
}

function checkList(op: FieldOperator, value: Value, limit: number): readonly Value[] {
  if (value.valueType !== 'arrayValue') return invalid(`'${op}' requires an ArrayValue.`);
  const { values } = value.arrayValue;
  if (values.length === 0) invalid(`'${op}' requires an non-empty ArrayValue.`);
  if (values.length > limit) invalid(`'${op}' supports up to ${limit} comparison values.`);
  return values;
}

function checkName(value: Value, database: string): void {
  if (value.valueType !== 'referenceValue') invalid('__key__ filter value must be a Key');
  checkSameDatabase(database, parseDocumentName(value.referenceValue, 'Resource name'));
}

/** Every field test in the tree. */
export function* fieldTests(filter: Filter): Generator<FieldTest> {
  if (filter.kind === 'field') yield filter;
  else for (const inner of filter.filters) yield* fieldTests(inner);
}

export type DocumentTest = (document: StoredDocument) => boolean;

/** Compiles the tree to a test. */
export function compileFilter(filter: Filter): DocumentTest {
  if (filter.kind !== 'field') {
    const tests = filter.filters.map(compileFilter);
    return filter.kind === 'and'
      ? (document) => tests.every((test) => test(document))
      : (document) => tests.some((test) => test(document));
  }
  const test = filter.operand ? comparison(filter.op, filter.operand) : unary(filter.op);
  if (isNamePath(filter.path))
    return ({ name }) => test({ valueType: 'referenceValue', referenceValue: name });
  return ({ fields }) => {
    const value = getField(fields, filter.path);
    return value !== undefined && test(value);
  };
}

type ValueTest = (value: Value) => boolean;

const NEVER: ValueTest = () => false;

function unary(op: FieldTest['op']): ValueTest {
  switch (op) {
    case 'IS_NULL':
      return isNull;
    case 'IS_NAN':
      return isNaNValue;
    case 'IS_NOT_NULL':
      return (value) => !isNull(value);
    case 'IS_NOT_NAN':
      return (value) => !isNaNValue(value) && !isNull(value);
    default:
      return NEVER;
  }
}

/** Whether the test fails for every value. */
export function isNeverTrue({ op, operand }: FieldTest): boolean {
  switch (op) {
    case 'LESS_THAN':
    case 'LESS_THAN_OR_EQUAL':
    case 'GREATER_THAN':
    case 'GREATER_THAN_OR_EQUAL':
      return operand !== null && neverEqual(operand);
    case 'NOT_EQUAL':
      return operand !== null && isNull(operand);
    case 'NOT_IN':
      return operand !== null && elementsOf(operand).every(isNull);
    default:
      return false;
  }
}

/** Null and NaN as operands are not equal to anything, not even themselves. Inside arrays and maps they are. */
const neverEqual = (operand: Value): boolean => isNull(operand) || isNaNValue(operand);

function comparison(op: FieldTest['op'], operand: Value): ValueTest {
  switch (op) {
    case 'EQUAL':
      return neverEqual(operand) ? NEVER : (value) => equalValues(value, operand);
    case 'NOT_EQUAL':
      return notAnyOf([operand]);
    case 'LESS_THAN':
      return ordered(operand, (order) => order < 0);
    case 'LESS_THAN_OR_EQUAL':
      return ordered(operand, (order) => order <= 0);
    case 'GREATER_THAN':
      return ordered(operand, (order) => order > 0);
    case 'GREATER_THAN_OR_EQUAL':
      return ordered(operand, (order) => order >= 0);
    case 'ARRAY_CONTAINS': {
      const test = anyOf([operand]);
      return (value) => elementsOf(value).some(test);
    }
    case 'ARRAY_CONTAINS_ANY': {
      const test = anyOf(elementsOf(operand));
      return (value) => elementsOf(value).some(test);
    }
    case 'IN':
      return anyOf(elementsOf(operand));
    case 'NOT_IN':
      return notAnyOf(elementsOf(operand));
    default:
      return NEVER;
  }
}

function anyOf(operands: readonly Value[]): ValueTest {
  const usable = operands.filter((operand) => !neverEqual(operand));
  return (value) => usable.some((operand) => equalValues(value, operand));
}

/** As in SQL, a null operand makes the test false for every value, and a null in the document makes it false too. */
function notAnyOf(operands: readonly Value[]): ValueTest {
  if (operands.some(isNull)) return NEVER;
  const usable = operands.filter((operand) => !isNaNValue(operand));
  return (value) => !isNull(value) && !usable.some((operand) => equalValues(value, operand));
}

/** A value whose type differs from the operand's never matches. */
function ordered(operand: Value, holds: (order: number) => boolean): ValueTest {
  if (neverEqual(operand)) return NEVER;
  const rank = typeRank(operand);
  return (value) => typeRank(value) === rank && holds(compareValues(value, operand));
}
