import type { ReadRange } from '../../functions/core/media/read-range.ts';

/** Reads ranges of these bytes as of an object in a bucket: a range beyond the end is cut off. */
export const rangesOf =
  (bytes: Uint8Array): ReadRange =>
  async (start, end) =>
    bytes.subarray(start, end + 1);
