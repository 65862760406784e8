/**
 * Makes the body of a request from a row: the batch's defaults, then its template, then the row's own values. The body
 * is validated like any other request.
 */
import type { RawRecord } from '../manifest/record-reader.ts';
import { BOOLEAN_FIELDS, isNumberPart, NUMBER_FIELDS, OBJECT_FIELDS } from '../request/field-types.ts';
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { IMAGE_FIELDS } from '../request/request-body.ts';
import { fillTemplate } from '../request/template.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface BodyRules {
  /** A partial request whose prompts may have `{placeholders}`. */
  readonly template: JsonObject | undefined;
  /** A partial request. */
  readonly defaults: JsonObject | undefined;
  /** The header of a CSV file; empty for JSON. */
  readonly columns: readonly string[];
  /** The result of {@link misspeltColumns}. */
  readonly misspelt: ReadonlyMap<string, string>;
  /** Names of the fields of a request. */
  readonly fields: ReadonlySet<string>;
  /** The batch's lane, for rows that name none. */
  readonly lane: string;
}

export type RowBody = { readonly body: JsonObject } | { readonly fault: string };

export function bodyOfRecord(record: RawRecord, rules: BodyRules): RowBody {
  if (record.kind === 'fault') return { fault: record.fault };
  if (record.kind === 'fields') {
    const { columns } = rules;
    const { values } = record;
    if (values.length !== columns.length) {
      const which = columns.slice(values.length).map((name) => `'${name}'`);
      const missing =
        which.length > 0 ? `; ${which.join(', ')} ${which.length > 1 ? 'are' : 'is'} missing` : '';
      const fault = `has ${values.length} ${values.length === 1 ? 'field' : 'fields'}, the header has ${columns.length}${missing}.`;
      return { fault };
    }
    return merged(rowOfColumns(columns, values, rules.fields), rules, true);
  }
  const parsed = parsedObject(record.text);
  return 'fault' in parsed ? parsed : merged(parsed.value, rules, false);
}

function parsedObject(text: string): { readonly value: JsonObject } | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { fault: `is not JSON: ${why}. Every line must be one JSON object.` };
  }
  if (isTooDeep(value)) return { fault: TOO_DEEP };
  return isObject(value)
    ? { value }
    : {
        fault: `is ${Array.isArray(value) ? 'a list' : JSON.stringify(value).slice(0, 40)}, not a JSON object.`,
      };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An empty cell sets nothing. */
function rowOfColumns(
  columns: readonly string[],
  values: readonly string[],
  fields: ReadonlySet<string>,
): JsonObject {
  const row: Record<string, unknown> = {};
  for (const [n, column] of columns.entries()) {
    const text = values[n] ?? '';
    if (text.trim() === '') continue;
    const dot = column.indexOf('.');
    const whole = dot < 0 ? column : column.slice(0, dot);
    if (dot >= 0 && OBJECT_FIELDS.has(whole) && fields.has(whole)) {
      const before = row[whole];
      const part = column.slice(dot + 1);
      const value = isNumberPart(whole, part) ? numberOf(text) : text;
      row[whole] = { ...(isObject(before) ? before : {}), [part]: value };
    } else row[column] = convert(column, text);
  }
  return row;
}

/** Text that is not a number or a boolean stays text; the request is then refused with the field's name. */
function convert(column: string, text: string): unknown {
  if (NUMBER_FIELDS.has(column)) return numberOf(text);
  if (BOOLEAN_FIELDS.has(column)) {
    const word = text.trim().toLowerCase();
    return word === 'true' ? true : word === 'false' ? false : text;
  }
  if (IMAGE_FIELDS.has(column)) return { gcsUri: text.trim() };
  return text;
}

const numberOf = (text: string): unknown => (/^\s*-?\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : text);

