/** Pages of a list, ordered by name. They stay correct while items are added and deleted. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface PageRequest {
  readonly pageSize?: number;
  readonly pageToken?: string;
}

/** A page ends early at this size, as in the service. Otherwise one response could hold 1,000 bodies of 1 MiB. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/**
 * @param items by name
 * @param maxPageSize also the default
 * @param sizeOf approximate bytes of the item in the response
 * @throws GrpcError INVALID_ARGUMENT for a negative page size or an invalid page token
 */
export function pageOf<T>(
  items: ReadonlyMap<string, T>,
  { pageSize = 0, pageToken = '' }: PageRequest,
  maxPageSize: number,
  sizeOf: (item: T) => number = () => 0,
): Page<T> {
  if (pageSize < 0) refuse(status.INVALID_ARGUMENT, 'The page size must not be negative.');
  const size = Math.min(pageSize === 0 ? maxPageSize : pageSize, maxPageSize);
  const after = pageToken === '' ? '' : nameOfToken(pageToken);
  const names = [...items.keys()].filter((name) => name > after).sort();
  const page: T[] = [];
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    const item = items.get(name);
    if (item === undefined) continue;
    bytes += sizeOf(item);
    if (page.length === size || (page.length > 0 && bytes > MAX_PAGE_BYTES)) {
      return { items: page, nextPageToken: tokenOf(names[index - 1] ?? '') };
    }
    page.push(item);
  }
  return { items: page, nextPageToken: '' };
}

const PREFIX = 'after:';

const tokenOf = (name: string): string => Buffer.from(PREFIX + name).toString('base64url');

function nameOfToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith(PREFIX)) refuse(status.INVALID_ARGUMENT, 'The page token is invalid.');
  return text.slice(PREFIX.length);
}
