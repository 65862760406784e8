/** Reads the bytes from `start` to `end` of a file, both inclusive. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;