function merged(
  row: JsonObject,
  { template, defaults, fields, lane, misspelt }: BodyRules,
  isTable: boolean,
): RowBody {
  const known = Object.entries(row).filter(([name, value]) => fields.has(name) && value !== undefined);
  const others = Object.entries(row).filter(([name, value]) => !fields.has(name) && value !== undefined);
  const body: Record<string, unknown> = { lane, ...defaults, ...template, ...Object.fromEntries(known) };
  const common = { ...partOf(defaults, 'variables'), ...partOf(template, 'variables') };
  const own = partOf(Object.fromEntries(known), 'variables');
  const used = placeholdersOf(body);
  const given = Object.entries({ ...common, ...Object.fromEntries(others) }).filter(([name]) =>
    used.has(name),
  );
  // A column that no prompt uses may be a note and is ignored. An unknown JSON field is a mistake and is refused.
  const unused = others.filter(([name]) => !used.has(name));
  const unasked = isTable ? [] : unused;
  const wrong = unused.flatMap(([name]) => {
    const right = misspelt.get(name);
    return right === undefined
      ? []
      : [`column '${name}' is not a field of a request, and no prompt uses it; the field is '${right}'.`];
  });
  if (wrong.length > 0) return { fault: wrong.join(' ') };
  const variables = { ...Object.fromEntries(given), ...own };
  const hasVariables = template !== undefined || 'variables' in body || given.length > 0;
  const labels = { ...partOf(defaults, 'labels'), ...partOf(template, 'labels'), ...partOf(row, 'labels') };
  const { variables: _, ...rest } = body;
  return {
    body: {
      ...rest,
      ...Object.fromEntries(unasked),
      // Without template and variables, only a placeholder without a value is refused; other braces are text.
      ...(hasVariables && used.size + Object.keys(own).length + (template ? 1 : 0) > 0 ? { variables } : {}),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
    },
  };
}

/**
 * Columns whose name differs from a field's only in case, spaces and punctuation, with the field's name. They are not
 * treated as notes, because then the rows would run, and cost money, without the value.
 */
export function misspeltColumns(
  columns: readonly string[],
  fields: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const misspelt = new Map<string, string>();
  for (const column of columns) {
    const [whole = '', ...parts] = column.split('.');
    const meant = [...fields].find((field) => lettersOf(field) === lettersOf(whole));
    if (meant !== undefined && meant !== whole) misspelt.set(column, [meant, ...parts].join('.'));
  }
  return misspelt;
}

const lettersOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

function partOf(body: JsonObject | undefined, name: string): JsonObject {
  const part = body?.[name];
  return isObject(part) ? part : {};
}

/** The prompts of a request. */
function promptsOf({ prompt, negativePrompt, firstFrame, extensions }: JsonObject): string[] {
  const links: readonly unknown[] = Array.isArray(extensions) ? extensions : [];
  return [prompt, negativePrompt, firstFrame, ...links]
    .map((each) => (isObject(each) ? each['prompt'] : each))
    .filter((each) => typeof each === 'string');
}

/** Names of the placeholders in the prompts of a request. */
const placeholdersOf = (body: JsonObject): Set<string> =>
  new Set(promptsOf(body).flatMap((text) => [...fillTemplate(text, {}).used]));

/** Names of the placeholders that have no default. */
const requiredBy = (body: JsonObject): Set<string> =>
  new Set(promptsOf(body).flatMap((text) => fillTemplate(text, {}).missing));

/** Why no row under this header can be valid, if that is so. */
export function headerFault({ template, defaults, columns }: BodyRules): string | undefined {
  if (template === undefined) return undefined;
  const given = new Set([
    ...Object.keys(partOf(defaults, 'variables')),
    ...Object.keys(partOf(template, 'variables')),
    ...columns.map((name) => name.replace(/^variables\./, '')),
  ]);
  // A column with the name of a prompt replaces the template's prompt.
  const replaced = Object.fromEntries(columns.map((name) => [name, undefined]));
  const requested = requiredBy({ ...defaults, ...template, ...replaced });
  const missing = [...requested].filter((name) => !given.has(name));
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `{${name}}`).join(', ');
  return (
    `has no column for ${names}, which the template needs. Its columns are ${columns.join(', ')}; ` +
    'give a default as {name=default} or in defaults.variables.'
  );
}

/** Columns that are neither fields of a request nor used by the template. */
export function ignoredColumns({ template, defaults, columns, fields }: BodyRules): string[] {
  const used = placeholdersOf({ ...defaults, ...template });
  const hasOwnPrompt = columns.includes('prompt');
  return columns.filter((column) => {
    const whole = column.split('.', 1)[0] ?? column;
    return (
      !fields.has(column) &&
      !(OBJECT_FIELDS.has(whole) && fields.has(whole)) &&
      !used.has(column) &&
      !hasOwnPrompt
    );
  });
}
