import type { ReadRange } from '../../functions/core/media/read-range.ts';

/** Reads out of these bytes as out of an object in a bucket: nothing is there behind the end. */
export const rangesOf =
  (bytes: Uint8Array): ReadRange =>
  async (start, end) =>
    bytes.subarray(start, end + 1);
