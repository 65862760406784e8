/**
 * The one check of every text that enters, whatever its field: keys are texts too. Firestore and Google's APIs store UTF-8,
 * which has no half of a surrogate pair. It would become U+FFFD, and another prompt than the caller's would be paid for.
 */
import type { FieldError } from '../problem.ts';
import { fieldOf, hex } from '../shown.ts';

/** Every control character but tab, line feed and carriage return: what is neither visible ASCII nor after the C1 controls. */
const CONTROL = /[^\t\n\r -~\u00a0-\uffff]/;
const HALF_PAIR = /\p{Cs}/u;

/** What is wrong with the text, as the predicate of a sentence whose subject is the field. */
export function textFault(text: string): string | undefined {
  // The engine knows at once that a long base64 text is well-formed.
  const half = text.isWellFormed() ? -1 : text.search(HALF_PAIR);
  const at = half < 0 ? text.search(CONTROL) : half;
  if (at < 0) return undefined;
  const code = text.charCodeAt(at);
  const place = `at character ${at + 1}`;
  if (code >= 0xd800)
    return (
      `has half of a surrogate pair (\\u${hex(code)}) ${place}, which is not a character. Text that was cut inside an emoji has ` +
      'one; send whole characters.'
    );
  const name = `U+${hex(code).toUpperCase()}`;
  if (code >= 0x80)
    return `has the control character ${name} ${place}: Windows-1252 text was read as Latin-1. Send it as UTF-8.`;
  return `has the control character ${name} ${place}; only tab and line ends are allowed. Remove it.`;
}

/** A value with a fault in every text would otherwise make an answer that is larger than the request. */
const FAULTS_MAX = 20;

/**
 * The faults of every text and every key in the value, which is not nested too deep.
 * @param path where the value is, in the request that the caller sent
 */
export function textErrors(value: unknown, path: readonly string[] = []): FieldError[] {
  const errors: FieldError[] = [];
  collect(value, path, errors);
  return errors;
}

function collect(value: unknown, path: readonly string[], errors: FieldError[]): void {
  if (errors.length >= FAULTS_MAX) return;
  if (typeof value === 'string') {
    const detail = textFault(value);
    if (detail !== undefined) errors.push({ field: fieldOf(path), detail });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key];
    const fault = Array.isArray(value) ? undefined : textFault(key);
    if (fault !== undefined) errors.push({ field: fieldOf(at), detail: `is a key that ${fault}` });
    collect(inner, at, errors);
  }
}
