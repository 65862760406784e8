/** The query parameters of a list on Google's surfaces (AIP-158). */
import { invalidRequest } from '../../core/problem.ts';

export interface ListQuery {
  readonly pageSize: number;
  readonly pageToken: string | undefined;
}

interface PageSizes {
  /** Without `pageSize`, or with 0. */
  readonly fallback: number;
  /** Google's own: larger values mean this one. */
  readonly max: number;
}

/** @throws ProblemError 400 for a page size that is not a number, and for filters, which would be ignored */
export function listQueryOf(request: Request, { fallback, max }: PageSizes): ListQuery {
  const query = new URL(request.url).searchParams;
  // In URLs too, protobuf JSON accepts each field in camelCase and in snake_case.
  const value = (camelCase: string, snakeCase: string): string =>
    query.get(camelCase) ?? query.get(snakeCase) ?? '';
  const size = value('pageSize', 'page_size');
  if (!/^\d{0,9}$/.test(size)) {
    throw invalidRequest([
      { field: 'pageSize', detail: `is '${size}'; it must be a whole number, such as ${fallback}.` },
    ]);
  }
  for (const field of ['filter', 'orderBy'] as const) {
    const given = query.get(field);
    if (!given) continue;
    const detail = `is '${given}', which this list does not support; leave it out and filter the list yourself.`;
    throw invalidRequest([{ field, detail }]);
  }
  const pageToken = value('pageToken', 'page_token');
  return {
    pageSize: Math.min(Number(size) || fallback, max),
    pageToken: pageToken === '' ? undefined : pageToken,
  };
}
