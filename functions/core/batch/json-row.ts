/** Parses a row of JSON lines. A fault quotes the line and names the likely cause. */
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { escaped, shown } from '../shown.ts';
import { isObject, type JsonObject } from './json-object.ts';

export function parsedRow(text: string): { readonly value: JsonObject } | { readonly fault: string } {
  if (text.includes('\uFEFF')) {
    const fault = `has a byte order mark (U+FEFF) in ${shown(text)}, as where two files were joined; remove it.`;
    return { fault };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const line = text.trim();
    return { fault: `is not JSON: ${escaped(why)}. ${hintFor(line)} The line is ${shown(line)}.` };
  }
  if (isTooDeep(value)) return { fault: TOO_DEEP };
  if (isObject(value)) return { value };
  return Array.isArray(value)
    ? {
        fault: `is a list, not a JSON object; write each of its entries on its own line. It is ${shown(value)}.`,
      }
    : { fault: `is ${shown(value)}, not a JSON object.` };
}

const ONE_OBJECT = 'Every line must be one JSON object.';

function hintFor(line: string): string {
  if (/^[[\]]/.test(line) || line.endsWith(','))
    return `${ONE_OBJECT} This looks like a part of one JSON list: leave out its brackets and the commas between its entries.`;
  if (/^\{\s*'/.test(line)) return `${ONE_OBJECT} JSON has double quotes, not single ones.`;
  if (/[“”„]/.test(line)) return `${ONE_OBJECT} JSON has straight quotes ("), not typographic ones.`;
  if (line === '{' || line === '}' || /^"[^"]*"\s*:/.test(line))
    return `${ONE_OBJECT} This looks like an object on several lines: write it on one.`;
  if (/\}\s*\{/.test(line))
    return `${ONE_OBJECT} This looks like several objects: write each on its own line.`;
  if (/^[^:{["]*[,;\t]/.test(line))
    return `${ONE_OBJECT} This looks like a row of CSV: name the file .csv, or give the format csv.`;
  return ONE_OBJECT;
}
