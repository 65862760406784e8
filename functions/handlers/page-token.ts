/** Page tokens of job lists: where the last page ended, and of which list, so that a token of another list is refused. */
import { z } from 'zod';
import { invalidRequest } from '../core/problem.ts';

const tokenSchema = z.object({ createdAt: z.int(), jobId: z.string(), list: z.string() });

export interface Position {
  readonly createdAt: number;
  readonly jobId: string;
}

/** @param list the filters of the list, as one text */
export const encodePageToken = ({ createdAt, jobId }: Position, list: string): string =>
  Buffer.from(JSON.stringify({ createdAt, jobId, list })).toString('base64url');

/** @throws ProblemError 400 for anything that {@link encodePageToken} did not make for this list */
export function decodePageToken(token: string, list: string): Position {
  const parsed = tokenSchema.safeParse(jsonOf(token));
  if (!parsed.success) {
    throw invalidRequest([{ field: 'pageToken', detail: 'is not a token that this service has given out.' }]);
  }
  if (parsed.data.list !== list) {
    throw invalidRequest([{ field: 'pageToken', detail: 'belongs to a list with other filters.' }]);
  }
  return parsed.data;
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
