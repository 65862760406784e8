/**
 * Reads images in buckets, each generation once in a process: the rows of a batch may name one image ten thousand times. An
 * object's generation identifies its bytes, so a replaced object is read again.
 */
import { LRUCache } from 'lru-cache';
import type { ImageMimeType } from '../../core/catalogue/vocabulary.ts';
import { type GivenImage, type ReadImage, readImage } from '../../core/media/image.ts';
import type { InputObject, InputStore } from '../../ports.ts';

type Rules = Pick<GivenImage<ImageMimeType>, 'declared' | 'model' | 'accepts' | 'acceptsBarePng'>;
type Result = ReadImage<ImageMimeType>;

/** A result has a few hundred bytes. */
const RESULTS_MAX = 2_000;

/** By the store that reads: processes share nothing, and tests run several stores in one process. */
const resultsOf = new WeakMap<InputStore, LRUCache<string, Promise<Result>>>();

/**
 * @param object its current or requested generation, which is read even if it is replaced meanwhile
 * @throws ObjectMissingError if that generation was deleted meanwhile. After any error the next call reads it again
 */
export function readStoredImage(
  inputs: InputStore,
  object: InputObject & { readonly gcsUri: string },
  rules: Rules,
): Promise<Result> {
  const results = resultsOf.get(inputs) ?? new LRUCache<string, Promise<Result>>({ max: RESULTS_MAX });
  resultsOf.set(inputs, results);
  const { gcsUri, generation } = object;
  const { declared, model, accepts, acceptsBarePng } = rules;
  const key = JSON.stringify([gcsUri, generation, declared, model, accepts, acceptsBarePng]);
  const known = results.get(key);
  if (known) return known;
  // Rows are validated in parallel. They wait for one reading.
  const read = (start: number, end: number): Promise<Uint8Array> =>
    inputs.readRange(gcsUri, start, end, generation);
  const reading = readImage({ sizeBytes: object.bytes, read, ...rules });
  results.set(key, reading);
  reading.catch(() => {
    if (results.peek(key) === reading) results.delete(key);
  });
  return reading;
}
