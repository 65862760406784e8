/**
 * From a row to the body of a request, as it could have been sent by itself: the batch's defaults, then its template,
 * then what the row says. What that body is worth is judged where every other is.
 */

import type { RawRecord } from '../manifest/record-reader.ts';
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { fillTemplate } from '../request/template.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface BodyRules {
  /** A partial request whose prompts may have `{placeholders}`. */
  readonly template: JsonObject | undefined;
  /** A partial request. */
  readonly defaults: JsonObject | undefined;
  /** Of CSV. */
  readonly columns: readonly string[];
  /** Of {@link misspeltColumns}. */
  readonly misspelt: ReadonlyMap<string, string>;
  /** Names of the fields of a request. */
  readonly fields: ReadonlySet<string>;
  /** Of batches that do not say otherwise. */
  readonly lane: string;
}

export type RowBody = { readonly body: JsonObject } | { readonly fault: string };

const NUMBERS = new Set(['durationSeconds', 'sampleCount', 'seed', 'fps', 'rerollOnSafety']);
const BOOLEANS = new Set(['generateAudio', 'enhancePrompt']);
const PICTURES = new Set(['image', 'lastFrame']);
/** Columns may give parts of these: `labels.team`, `variables.city`, `firstFrame.prompt`, `image.gcsUri`. */
const OBJECTS = new Set(['labels', 'variables', 'firstFrame', 'image', 'lastFrame', 'video']);
const PART_NUMBERS = new Set(['video.index']);

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
    return { fault: `is not JSON: ${why}. Every line has to be one JSON object.` };
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

/** An empty cell says nothing. */
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
    if (dot >= 0 && OBJECTS.has(whole) && fields.has(whole)) {
      const before = row[whole];
      const part = column.slice(dot + 1);
      const value = PART_NUMBERS.has(column) ? numberOf(text) : text;
      row[whole] = { ...(isObject(before) ? before : {}), [part]: value };
    } else row[column] = convert(column, text);
  }
  for (const picture of PICTURES) row[picture] = withMimeType(row[picture]);
  return row;
}

/** What does not look like a number stays text, and is refused by name like any other text. */
function convert(column: string, text: string): unknown {
  if (NUMBERS.has(column)) return numberOf(text);
  if (BOOLEANS.has(column)) {
    const word = text.trim().toLowerCase();
    return word === 'true' ? true : word === 'false' ? false : text;
  }
  if (PICTURES.has(column)) return { gcsUri: text.trim() };
  return text;
}

const numberOf = (text: string): unknown => (/^\s*-?\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : text);

/** By the extension, where a row does not say: in a table there is no room for it. */
function withMimeType(picture: unknown): unknown {
  if (!isObject(picture) || 'mimeType' in picture) return picture;
  const { gcsUri } = picture;
  const [, extension] = typeof gcsUri === 'string' ? (/\.(png|jpe?g)$/i.exec(gcsUri) ?? []) : [];
  if (extension === undefined) return picture;
  return { ...picture, mimeType: extension.toLowerCase() === 'png' ? 'image/png' : 'image/jpeg' };
}

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
  // A column that no prompt asks for is somebody's note. A field of JSON is a mistake, refused by its name.
  const unused = others.filter(([name]) => !used.has(name));
  const unasked = isTable ? [] : unused;
  const wrong = unused.flatMap(([name]) => {
    const right = misspelt.get(name);
    return right === undefined
      ? []
      : [`column '${name}' is no field of a request, and no prompt asks for it; the field is '${right}'.`];
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
      // With neither, a prompt is taken as it is, braces and all.
      ...(hasVariables && used.size + Object.keys(own).length + (template ? 1 : 0) > 0 ? { variables } : {}),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
    },
  };
}

/**
 * Columns that are called like a field, but for case, spaces and the like, with the right name of each. None of them is a
 * note: taken for one, its rows would be made otherwise than asked, and paid for.
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

/** Names in the prompts of a request that somebody has to give a value to. */
function placeholdersOf(body: JsonObject): Set<string> {
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  const links: readonly unknown[] = Array.isArray(extensions) ? extensions : [];
  const prompts = [prompt, negativePrompt, firstFrame, ...links].map((each) =>
    isObject(each) ? each['prompt'] : each,
  );
  const texts = prompts.filter((each) => typeof each === 'string');
  return new Set(texts.flatMap((text) => [...fillTemplate(text, {}).used]));
}

/** What is wrong with a header that no row could make good, if anything is. */
export function headerFault({ template, defaults, columns }: BodyRules): string | undefined {
  if (template === undefined) return undefined;
  const given = new Set([
    ...Object.keys(partOf(defaults, 'variables')),
    ...Object.keys(partOf(template, 'variables')),
    ...columns.map((name) => name.replace(/^variables\./, '')),
  ]);
  // A column of the name of a prompt takes the template's place.
  const replaced = Object.fromEntries(columns.map((name) => [name, undefined]));
  const asked = requiredBy({ ...defaults, ...template, ...replaced });
  const missing = [...asked].filter((name) => !given.has(name));
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `{${name}}`).join(', ');
  return (
    `has no column for ${names}, which the template needs. Its columns are ${columns.join(', ')}; ` +
    'a default is written {name=default}, or given in defaults.variables.'
  );
}

function requiredBy(body: JsonObject): Set<string> {
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  const links: readonly unknown[] = Array.isArray(extensions) ? extensions : [];
  const texts = [prompt, negativePrompt, firstFrame, ...links]
    .map((each) => (isObject(each) ? each['prompt'] : each))
    .filter((each) => typeof each === 'string');
  return new Set(texts.flatMap((text) => fillTemplate(text, {}).missing));
}

/** Columns that are neither fields of a request nor asked for by the template. */
export function ignoredColumns({ template, defaults, columns, fields }: BodyRules): string[] {
  const used = placeholdersOf({ ...defaults, ...template });
  const hasOwnPrompt = columns.includes('prompt');
  return columns.filter((column) => {
    const whole = column.split('.', 1)[0] ?? column;
    return (
      !fields.has(column) && !(OBJECTS.has(whole) && fields.has(whole)) && !used.has(column) && !hasOwnPrompt
    );
  });
}
