/** Generation and metageneration preconditions: parsed from a request, held against what is stored. */
import type { IncomingHttpHeaders } from 'node:http';
import { conditionNotMet, invalid, notModified } from './errors.ts';
import { headerOf } from './messages.ts';
import { etagOf, type StoredObject } from './resources.ts';

/** All that are present must hold. Generation 0 stands for "there is no live object". */
export interface Preconditions {
  readonly generationMatch?: number | undefined;
  readonly generationNotMatch?: number | undefined;
  readonly metagenerationMatch?: number | undefined;
  readonly metagenerationNotMatch?: number | undefined;
}

/** `ifGenerationMatch=…` and its three siblings; with `prefix` `ifSource`, those of a copy's source. */
export function preconditionsFromQuery(
  query: URLSearchParams,
  prefix: 'if' | 'ifSource' = 'if',
): Preconditions {
  const value = (name: string): number | undefined =>
    int64(`${prefix}${name}`, query.get(`${prefix}${name}`));
  return {
    generationMatch: value('GenerationMatch'),
    generationNotMatch: value('GenerationNotMatch'),
    metagenerationMatch: value('MetagenerationMatch'),
    metagenerationNotMatch: value('MetagenerationNotMatch'),
  };
}

/** The XML API's `x-goog-if-generation-match` and its siblings. */
export function preconditionsFromHeaders(headers: IncomingHttpHeaders): Preconditions {
  const value = (name: string): number | undefined => int64(name, headerOf(headers, name));
  return {
    generationMatch: value('x-goog-if-generation-match'),
    generationNotMatch: value('x-goog-if-generation-not-match'),
    metagenerationMatch: value('x-goog-if-metageneration-match'),
    metagenerationNotMatch: value('x-goog-if-metageneration-not-match'),
  };
}

/** A query or header value that must be an int64. Throws 400. */
export function int64(name: string, value: string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (!/^-?\d{1,19}$/.test(value)) throw invalid(`Invalid long value for ${name}: '${value}'.`);
  return Number(value);
}

/**
 * Throws 412 unless every condition holds of `current`. A read whose NotMatch condition fails is told 304 instead,
 * which is how clients use it as a cache validator.
 */
export function checkPreconditions(
  conditions: Preconditions,
  current: Pick<StoredObject, 'generation' | 'metageneration'> | undefined,
  access: 'read' | 'write',
): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions;
  const generation = current?.generation ?? 0;
  const metageneration = current?.metageneration ?? 0;
  if (generationMatch !== undefined && generationMatch !== generation) throw conditionNotMet();
  if (metagenerationMatch !== undefined && metagenerationMatch !== metageneration) throw conditionNotMet();
  const unchanged =
    (generationNotMatch !== undefined && generationNotMatch === generation) ||
    (metagenerationNotMatch !== undefined && metagenerationNotMatch === metageneration);
  if (unchanged) throw access === 'read' ? notModified() : conditionNotMet();
}

/** `If-None-Match` and `If-Match` on reads. */
export function checkEtags(headers: IncomingHttpHeaders, object: StoredObject): void {
  const etag = etagOf(object.generation, object.metageneration);
  const names = (header: string | undefined): boolean =>
    (header ?? '').split(',').some((candidate) => ['*', etag, `"${etag}"`].includes(candidate.trim()));
  if (headers['if-match'] !== undefined && !names(headers['if-match'])) throw conditionNotMet();
  if (names(headers['if-none-match'])) throw notModified();
}
