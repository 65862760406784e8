/** Line ends in bytes: LF, CRLF and CR. In UTF-8 these bytes are never part of another character. */

const LF = 10;
const CR = 13;

export const isLineEnd = (byte: number | undefined): boolean => byte === LF || byte === CR;

/** Index of the first line end at or after `from`, or -1. */
export function lineEndFrom(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === LF || bytes[at] === CR) return at;
  }
  return -1;
}

/** The same as {@link lineEndFrom}, but faster over long distances and slower over short ones. */
export function lineEndFarFrom(bytes: Uint8Array, from: number): number {
  const lf = bytes.indexOf(LF, from);
  const cr = bytes.indexOf(CR, from);
  return lf < 0 || cr < 0 ? Math.max(lf, cr) : Math.min(lf, cr);
}

/** Index of the line after the line end at `at`; -1 if that is a CR whose LF may still follow. */
export function afterLineEnd(bytes: Uint8Array, at: number, isEnd: boolean): number {
  if (bytes[at] === LF) return at + 1;
  if (at + 1 >= bytes.length) return isEnd ? at + 1 : -1;
  return bytes[at + 1] === LF ? at + 2 : at + 1;
}

export function countLineEnds(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] !== LF)) count++;
  }
  return count;
}
