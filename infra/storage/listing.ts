/** `objects.list`: pages of objects and common prefixes, ordered by the UTF-8 bytes of their names. */
import { invalid } from './errors.ts';
import { compileGlob } from './match-glob.ts';
import { compareUtf8 } from './names.ts';
import type { StoredObject } from './resources.ts';
import type { BucketState } from './state.ts';

export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly includeTrailingDelimiter: boolean;
  /** Inclusive. */
  readonly startOffset: string;
  /** Exclusive. */
  readonly endOffset: string | undefined;
  readonly matchGlob: RegExp | undefined;
  /** Include noncurrent generations. */
  readonly versions: boolean;
  /** Limit on items plus prefixes per page. */
  readonly maxResults: number;
  readonly pageToken: string | undefined;
}

export interface ListPage {
  readonly items: readonly StoredObject[];
  readonly prefixes: readonly string[];
  readonly nextPageToken: string | undefined;
}

const MAX_PAGE = 1000;

export function parseListQuery(query: URLSearchParams): ListQuery {
  const text = (name: string): string | undefined => query.get(name) || undefined;
  const maxResults = Number(query.get('maxResults') ?? MAX_PAGE);
  if (!Number.isInteger(maxResults) || maxResults < 0)
    throw invalid(`Invalid unsigned integer value: '${query.get('maxResults')}'.`);
  const glob = text('matchGlob');
  if (glob !== undefined && (text('delimiter') ?? '/') !== '/')
    throw invalid("matchGlob can only be used with the delimiter '/'.");
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: text('delimiter'),
    includeTrailingDelimiter: query.get('includeTrailingDelimiter') === 'true',
    startOffset: query.get('startOffset') ?? '',
    endOffset: text('endOffset'),
    matchGlob: glob === undefined ? undefined : compileGlob(glob),
    versions: query.get('versions') === 'true',
    maxResults: maxResults === 0 ? MAX_PAGE : Math.min(maxResults, MAX_PAGE),
    pageToken: text('pageToken'),
  };
}

export function listObjects(bucket: BucketState, query: ListQuery): ListPage {
  const items: StoredObject[] = [];
  const prefixes: string[] = [];
  let last: Cursor | undefined;
  for (const { cursor, object, prefix } of entries(bucket, query, decodeCursor(query.pageToken))) {
    if (items.length + prefixes.length >= query.maxResults)
      return { items, prefixes, nextPageToken: last && encodeCursor(last) };
    if (object !== undefined) items.push(object);
    if (prefix !== undefined) prefixes.push(prefix);
    last = cursor;
  }
  return { items, prefixes, nextPageToken: undefined };
}

/** The last entry of a page. A prefix covers all names that start with it. */
interface Cursor {
  readonly name: string;
  readonly generation?: number;
  readonly isPrefix?: boolean;
}

interface Entry {
  readonly cursor: Cursor;
  readonly object?: StoredObject;
  readonly prefix?: string;
}

function* entries(bucket: BucketState, query: ListQuery, after: Cursor | undefined): Iterable<Entry> {
  const names = bucket.sortedNames();
  const from = [query.prefix, query.startOffset, after?.name ?? ''].reduce((a, b) =>
    compareUtf8(a, b) >= 0 ? a : b,
  );
  let lastPrefix = after?.isPrefix === true ? after.name : undefined;
  for (let i = firstAtOrAfter(names, from); i < names.length; i++) {
    const name = names[i] ?? '';
    if (!name.startsWith(query.prefix)) return;
    if (query.endOffset !== undefined && compareUtf8(name, query.endOffset) >= 0) return;
    const objects = objectsOf(bucket, name, query, after);
    if (objects.length === 0) continue;
    const prefix = commonPrefix(name, query);
    if (prefix !== undefined && prefix !== lastPrefix && matches(prefix, name, query)) {
      lastPrefix = prefix;
      yield { cursor: { name: prefix, isPrefix: true }, prefix };
    }
    if (prefix !== undefined && !(query.includeTrailingDelimiter && prefix === name)) continue;
    if (query.matchGlob !== undefined && !query.matchGlob.test(name)) continue;
    for (const object of objects)
      yield {
        cursor: { name, generation: object.generation, ...(lastPrefix === name ? { isPrefix: true } : {}) },
        object,
      };
  }
}

/** A prefix matches a glob if it matches itself or one of its objects does. */
const matches = (prefix: string, name: string, { matchGlob }: ListQuery): boolean =>
  matchGlob === undefined || matchGlob.test(prefix) || matchGlob.test(name);

function objectsOf(
  bucket: BucketState,
  name: string,
  { versions }: ListQuery,
  after: Cursor | undefined,
): readonly StoredObject[] {
  const live = bucket.live(name);
  const all = versions ? (bucket.generations.get(name) ?? []) : live === undefined ? [] : [live];
  if (after?.name !== name) return all;
  if (after.generation === undefined) return all;
  return all.filter((object) => object.generation > (after.generation ?? 0));
}

function commonPrefix(name: string, { prefix, delimiter }: ListQuery): string | undefined {
  if (delimiter === undefined) return undefined;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : name.slice(0, at + delimiter.length);
}

function firstAtOrAfter(names: readonly string[], from: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(names[middle] ?? '', from) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const encodeCursor = ({ name, generation, isPrefix }: Cursor): string =>
  Buffer.from(JSON.stringify([name, generation ?? 0, isPrefix === true])).toString('base64url');

function decodeCursor(token: string | undefined): Cursor | undefined {
  if (token === undefined) return undefined;
  try {
    const cursor: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(cursor)) {
      const [name, generation, isPrefix]: unknown[] = cursor;
      if (typeof name === 'string' && typeof generation === 'number')
        return { name, ...(generation > 0 ? { generation } : {}), isPrefix: isPrefix === true };
    }
  } catch {
    // Rejected below, like every other invalid token.
  }
  throw invalid(`Invalid page token: '${token}'.`);
}
