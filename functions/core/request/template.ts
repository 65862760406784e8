/**
 * Prompt templates. `{name}` stands for a required variable, `{name=text}` for one with a default. With `variables`, every
 * brace of a prompt belongs to its template, and `{{` and `}}` stand for braces. Without them only what looks like a
 * placeholder does, so that a prompt may be JSON.
 */

/** Ten times what any model takes. A few long values in many places could otherwise fill the memory. */
const FILLED_CHARACTERS_MAX = 100_000;

export const FILLED_TOO_LONG = `is longer than ${FILLED_CHARACTERS_MAX} characters once its variables are filled in; shorten it.`;

export interface Filled {
  readonly text: string;
  /** Variables that the template used. */
  readonly used: ReadonlySet<string>;
  /** Required variables without a value. */
  readonly missing: readonly string[];
  /** The result exceeds the limit and filling stopped. The other fields are incomplete. */
  readonly isTooLong: boolean;
  /** Errors of the template itself, each with its character. */
  readonly faults: readonly string[];
}

/** Letters of every language: a column may be named `größe`. */
const PLACEHOLDER = /^([\p{L}_][\p{L}\p{M}\p{N}_.-]*)(?:=([^{}]*))?$/u;

export function fillTemplate(
  template: string,
  variables: Readonly<Record<string, string | number | boolean>>,
): Filled {
  let text = '';
  const used = new Set<string>();
  const missing = new Set<string>();
  const faults: string[] = [];
  let at = 0;
  while (at < template.length) {
    if (at > FILLED_CHARACTERS_MAX || text.length > FILLED_CHARACTERS_MAX) break;
    const character = template.charAt(at);
    if ((character === '{' || character === '}') && template.charAt(at + 1) === character) {
      text += character;
      at += 2;
      continue;
    }
    if (character === '}') {
      faults.push(`'}' at character ${at + 1} closes nothing; write '}}' for a brace.`);
      at += 1;
      continue;
    }
    if (character !== '{') {
      text += character;
      at += 1;
      continue;
    }
    const end = template.indexOf('}', at);
    const inside = end < 0 ? template.slice(at + 1) : template.slice(at + 1, end);
    const [, name, fallback] = PLACEHOLDER.exec(inside) ?? [];
    if (end < 0) {
      faults.push(`'{' at character ${at + 1} is not closed; write '{{' for a brace.`);
      break;
    }
    if (name === undefined) {
      faults.push(
        `'{${inside}}' at character ${at + 1} is not a placeholder; write {name} or {name=default}, where a name has only letters, digits, _, . and -. Write '{{' for a brace.`,
      );
    } else {
      used.add(name);
      const value = Object.hasOwn(variables, name) ? variables[name] : fallback;
      if (value === undefined) missing.add(name);
      else text += String(value);
    }
    at = end + 1;
  }
  const isTooLong = template.length > FILLED_CHARACTERS_MAX || text.length > FILLED_CHARACTERS_MAX;
  return { text, used, missing: [...missing], isTooLong, faults };
}

/**
 * A name between braces, with the braces around it. JSON has none: its names are in quotes. It begins at the first brace of
 * a run, because a search at each one takes quadratic time.
 */
const BRACED_NAME = /(?<!\{)(\{+)([\p{L}_][\p{L}\p{M}\p{N}_.-]*)(?:=([^{}]*))?(\}+)/gu;

/**
 * Fills a prompt of a request without `variables`: `{name=text}` becomes its default, `{name}` is missing, and a name in
 * more braces loses one on each side, so that `{{name}}` stands for `{name}`. All else is ordinary text.
 */
export function fillPlaceholders(prompt: string): Pick<Filled, 'text' | 'missing'> {
  const missing = new Set<string>();
  const text = prompt.replace(
    BRACED_NAME,
    (whole, open: string, name: string, fallback: string | undefined, close: string) => {
      const depth = Math.min(open.length, close.length);
      if (depth > 1) return whole.slice(1, -1);
      if (fallback === undefined) missing.add(name);
      return `${open.slice(1)}${fallback ?? `{${name}}`}${close.slice(1)}`;
    },
  );
  return { text, missing: [...missing] };
}

/** The opposite of {@link fillPlaceholders}, for a text that is filled already. */
export const withoutPlaceholders = (text: string): string => text.replace(BRACED_NAME, '{$&}');

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A request that is not validated yet, with each of its prompts changed. */
export function mapPrompts(
  request: Readonly<Record<string, unknown>>,
  change: (prompt: string) => string,
): Record<string, unknown> {
  const text = (value: unknown): unknown => (typeof value === 'string' ? change(value) : value);
  const part = (value: unknown): unknown =>
    isObject(value) && 'prompt' in value ? { ...value, prompt: text(value['prompt']) } : value;
  return Object.fromEntries(
    Object.entries(request).map(([field, value]) => {
      if (field === 'prompt' || field === 'negativePrompt') return [field, text(value)];
      if (field === 'firstFrame') return [field, part(value)];
      return [field, field === 'extensions' && Array.isArray(value) ? value.map(part) : value];
    }),
  );
}
