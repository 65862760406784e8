/**
 * Prompt templates. `{name}` stands for a required variable, `{name=text}` for one with a default, `{{` and `}}` for
 * braces. A prompt is a template only where the request gives `variables`; otherwise its braces are ordinary text.
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

const PLACEHOLDER = /^([A-Za-z_][\w.-]*)(?:=([^{}]*))?$/;

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
        `'{${inside}}' at character ${at + 1} is not a placeholder; write {name} or {name=default}.`,
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
