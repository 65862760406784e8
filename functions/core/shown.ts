/** How a message shows what a caller sent: shortened, and with every character that a terminal or log would act on escaped. */

const SHOWN_CHARACTERS_MAX = 60;

/**
 * Control characters, line and paragraph separators, and marks without a width, also those that turn the direction of text.
 * Joiners (U+200C, U+200D) are parts of words and emoji.
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

/** The value as JSON, at most {@link SHOWN_CHARACTERS_MAX} characters of it. `"8"` is text and `8` is a number. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return value.length > SHOWN_CHARACTERS_MAX
      ? `"${escaped(value.slice(0, SHOWN_CHARACTERS_MAX))}…" (${value.length} characters)`
      : `"${escaped(value)}"`;
  if (Array.isArray(value) && value.length > SHOWN_CHARACTERS_MAX)
    return `a list of ${value.length} elements`;
  const json = escaped(JSON.stringify(value, shortStrings) ?? String(value));
  return json.length > SHOWN_CHARACTERS_MAX ? `${json.slice(0, SHOWN_CHARACTERS_MAX)}…` : json;
}

/** An image in base64 is not serialised whole to show its beginning. */
const shortStrings = (_key: string, inner: unknown): unknown =>
  typeof inner === 'string' ? inner.slice(0, SHOWN_CHARACTERS_MAX) : inner;

/** The text with `\n`, `\u0000` and the like for characters that cannot be seen. */
export const escaped = (text: string): string =>
  text.replace(UNSEEN, (character) => SHORT[character] ?? `\\u${hex(character.charCodeAt(0))}`);

const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

export const hex = (code: number): string => code.toString(16).padStart(4, '0');

const PATH_CHARACTERS_MAX = 200;

/** A path of keys and positions as a field, such as `referenceImages.0.image`. Keys come from callers. */
export function fieldOf(path: readonly PropertyKey[]): string {
  const field = escaped(path.map(String).join('.'));
  return field.length > PATH_CHARACTERS_MAX ? `${field.slice(0, PATH_CHARACTERS_MAX)}…` : field;
}
