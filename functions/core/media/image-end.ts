/** The result of reading the structure of an image. */
export type ImageEnd =
  /** The image takes the first `endAt` bytes of the file. */
  | { readonly endAt: number }
  /** A sentence without its subject. `isCut`: the file ends before the image does. */
  | { readonly fault: string; readonly isCut?: true };

export const CUT: ImageEnd = {
  fault: 'is cut short: the file is truncated before the end of the image. Send the whole file.',
  isCut: true,
};

export const damaged = (name: string, what: string): ImageEnd => ({
  fault: `is a damaged ${name}: ${what}. Save the image again.`,
});
