/** Sizes of values and documents, as Firestore bills and limits them. */
import type { Fields, Value } from './messages.ts';

const NAME_OVERHEAD_BYTES = 16;
const DOCUMENT_OVERHEAD_BYTES = 32;
/** An empty map or array counts as much as a null. */
const EMPTY_BYTES = 1;

const textBytes = (text: string): number => Buffer.byteLength(text) + 1;

const pathBytes = (path: readonly string[]): number =>
  path.reduce((sum, id) => sum + textBytes(id), NAME_OVERHEAD_BYTES);

export function valueBytes(value: Value): number {
  switch (value.valueType) {
    case 'nullValue':
    case 'booleanValue':
      return 1;
    case 'stringValue':
      return textBytes(value.stringValue);
    case 'bytesValue':
      return value.bytesValue.length;
    case 'referenceValue':
      return pathBytes(value.referenceValue.split('/').slice(5));
    case 'geoPointValue':
      return 16;
    case 'arrayValue':
      return Math.max(
        EMPTY_BYTES,
        value.arrayValue.values.reduce((sum, element) => sum + valueBytes(element), 0),
      );
    case 'mapValue':
      return Math.max(EMPTY_BYTES, fieldsBytes(value.mapValue.fields));
    default:
      return 8;
  }
}

function fieldsBytes(fields: Fields): number {
  let sum = 0;
  for (const [name, value] of Object.entries(fields)) sum += textBytes(name) + valueBytes(value);
  return sum;
}

/** `path` holds the ids of the document's name after `documents`. */
export const documentBytes = (path: readonly string[], fields: Fields): number =>
  pathBytes(path) + fieldsBytes(fields) + DOCUMENT_OVERHEAD_BYTES;
