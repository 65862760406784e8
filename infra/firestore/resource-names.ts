/**
 * Names of documents, collections and databases: `projects/{p}/databases/{d}/documents/{collection}/{id}/…`.
 * The error messages are those of the official emulator.
 */
import { invalid } from './refusals.ts';

const MAX_ID_BYTES = 1500;
const MAX_NAME_BYTES = 6 * 1024;
/** Limit on pairs of collection id and document id. */
const MAX_PATH_PAIRS = 100;

export interface ResourceName {
  /** `projects/{p}/databases/{d}`. */
  readonly database: string;
  /** Alternating collection ids and document ids. Empty for the database itself. */
  readonly path: readonly string[];
}

/** Ids between double underscores are reserved, except numeric ids (`__id7__`). */
const isReservedId = (id: string): boolean => /^__.+__$/s.test(id) && !/^__id-?\d+__$/.test(id);

/** Throws INVALID_ARGUMENT unless `id` can name a collection. */
export function checkCollectionId(id: string): void {
  if (id.includes('/')) invalid(`Collection id "${id}" is invalid because it contains "/".`);
  if (id === '.' || id === '..' || isReservedId(id))
    invalid(`Collection id "${id}" is invalid because it is reserved.`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES) invalid(`The query kind is longer than ${MAX_ID_BYTES} bytes.`);
}

/** Parses the name of a document. Error messages start with `label`. Throws INVALID_ARGUMENT. */
export function parseDocumentName(name: string, label = 'Document name'): ResourceName {
  const parsed = parse(name, label);
  if (parsed.path.length === 0)
    invalid(
      name.endsWith('/documents')
        ? `${label} "${name}" is invalid: Omit "/documents" when referencing a database (except as the parent of a document).`
        : `${label} "${name}" lacks "/" at index ${name.length}.`,
    );
  return parsed;
}

/** Parses the parent of a collection: `…/documents` or a document name. Throws INVALID_ARGUMENT. */
export function parseParentName(name: string): ResourceName {
  const label = 'Document parent name';
  const parsed = parse(name, label);
  if (parsed.path.length === 0 && !name.endsWith('/documents'))
    invalid(`${label} "${name}" lacks "/" at index ${name.length}.`);
  return parsed;
}

/** Parses `projects/{p}/databases/{d}`. Throws INVALID_ARGUMENT. */
export function parseDatabaseName(name: string): string {
  const { database } = parse(name, 'Database name');
  if (database !== name) invalid(`Database name "${name}" must end after the database id.`);
  return database;
}

/** Throws INVALID_ARGUMENT when a request to one database names a resource in another. */
export function checkSameDatabase(requested: string, named: ResourceName): void {
  if (named.database !== requested)
    invalid(
      `The request was for database '${requested}' but was attempting to access database '${named.database}'`,
    );
}

/** Throws INVALID_ARGUMENT for a name that can be read but not written, because it exceeds a limit. */
export function checkStorable(name: string, { path }: ResourceName): void {
  if (path.length > 2 * MAX_PATH_PAIRS)
    invalid(`Key path is too long. Cannot exceed ${MAX_PATH_PAIRS} elements.`);
  for (const id of path)
    if (Buffer.byteLength(id) > MAX_ID_BYTES)
      invalid(`The key path element name is longer than ${MAX_ID_BYTES} bytes.`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES)
    invalid(`Document name is longer than ${MAX_NAME_BYTES} bytes.`);
}

export const documentsRoot = (database: string): string => `${database}/documents`;

const HEAD = ['projects', 'a project id', 'databases', 'a database id', 'documents'] as const;

function parse(name: string, label: string): ResourceName {
  const segments = name.split('/');
  let index = 0;
  for (const [i, expected] of HEAD.entries()) {
    const segment = segments[i];
    if (segment === undefined) {
      if (i === 4) return { database: segments.join('/'), path: [] };
      return invalid(`${label} "${name}" lacks "/" at index ${name.length}.`);
    }
    if (i % 2 === 1 ? segment === '' : segment !== expected)
      invalid(`${label} "${name}" lacks ${i % 2 === 1 ? expected : `"${expected}"`} at index ${index}.`);
    index += segment.length + 1;
  }
  const database = segments.slice(0, 4).join('/');
  const path = segments.slice(5);
  if (path.length === 1 && path[0] === '') invalid(`${label} "${name}" is invalid: Omit trailing "/".`);
  for (const [i, id] of path.entries()) {
    const kind = i % 2 === 0 ? 'collection' : 'resource';
    if (id === '') {
      if (i === path.length - 1 && i % 2 === 1) invalid(`${label} "${name}" has invalid trailing "/".`);
      invalid(`${label} "${name}" lacks a ${kind} id at index ${index}.`);
    }
    if (id === '.' || id === '..')
      invalid(`${label} "${name}" contains a ${kind} id "${id}" at index ${index}.`);
    if (isReservedId(id))
      invalid(`${i % 2 === 0 ? 'Collection' : 'Resource'} id "${id}" is invalid because it is reserved.`);
    index += id.length + 1;
  }
  if (path.length % 2 === 1) invalid(`${label} "${name}" lacks "/" at index ${name.length}.`);
  return { database, path };
}
