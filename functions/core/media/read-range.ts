/** Reads bytes `start` to `end` inclusive of a file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;
