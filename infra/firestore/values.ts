/** The order and equality of values across all types, as Firestore documents them. */

import type { Fields, NullValue, NumberValue, TimestampMessage, Value } from './messages.ts';
import { invalid } from './refusals.ts';

export const NULL_VALUE: NullValue = { valueType: 'nullValue', nullValue: 'NULL_VALUE' };

export const integerValue = (n: bigint | number): NumberValue => ({
  valueType: 'integerValue',
  integerValue: String(n),
});
export const doubleValue = (n: number): NumberValue => ({ valueType: 'doubleValue', doubleValue: n });

export const isNull = (value: Value): boolean => value.valueType === 'nullValue';
export const isNaNValue = (value: Value): boolean =>
  value.valueType === 'doubleValue' && Number.isNaN(value.doubleValue);
export const isNumber = (value: Value): value is NumberValue =>
  value.valueType === 'integerValue' || value.valueType === 'doubleValue';

/** The elements of an array; empty for any other value. */
export const elementsOf = (value: Value): readonly Value[] =>
  value.valueType === 'arrayValue' ? value.arrayValue.values : [];

/** Vectors are encoded as maps with this `__type__`. */
export const isVector = (value: Value): boolean =>
  value.valueType === 'mapValue' &&
  Object.hasOwn(value.mapValue.fields, '__type__') &&
  value.mapValue.fields['__type__']?.valueType === 'stringValue' &&
  value.mapValue.fields['__type__'].stringValue === '__vector__';

export const vectorElements = (vector: Value): readonly Value[] => {
  const elements = vector.valueType === 'mapValue' ? vector.mapValue.fields['value'] : undefined;
  return elements ? elementsOf(elements) : [];
};

/** The rank of a value's type in the order of values. NaN has its own rank, below all other numbers. */
export function typeRank(value: Value): number {
  switch (value.valueType) {
    case 'nullValue':
      return 0;
    case 'booleanValue':
      return 1;
    case 'integerValue':
      return 3;
    case 'doubleValue':
      return Number.isNaN(value.doubleValue) ? 2 : 3;
    case 'timestampValue':
      return 4;
    case 'stringValue':
      return 5;
    case 'bytesValue':
      return 6;
    case 'referenceValue':
      return 7;
    case 'geoPointValue':
      return 8;
    case 'arrayValue':
      return 9;
    case 'mapValue':
      return isVector(value) ? 10 : 11;
    default:
      return invalid('Cannot convert firestore.v1.Value with type unset.');
  }
}

const sign = (n: number): number => (n < 0 ? -1 : n > 0 ? 1 : 0);

/** Compares by code point, which is also the order of the UTF-8 bytes. UTF-16 order differs only for surrogates. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xSurrogate = x >= 0xd800 && x <= 0xdfff;
    const ySurrogate = y >= 0xd800 && y <= 0xdfff;
    return xSurrogate === ySurrogate ? sign(x - y) : xSurrogate ? 1 : -1;
  }
  return sign(a.length - b.length);
}

const numericId = (id: string): bigint | undefined => {
  const digits = /^__id(-?\d+)__$/.exec(id)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
};

/** Numeric ids come first, ordered by number. */
function compareIds(a: string, b: string): number {
  if (a.startsWith('__id') || b.startsWith('__id')) {
    const x = numericId(a);
    const y = numericId(b);
    if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0;
    if (x !== undefined) return -1;
    if (y !== undefined) return 1;
  }
  return compareStrings(a, b);
}

export function comparePaths(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareIds(a[i] ?? '', b[i] ?? '');
    if (order !== 0) return order;
  }
  return sign(a.length - b.length);
}

/** Integers of up to 15 digits, by far the most common, are exact as doubles and need no bigint. */
const SAFE_DIGITS = 15;

/** Exact: JavaScript compares a bigint and a double by mathematical value. */
export function compareNumbers(a: NumberValue, b: NumberValue): number {
  const x = comparable(a);
  const y = comparable(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

const comparable = (n: NumberValue): number | bigint =>
  n.valueType === 'doubleValue'
    ? n.doubleValue
    : n.integerValue.length <= SAFE_DIGITS
      ? Number(n.integerValue)
      : BigInt(n.integerValue);

const compareTimestamps = (a: TimestampMessage, b: TimestampMessage): number =>
  sign(Number(a.seconds) - Number(b.seconds)) || sign(a.nanos - b.nanos);

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a[i];
    const y = b[i];
    if (x === undefined || y === undefined) break;
    const order = compareValues(x, y);
    if (order !== 0) return order;
  }
  return sign(a.length - b.length);
}

function compareFields(a: Fields, b: Fields): number {
  const x = Object.entries(a).sort(([k], [l]) => compareStrings(k, l));
  const y = Object.entries(b).sort(([k], [l]) => compareStrings(k, l));
  for (const [i, [key, value]] of x.entries()) {
    const other = y[i];
    if (other === undefined) return 1;
    const order = compareStrings(key, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return sign(x.length - y.length);
}

/** A total order over all values: negative, 0 or positive. 0 means equal (1 = 1.0, 0 = -0, NaN = NaN). */
export function compareValues(a: Value, b: Value): number {
  const byType = typeRank(a) - typeRank(b);
  if (byType !== 0) return sign(byType);
  if (isNaNValue(a)) return 0;
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (a.valueType === 'booleanValue' && b.valueType === 'booleanValue')
    return Number(a.booleanValue) - Number(b.booleanValue);
  if (a.valueType === 'timestampValue' && b.valueType === 'timestampValue')
    return compareTimestamps(a.timestampValue, b.timestampValue);
  if (a.valueType === 'stringValue' && b.valueType === 'stringValue')
    return compareStrings(a.stringValue, b.stringValue);
  if (a.valueType === 'bytesValue' && b.valueType === 'bytesValue')
    return Buffer.compare(a.bytesValue, b.bytesValue);
  if (a.valueType === 'referenceValue' && b.valueType === 'referenceValue')
    return comparePaths(a.referenceValue.split('/'), b.referenceValue.split('/'));
  if (a.valueType === 'geoPointValue' && b.valueType === 'geoPointValue')
    return (
      sign(a.geoPointValue.latitude - b.geoPointValue.latitude) ||
      sign(a.geoPointValue.longitude - b.geoPointValue.longitude)
    );
  if (a.valueType === 'arrayValue' && b.valueType === 'arrayValue')
    return compareLists(a.arrayValue.values, b.arrayValue.values);
  if (isVector(a) && isVector(b)) {
    const [x, y] = [vectorElements(a), vectorElements(b)];
    return sign(x.length - y.length) || compareLists(x, y);
  }
  if (a.valueType === 'mapValue' && b.valueType === 'mapValue')
    return compareFields(a.mapValue.fields, b.mapValue.fields);
  return 0;
}

export const equalValues = (a: Value, b: Value): boolean => compareValues(a, b) === 0;
