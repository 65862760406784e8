/** Writes: parsed and validated, then computed against the current documents. Nothing is stored here. */

import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import { MAX_DOCUMENT_BYTES, storableFields } from './document-checks.ts';
import { type Changes, type Database, type StoredDocument, storedDocument } from './documents.ts';
import { type FieldPath, getField, isNamePath, parseFieldPath, withField } from './field-path.ts';
import type { Fields, Precondition, Value, WriteMessage, WriteResult } from './messages.ts';
import { invalid } from './refusals.ts';
import { checkSameDatabase, checkStorable, parseDocumentName } from './resource-names.ts';
import { fromTimestamp, type Micros, toTimestamp } from './timestamps.ts';
import { applyTransforms, type ParsedTransform, parseTransforms } from './transforms.ts';

type Condition = { readonly exists: boolean } | { readonly updateTime: Micros } | undefined;

export interface ParsedWrite {
  readonly name: string;
  readonly condition: Condition;
  /** Undefined: delete the document. */
  readonly change:
    | {
        readonly fields: Fields;
        /** Only these paths of `fields` are written. Undefined: replace the whole document. */
        readonly mask: readonly FieldPath[] | undefined;
        readonly transforms: readonly ParsedTransform[];
      }
    | undefined;
}

/** Throws INVALID_ARGUMENT when the write is invalid regardless of the stored documents. */
export function parseWrite(write: WriteMessage, database: string): ParsedWrite {
  const condition = parseCondition(write.currentDocument);
  const named = (name: string): string => {
    const parsed = parseDocumentName(name);
    checkSameDatabase(database, parsed);
    checkStorable(name, parsed);
    return name;
  };
  switch (write.operation) {
    case 'delete':
      if (write.updateMask) invalid('a delete must not specify a document mask.');
      if (write.updateTransforms.length > 0) invalid('a delete must not specify a update transform.');
      return { name: named(write.delete), condition, change: undefined };
    case 'update':
      return {
        name: named(write.update.name),
        condition,
        change: {
          fields: storableFields(write.update.fields),
          mask: write.updateMask?.fieldPaths.map(parseFieldPath).filter((path) => !isNamePath(path)),
          transforms: parseTransforms(write.updateTransforms),
        },
      };
    case 'transform':
      if (write.updateMask) invalid('a transform must not specify a document mask.');
      if (write.updateTransforms.length > 0) invalid('a transform must not specify a update transform.');
      if (write.transform.fieldTransforms.length === 0)
        invalid('The list of FieldTransform must not be empty.');
      return {
        name: named(write.transform.document),
        condition,
        change: { fields: {}, mask: [], transforms: parseTransforms(write.transform.fieldTransforms) },
      };
    default:
      return invalid('empty write operation');
  }
}

function parseCondition(precondition: Precondition | null): Condition {
  if (precondition?.conditionType === 'exists') return { exists: precondition.exists };
  if (precondition?.conditionType === 'updateTime')
    return { updateTime: fromTimestamp(precondition.updateTime) };
  return undefined;
}

/**
 * Computes the documents after the writes, in order, with commit time `time`. Throws NOT_FOUND, ALREADY_EXISTS or
 * FAILED_PRECONDITION when a condition fails, and INVALID_ARGUMENT when a document becomes too large.
 */
export function computeWrites(
  database: Database,
  writes: readonly ParsedWrite[],
  time: Micros,
): { readonly changes: Changes; readonly results: readonly WriteResult[] } {
  const pending = new Map<string, StoredDocument | undefined>();
  const results: WriteResult[] = [];
  for (const { name, condition, change } of writes) {
    const stored = database.get(name);
    const current = pending.has(name) ? pending.get(name) : stored;
    checkCondition(name, condition, current);
    let transformResults: readonly Value[] = [];
    let next: StoredDocument | undefined;
    if (change) {
      const base = change.mask ? merge(current?.fields ?? {}, change.fields, change.mask) : change.fields;
      const transformed = applyTransforms(base, change.transforms, time);
      transformResults = transformed.results;
      next = storedDocument(name, transformed.fields, current?.createTime ?? time, time);
      checkSize(next);
    }
    // A write that changes nothing creates no version: the update time stays the same.
    const unchanged = next && current && isDeepStrictEqual(next.fields, current.fields);
    const kept = unchanged ? current : next;
    if (kept === stored) pending.delete(name);
    else pending.set(name, kept);
    // Deletions report no update time.
    results.push({ updateTime: kept ? toTimestamp(kept.updateTime) : null, transformResults });
  }
  return { changes: pending, results };
}

function checkCondition(name: string, condition: Condition, current: StoredDocument | undefined): void {
  if (condition === undefined) return;
  if ('exists' in condition) {
    if (condition.exists && !current) refuse(status.NOT_FOUND, `No document to update: ${name}`);
    if (!condition.exists && current) refuse(status.ALREADY_EXISTS, `Document already exists: ${name}`);
    return;
  }
  const version = current?.updateTime ?? 0;
  if (version !== condition.updateTime)
    refuse(
      status.FAILED_PRECONDITION,
      `the stored version (${version}) does not match the required base version (${condition.updateTime})`,
    );
}

/** Copies every path of the mask from `fields` to `current`. A path that is missing in `fields` is removed. */
function merge(current: Fields, fields: Fields, mask: readonly FieldPath[]): Fields {
  let merged = current;
  for (const path of mask) merged = withField(merged, path, getField(fields, path));
  return merged;
}

function checkSize({ name, sizeBytes }: StoredDocument): void {
  if (sizeBytes > MAX_DOCUMENT_BYTES)
    invalid(
      `Document '${name}' cannot be written because its size (${sizeBytes.toLocaleString('en-US')} bytes) ` +
        `exceeds the maximum allowed size of ${MAX_DOCUMENT_BYTES.toLocaleString('en-US')} bytes.`,
    );
}
