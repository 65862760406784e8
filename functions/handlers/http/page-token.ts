/** Page tokens: the position where the last page ended, and the list, so that other lists refuse the token. */
import { z } from 'zod';
import { invalidRequest } from '../../core/problem.ts';

const positionSchema = z.object({ createdAt: z.int(), jobId: z.string() });
const stakeSchema = z.object({ atStakeUsd: z.number(), jobId: z.string() });

export type Position = Readonly<z.infer<typeof positionSchema>>;
/** A position in the list of money at stake, largest amount first. */
type StakePosition = Readonly<z.infer<typeof stakeSchema>>;

/** @param list the filters of the list, as one text */
export const encodePageToken = ({ createdAt, jobId }: Position, list: string): string =>
  encode({ createdAt, jobId }, list);

/** @throws ProblemError 400 for anything that {@link encodePageToken} did not make for this list */
export const decodePageToken = (token: string, list: string): Position => decode(positionSchema, token, list);

const STAKES = 'at-stake';

export const encodeStakeToken = ({ atStakeUsd, jobId }: StakePosition): string =>
  encode({ atStakeUsd, jobId }, STAKES);

/** @throws ProblemError 400 for anything that {@link encodeStakeToken} did not make */
export const decodeStakeToken = (token: string): StakePosition => decode(stakeSchema, token, STAKES);

const encode = (position: Position | StakePosition, list: string): string =>
  Buffer.from(JSON.stringify({ ...position, list })).toString('base64url');

function decode<P>(schema: z.ZodType<P>, token: string, list: string): P {
  const json = jsonOf(token);
  const made = z.object({ list: z.string() }).safeParse(json);
  if (made.success && made.data.list !== list) {
    throw invalidRequest([
      { field: 'pageToken', detail: 'belongs to another list, or to other filters of this list.' },
    ]);
  }
  const position = schema.safeParse(json);
  if (!made.success || !position.success) {
    throw invalidRequest([{ field: 'pageToken', detail: 'is not a page token of this service.' }]);
  }
  return position.data;
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
