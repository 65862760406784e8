/**
 * The name that somebody probably meant. Written here, because a library for it is one function of twenty lines, and the
 * deployed package would carry it.
 */

/** Names that other APIs of the field have for ours, by their letters alone. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  text: 'prompt',
  numberofvideos: 'sampleCount',
  n: 'sampleCount',
  bytes: 'bytesBase64Encoded',
  imagebytes: 'bytesBase64Encoded',
  data: 'bytesBase64Encoded',
  contenttype: 'mimeType',
};

/** Shorter texts are alike by chance. */
const PART_LETTERS_MIN = 3;

/** The one of these names that is nearest to the given one, if any is near. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const letters = lettersOf(given.slice(0, 100));
  if (letters === '') return undefined;
  const same = names.find((name) => lettersOf(name) === letters);
  if (same !== undefined) return same;
  const other = OTHER_NAMES[letters];
  if (other !== undefined && names.includes(other)) return other;
  const [best] = names
    .map((name) => ({ name, ...differenceOf(given.slice(0, 100), name) }))
    .filter(({ edits, of }) => edits <= of / 4)
    .sort((a, b) => a.edits - b.edits);
  return best?.name ?? names.find((name) => isPart(letters, lettersOf(name)));
}

/** The edits between two names, and of how many letters. A common type is none: `image/gif` is far from `image/heif`. */
function differenceOf(given: string, name: string): { readonly edits: number; readonly of: number } {
  const [, type = ''] = /^([^/]+\/)[^/]+$/.exec(name) ?? [];
  const skipped = type !== '' && given.toLowerCase().startsWith(type) ? type.length : 0;
  const [a, b] = [lettersOf(given.slice(skipped)), lettersOf(name.slice(skipped))];
  return { edits: editsBetween(a, b), of: Math.max(a.length, b.length) };
}

/** `duration` of `durationSeconds`, `uri` of `gcsUri`. */
const isPart = (letters: string, name: string): boolean =>
  letters.length >= PART_LETTERS_MIN && (name.startsWith(letters) || name.endsWith(letters));

const lettersOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** How many letters to insert, delete, replace or swap with the next one. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const isSwap = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swapped = isSwap ? (before[j - 1] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}

/** The end of a message about an unknown name: `; did you mean aspectRatio?`, or nothing. */
export const didYouMean = (given: string, names: readonly string[]): string => {
  const meant = nearest(given, names);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
};
