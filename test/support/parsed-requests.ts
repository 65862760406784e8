/** Parses requests with the real catalogue, and returns the problems of refused ones. */
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import type { VideoRequest } from '../../functions/core/job/video-request.ts';
import { type Problem, ProblemError } from '../../functions/core/problem.ts';
import {
  completeRequest,
  type FoundInputs,
  NO_INPUTS,
  parseRequest,
} from '../../functions/core/request/request.ts';
import type { RequestRules } from '../../functions/core/request/request-model.ts';

export const RULES: RequestRules = {
  catalogue: CATALOGUE,
  today: '2026-11-21',
  allowRetired: false,
  aliasRetired: false,
  restrictedRegion: false,
};
export const NONE: FoundInputs = NO_INPUTS;
export const IMAGE = { gcsUri: 'gs://in/a.png', mimeType: 'image/png' } as const;
export const VIDEO = { gcsUri: 'gs://out/a.mp4' } as const;
export const video = (durationSeconds: number): FoundInputs => ({
  ...NONE,
  video: { gcsUri: 'gs://out/a.mp4', mimeType: 'video/mp4', durationSeconds },
});

export const complete = (body: unknown, found = NONE, rules = RULES): VideoRequest =>
  completeRequest(parseRequest(body, rules), found);

export function problemOf(body: unknown, found = NONE, rules = RULES): Problem {
  try {
    complete(body, found, rules);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('the request was accepted');
}
export const fieldsOf = (...args: Parameters<typeof problemOf>): string[] =>
  (problemOf(...args).errors ?? []).map(({ field }) => field);
