/** Decodes base64 in a request: standard or URL-safe, with or without padding, with white space anywhere (RFC 4648). */

export type DecodedBase64 =
  | { readonly bytes: Uint8Array }
  /** A sentence without its subject. */
  | { readonly fault: string };

// Without groups: a repeated group overflows the stack of the regular expression engine at a few megabytes.
const STANDARD = /^[A-Za-z0-9+/]*$/;
const URL_SAFE = /^[A-Za-z0-9_-]*$/;
const OTHER_CHARACTER = /[^A-Za-z0-9+/_-]/;
const DATA_URI = /^\s*data:([^,]{0,100}),?/i;

export function decodeBase64(text: string): DecodedBase64 {
  const [dataUri, type] = DATA_URI.exec(text) ?? [];
  if (dataUri !== undefined) {
    const prefix = JSON.stringify(`data:${type},`);
    return {
      fault: `is a data: URI. Leave the prefix ${prefix} out, and send only the base64 that follows it.`,
    };
  }
  const compact = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  if (compact === '') return { fault: 'is empty. Send the bytes of the file in base64.' };
  const digits = compact.endsWith('=') ? compact.slice(0, compact.endsWith('==') ? -2 : -1) : compact;
  const padding = compact.length - digits.length;
  if (!STANDARD.test(digits) && !URL_SAFE.test(digits)) return { fault: characterFault(text, digits) };
  const isWhole =
    digits.length % 4 !== 1 && (padding === 0 || (digits.length + padding) % 4 === 0) && digits !== '';
  const bytes = Buffer.from(digits, 'base64');
  // Encoders leave the unused bits of the last character zero. Others are a sign of missing characters.
  const isCanonical =
    isWhole && lastDigits(bytes.toString('base64', bytes.length - (bytes.length % 3))) === tailOf(digits);
  return isCanonical
    ? { bytes }
    : { fault: `is not base64: it has ${compact.length} characters, and some are missing at the end.` };
}

const standard = (digits: string): string => digits.replaceAll('-', '+').replaceAll('_', '/');
const lastDigits = (text: string): string => text.replace(/=+$/, '');
/** The digits of the last, incomplete group. */
const tailOf = (digits: string): string => standard(digits.slice(digits.length - (digits.length % 4)));

function characterFault(text: string, digits: string): string {
  const [found] = OTHER_CHARACTER.exec(digits) ?? [];
  if (found === undefined)
    return 'is not base64: it mixes the standard alphabet (+ and /) with the URL-safe one (- and _).';
  return `is not base64: it has the character ${JSON.stringify(found)} at position ${text.indexOf(found) + 1}.`;
}
