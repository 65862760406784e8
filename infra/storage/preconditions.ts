/** Generation and metageneration preconditions: parsed from a request and checked against the stored object. */
import type { IncomingHttpHeaders } from 'node:http';
import { conditionNotMet, invalid, notModified } from './errors.ts';
import { headerOf } from './messages.ts';
import { etagOf, type StoredObject } from './resources.ts';

/** Every given condition must hold. Generation 0 means that there is no live object. */
export interface Preconditions {
  readonly generationMatch?: number | undefined;
  readonly generationNotMatch?: number | undefined;
  readonly metagenerationMatch?: number | undefined;
  readonly metagenerationNotMatch?: number | undefined;
}

/** `ifGenerationMatch=…` and the other three parameters. With `prefix` `ifSource`: the conditions on a copy's source. */
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

/** `x-goog-if-generation-match` and the other three headers of the XML API. */
export function preconditionsFromHeaders(headers: IncomingHttpHeaders): Preconditions {
  const value = (name: string): number | undefined => int64(name, headerOf(headers, name));
  return {
    generationMatch: value('x-goog-if-generation-match'),
    generationNotMatch: value('x-goog-if-generation-not-match'),
    metagenerationMatch: value('x-goog-if-metageneration-match'),
    metagenerationNotMatch: value('x-goog-if-metageneration-not-match'),
  };
}

/** Parses an int64 query or header value. Throws 400. */
export function int64(name: string, value: string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (!/^-?\d{1,19}$/.test(value)) throw invalid(`Invalid long value for ${name}: '${value}'.`);
  return Number(value);
}

/**
 * Throws 412 unless every condition holds for `current`. A read whose NotMatch condition fails gets 304 instead, because
 * clients use it as a cache validator.
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

/** Checks `If-None-Match` and `If-Match` of a read. Throws 304 or 412. */
export function checkEtags(headers: IncomingHttpHeaders, object: StoredObject): void {
  const etag = etagOf(object.generation, object.metageneration);
  const names = (header: string | undefined): boolean =>
    (header ?? '').split(',').some((candidate) => ['*', etag, `"${etag}"`].includes(candidate.trim()));
  if (headers['if-match'] !== undefined && !names(headers['if-match'])) throw conditionNotMet();
  if (names(headers['if-none-match'])) throw notModified();
}
