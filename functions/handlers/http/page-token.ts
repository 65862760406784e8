/** Page tokens: the position where the last page ended, and the list, so that other lists refuse the token. */
import { z } from 'zod';
import { invalidRequest } from '../../core/problem.ts';

const positionSchema = z.object({ createdAt: z.int(), jobId: z.string() });
const stakeSchema = z.object({ atStakeUsd: z.number(), jobId: z.string() });

const fileSchema = z.object({ jobId: z.string(), createdAt: z.int(), index: z.int() });
const modelSchema = z.object({ model: z.string() });

export type Position = Readonly<z.infer<typeof positionSchema>>;
/** A position in the list of money at stake, largest amount first. */
type StakePosition = Readonly<z.infer<typeof stakeSchema>>;
/** A position in a list of videos: one video of a job. */
type FilePosition = Readonly<z.infer<typeof fileSchema>>;

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

const FILES = 'files';

export const encodeFileToken = ({ createdAt, jobId, index }: FilePosition): string =>
  encode({ createdAt, jobId, index }, FILES);

/** @throws ProblemError 400 for anything that {@link encodeFileToken} did not make */
export const decodeFileToken = (token: string): FilePosition => decode(fileSchema, token, FILES);

const MODELS = 'models';

const NOT_MADE_HERE = 'is not a page token of this service; send the nextPageToken of the page before.';

/** @param model the id of the last model of the page */
export const encodeModelToken = (model: string): string => encode({ model }, MODELS);

/** @throws ProblemError 400 for anything that {@link encodeModelToken} did not make */
export const decodeModelToken = (token: string): string => decode(modelSchema, token, MODELS).model;

const encode = (position: object, list: string): string =>
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
    throw invalidRequest([{ field: 'pageToken', detail: NOT_MADE_HERE }]);
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
