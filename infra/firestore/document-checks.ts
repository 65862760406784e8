/** Validates stored values: field names, nesting, ranges and sizes. The messages are those of the official emulator. */

import { isReservedFieldName } from './field-path.ts';
import type { Fields, MapValue, TimestampMessage, Value } from './messages.ts';
import { invalid } from './refusals.ts';
import { parseDocumentName } from './resource-names.ts';

export const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89;
/** Limit for a single field name, and for the dotted path of any field. */
const MAX_FIELD_PATH_BYTES = 1500;
/** Nesting depth of maps and arrays. */
const MAX_DEPTH = 20;
const MAX_VECTOR_DIMENSIONS = 2048;
/** 0001-01-01 to 9999-12-31. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;

/** Returns the fields as they are stored: timestamps are truncated to microseconds. Throws INVALID_ARGUMENT. */
export function storableFields(fields: Fields): Fields {
  const checked: Record<string, Value> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === '') invalid('The property.name is the empty string.');
    if (isReservedFieldName(name)) invalid(`field name ${name} is reserved`);
    if (Buffer.byteLength(name) > MAX_FIELD_PATH_BYTES)
      invalid(`The property.name is longer than ${MAX_FIELD_PATH_BYTES} bytes.`);
    checked[name] = storable(value, { property: name, depth: 0, pathBytes: Buffer.byteLength(name) });
  }
  return checked;
}

/** Returns a single value as it is stored. Error messages name the top-level field `property`. */
export const storableValue = (value: Value, property: string): Value =>
  storable(value, { property, depth: 0, pathBytes: 0 });

/** The position of a value in the document. */
interface ValuePosition {
  /** The top-level field, which error messages name. */
  readonly property: string;
  readonly depth: number;
  readonly pathBytes: number;
}

function storable(value: Value, position: ValuePosition): Value {
  const { property, depth, pathBytes } = position;
  switch (value.valueType) {
    case 'nullValue':
    case 'booleanValue':
    case 'integerValue':
    case 'doubleValue':
      return value;
    case 'stringValue':
      checkLength(Buffer.byteLength(value.stringValue), property);
      return value;
    case 'bytesValue':
      checkLength(value.bytesValue.length, property);
      return value;
    case 'timestampValue':
      return { valueType: 'timestampValue', timestampValue: storableTimestamp(value.timestampValue) };
    case 'referenceValue':
      checkReference(value.referenceValue);
      return value;
    case 'geoPointValue':
      checkDegrees('latitude', value.geoPointValue.latitude, 90);
      checkDegrees('longitude', value.geoPointValue.longitude, 180);
      return value;
    case 'arrayValue': {
      checkDepth(depth, property);
      const values = value.arrayValue.values.map((element) => {
        if (element.valueType === 'arrayValue') invalid('Cannot convert an array value in an array value.');
        if (element.valueType === 'mapValue' && Object.hasOwn(element.mapValue.fields, '__type__'))
          invalid('Cannot convert a vector value in an array value.');
        return storable(element, { property, depth: depth + 1, pathBytes });
      });
      return { valueType: 'arrayValue', arrayValue: { values } };
    }
    case 'mapValue': {
      checkDepth(depth, property);
      if (Object.hasOwn(value.mapValue.fields, '__type__')) return checkedVector(value, property);
      const fields: Record<string, Value> = {};
      for (const [name, inner] of Object.entries(value.mapValue.fields)) {
        if (isReservedFieldName(name)) invalid(`field name '${name}' is reserved.`);
        const innerBytes = pathBytes + 1 + Buffer.byteLength(name);
        if (name === '' || innerBytes > MAX_FIELD_PATH_BYTES) invalidNested(property);
        fields[name] = storable(inner, { property, depth: depth + 1, pathBytes: innerBytes });
      }
      return { valueType: 'mapValue', mapValue: { fields } };
    }
    default:
      return refuseUnknown(value);
  }
}

/** For values that the wire format permits but `Value` does not include: unset, or kinds that only pipelines use. */
function refuseUnknown(value: { readonly valueType?: string }): never {
  return value.valueType === undefined
    ? invalid('Cannot convert firestore.v1.Value with type unset.')
    : invalid(`Value type is not supported: ${value.valueType.replace(/[A-Z]/g, '_$&').toUpperCase()}`);
}

const invalidNested = (property: string): never =>
  invalid(`Property ${property} contains an invalid nested entity.`);

const checkDepth = (depth: number, property: string): void => {
  if (depth >= MAX_DEPTH) invalidNested(property);
};

const checkLength = (sizeBytes: number, property: string): void => {
  if (sizeBytes > MAX_VALUE_BYTES)
    invalid(`The value of property "${property}" is longer than ${MAX_VALUE_BYTES} bytes.`);
};

function checkReference(name: string): void {
  if (/^projects\/[^/]+\/databases\/[^/]+$/.test(name))
    invalid('Non-document resource reference value not supported.');
  parseDocumentName(name, 'Resource name');
}

function checkDegrees(axis: string, degrees: number, limit: number): void {
  if (Math.abs(degrees) <= limit) return;
  const shown = Number.isInteger(degrees) ? degrees.toFixed(1) : String(degrees);
  invalid(`Geo point ${axis} '${shown}' outside permitted range -${limit}.0 to ${limit}.0.`);
}

function storableTimestamp({ seconds, nanos }: TimestampMessage): TimestampMessage {
  if (Number(seconds) < MIN_SECONDS || Number(seconds) > MAX_SECONDS)
    invalid('Timestamp seconds exceeds limit for field.');
  if (nanos < 0 || nanos > 999_999_999) invalid('Timestamp nanos exceeds limit for field.');
  return { seconds, nanos: nanos - (nanos % 1000) };
}

function checkedVector(value: MapValue, property: string): MapValue {
  const { __type__: type, value: elements, ...rest } = value.mapValue.fields;
  if (type?.valueType !== 'stringValue' || type.stringValue !== '__vector__') return invalidNested(property);
  if (elements?.valueType !== 'arrayValue') return invalid("Vector map is missing key 'value'.");
  if (Object.keys(rest).length > 0) invalid('Vector Value map has extraneous entries.');
  const { values } = elements.arrayValue;
  if (values.length === 0) invalid('Cannot have a zero length vector.');
  if (values.length > MAX_VECTOR_DIMENSIONS)
    invalid(`Vectors must be at most ${MAX_VECTOR_DIMENSIONS} dimensions.`);
  if (values.some((element) => element.valueType !== 'doubleValue'))
    invalid("Vector must only contain values of type 'double'");
  return value;
}
