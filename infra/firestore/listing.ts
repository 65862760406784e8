/** Lists the documents of a collection and the collections of a document, in pages. */

import type { Database, StoredDocument } from './documents.ts';
import type { OrderMessage } from './messages.ts';
import { invalid } from './refusals.ts';
import { documentsRoot } from './resource-names.ts';
import type { Micros } from './timestamps.ts';
import { comparePaths, compareStrings } from './values.ts';

/** Google does not document its default page size. */
const DEFAULT_PAGE_SIZE = 300;

/** The items of one page and the token of the next page; '' on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** Returns one page of `items`, which must have a stable order. A token is the key of the last returned item. */
export function pageOf<T>(
  items: readonly T[],
  { pageSize, pageToken, keyOf }: { pageSize: number; pageToken: string; keyOf: (item: T) => string },
): Page<T> {
  if (pageSize < 0) invalid('Page size must be nonnegative.');
  const after = Buffer.from(pageToken, 'base64url').toString();
  const start = pageToken === '' ? 0 : items.findIndex((item) => keyOf(item) === after) + 1;
  if (pageToken !== '' && start === 0) invalid('invalid page token');
  const page = items.slice(start, start + (pageSize || DEFAULT_PAGE_SIZE));
  const last = page.at(-1);
  const isEnd = last === undefined || start + page.length >= items.length;
  return { items: page, nextPageToken: isEnd ? '' : Buffer.from(keyOf(last)).toString('base64url') };
}

/** A document name. `document` is undefined when only documents below this name exist. */
export interface ListedDocument {
  readonly name: string;
  readonly path: readonly string[];
  readonly document: StoredDocument | undefined;
}

/** Names in `parent`/`collectionId` without a document but with documents below them. */
export function missingDocuments(
  database: Database,
  parent: readonly string[],
  collectionId: string,
  at: Micros | undefined,
): readonly ListedDocument[] {
  const depth = parent.length + 2;
  const found = new Map<string, ListedDocument>();
  for (const { path } of database.scan({ parent, collectionId: undefined, allDescendants: true }, at)) {
    if (path.length <= depth || path[depth - 2] !== collectionId) continue;
    const above = path.slice(0, depth);
    const name = `${documentsRoot(database.name)}/${above.join('/')}`;
    if (!found.has(name) && !database.get(name, at))
      found.set(name, { name, path: above, document: undefined });
  }
  return [...found.values()];
}

export const byName = (a: ListedDocument, b: ListedDocument): number => comparePaths(a.path, b.path);

/** Ids of the collections directly below `parent` that contain documents at any depth. */
export function collectionIds(
  database: Database,
  parent: readonly string[],
  at: Micros | undefined,
): readonly string[] {
  const ids = new Set<string>();
  for (const { path } of database.scan({ parent, collectionId: undefined, allDescendants: true }, at)) {
    const id = path[parent.length];
    if (id !== undefined) ids.add(id);
  }
  return [...ids].sort(compareStrings);
}

/** Parses the `order_by` of a list request: `priority desc, __name__ desc`. Throws INVALID_ARGUMENT. */
export function parseOrderBy(orderBy: string): readonly OrderMessage[] {
  if (orderBy.trim() === '') return [];
  return orderBy.split(',').map((part) => {
    const [fieldPath = '', direction = 'asc', ...rest] = part.trim().split(/\s+/);
    if (rest.length > 0 || !/^(asc|desc)$/i.test(direction)) invalid(`Invalid order_by "${orderBy}".`);
    return { field: { fieldPath }, direction: /^desc$/i.test(direction) ? 'DESCENDING' : 'ASCENDING' };
  });
}
