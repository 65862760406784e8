/** Field transforms: changes that depend on the stored value or on the server's time. */

import { storableValue } from './document-checks.ts';
import {
  type FieldPath,
  getField,
  isNamePath,
  isPrefix,
  parseFieldPath,
  pathKey,
  withField,
} from './field-path.ts';
import type { Fields, FieldTransform, NumberValue, Value, WireValue } from './messages.ts';
import { invalid } from './refusals.ts';
import { type Micros, toTimestamp } from './timestamps.ts';
import {
  compareNumbers,
  doubleValue,
  elementsOf,
  equalValues,
  integerValue,
  isNaNValue,
  isNumber,
  NULL_VALUE,
} from './values.ts';

/** Computes the new value to store and the transform result to return. */
type Transform = (
  current: Value | undefined,
  now: Micros,
) => { readonly stored: Value; readonly result: Value };

export interface ParsedTransform {
  readonly path: FieldPath;
  readonly transform: Transform;
}

/** Throws INVALID_ARGUMENT for malformed or conflicting transforms. */
export function parseTransforms(transforms: readonly FieldTransform[]): readonly ParsedTransform[] {
  const parsed = transforms.map((transform) => {
    const path = parseFieldPath(transform.fieldPath);
    if (isNamePath(path)) invalid('The name of a document cannot be transformed.');
    return { path, transform: toTransform(transform) };
  });
  const paths = parsed.map(({ path }) => path).sort((a, b) => a.length - b.length);
  for (const [i, outer] of paths.entries())
    if (paths.slice(i + 1).some((inner) => inner.length > outer.length && isPrefix(outer, inner)))
      invalid(`Cannot transform property ${pathKey(outer)} and its nested property at the same time.`);
  return parsed;
}

/** Applies the transforms in order. The results are in the same order. */
export function applyTransforms(
  fields: Fields,
  transforms: readonly ParsedTransform[],
  now: Micros,
): { readonly fields: Fields; readonly results: readonly Value[] } {
  let transformed = fields;
  const results: Value[] = [];
  for (const { path, transform } of transforms) {
    const { stored, result } = transform(getField(transformed, path), now);
    transformed = withField(transformed, path, stored);
    results.push(result);
  }
  return { fields: transformed, results };
}

function toTransform(transform: FieldTransform): Transform {
  switch (transform.transformType) {
    case 'setToServerValue':
      if (transform.setToServerValue !== 'REQUEST_TIME')
        invalid('ServerValue type must be specified for set_to_server_value transformation.');
      return (_, now) => both({ valueType: 'timestampValue', timestampValue: toTimestamp(wholeMillis(now)) });
    case 'increment': {
      const operand = toNumber(transform.increment);
      return (current) => both(current && isNumber(current) ? add(current, operand) : operand);
    }
    case 'maximum': {
      const operand = toNumber(transform.maximum);
      return (current) => both(current && isNumber(current) ? extreme(current, operand, 1) : operand);
    }
    case 'minimum': {
      const operand = toNumber(transform.minimum);
      return (current) => both(current && isNumber(current) ? extreme(current, operand, -1) : operand);
    }
    case 'appendMissingElements': {
      const elements = toElements(transform.appendMissingElements.values);
      return (current) => {
        const values = [...(current ? elementsOf(current) : [])];
        for (const element of elements)
          if (!values.some((value) => equalValues(value, element))) values.push(element);
        return { stored: { valueType: 'arrayValue', arrayValue: { values } }, result: NULL_VALUE };
      };
    }
    case 'removeAllFromArray': {
      const elements = toElements(transform.removeAllFromArray.values);
      return (current) => {
        const values = (current ? elementsOf(current) : []).filter(
          (value) => !elements.some((element) => equalValues(value, element)),
        );
        return { stored: { valueType: 'arrayValue', arrayValue: { values } }, result: NULL_VALUE };
      };
    }
    default:
      return invalid('Operation type must be specified for field transformation.');
  }
}

const both = (value: Value): ReturnType<Transform> => ({ stored: value, result: value });

/** Server timestamps have millisecond precision according to the documentation, unlike update times. */
const wholeMillis = (time: Micros): Micros => time - (time % 1000);

const toNumber = (operand: WireValue): NumberValue =>
  operand.valueType === 'integerValue' || operand.valueType === 'doubleValue'
    ? operand
    : invalid('Input must be int64 or double.');

const toElements = (values: readonly Value[]): readonly Value[] =>
  values.map((value) => storableValue(value, ''));

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

const asDouble = (n: NumberValue): number =>
  n.valueType === 'doubleValue' ? n.doubleValue : Number(n.integerValue);

/** Integers saturate instead of overflowing. If either operand is a double, the sum is a double. */
function add(a: NumberValue, b: NumberValue): NumberValue {
  if (a.valueType === 'doubleValue' || b.valueType === 'doubleValue')
    return doubleValue(asDouble(a) + asDouble(b));
  const sum = BigInt(a.integerValue) + BigInt(b.integerValue);
  return integerValue(sum > MAX_INT64 ? MAX_INT64 : sum < MIN_INT64 ? MIN_INT64 : sum);
}

/** The larger (`direction` 1) or smaller (-1) number. The stored one when they are equal. NaN when either is NaN. */
function extreme(current: NumberValue, operand: NumberValue, direction: 1 | -1): NumberValue {
  if (isNaNValue(current)) return current;
  if (isNaNValue(operand)) return operand;
  return compareNumbers(operand, current) * direction > 0 ? operand : current;
}
