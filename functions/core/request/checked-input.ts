/**
 * The one reader of values that people write: bodies, queries, rows, configuration. It checks every text, then the schema,
 * and words each fault: the field, what was given, what it must be, an example. zod's own wording never leaves this file.
 */
import type { z } from 'zod';
import { didYouMean } from '../near-miss.ts';
import type { FieldError } from '../problem.ts';
import { escaped, fieldOf, shown } from '../shown.ts';
import { fieldsAt } from './schema-parts.ts';
import { textErrors } from './text-check.ts';

export interface InputWords {
  /** What the value is, with its article: `a job request`. */
  readonly what: string;
  /** The value as a whole, where it is not even of the right type. */
  readonly example: string;
  /** Examples of fields, by their path without positions: `image.gcsUri`. `*` stands for any first key. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** Replaces the end of the message about an unknown field, which otherwise lists the known ones. */
  readonly seeFields?: string;
  /** Words the whole error about an unknown field. `fields` are those of the object that has it. */
  readonly unknownField?: (path: readonly PropertyKey[], fields: readonly string[]) => FieldError;
}

export type CheckedInput<T> = { readonly value: T } | { readonly errors: readonly FieldError[] };

export function checkInput<T>(schema: z.ZodType<T>, given: unknown, words: InputWords): CheckedInput<T> {
  const illFormed = textErrors(given);
  const parsed = schema.safeParse(given, { error: requirementOf });
  if (parsed.success && illFormed.length === 0) return { value: parsed.data };
  const issues = parsed.error?.issues ?? [];
  const faulty = new Set(illFormed.map(({ field }) => field));
  const others = issues.flatMap((issue) => errorsOf(issue, { schema, given, words }));
  return { errors: atMost([...illFormed, ...others.filter(({ field }) => !faulty.has(field))]) };
}

const FAULTS_MAX = 50;

function atMost(errors: readonly FieldError[]): readonly FieldError[] {
  const more = errors.length - FAULTS_MAX;
  if (more <= 0) return errors;
  const detail = `${more} more faults are not listed.`;
  return [...errors.slice(0, FAULTS_MAX), { field: '', detail }];
}

interface Place {
  readonly schema: unknown;
  readonly given: unknown;
  readonly words: InputWords;
}

function errorsOf(issue: z.core.$ZodIssue, place: Place): FieldError[] {
  const { words } = place;
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField([...path, key], place));
  if (issue.code === 'invalid_union') {
    const nearest = nearestAlternative(issue);
    if (nearest)
      return nearest.flatMap((inner) => errorsOf({ ...inner, path: [...path, ...inner.path] }, place));
  }
  const field = fieldOf(path);
  // The requirement of the key's own rule. A key is shown as the field.
  const [ofKey] = issue.code === 'invalid_key' ? issue.issues : [];
  if (ofKey)
    return [
      { field, detail: isFault(ofKey.message) ? `${ofKey.message}.` : `is a key that ${ofKey.message}.` },
    ];
  const value = valueAt(place.given, path);
  if (path.length === 0 && issue.code === 'invalid_type')
    return [{ field, detail: wholeDetail(words, issue.expected, value) }];
  return [
    { field, detail: detailOf(issue.message, value, examplePhrase(issue, value, exampleAt(words, path))) },
  ];
}

function unknownField(path: readonly PropertyKey[], { schema, words }: Place): FieldError {
  const key = String(path.at(-1));
  const fields = fieldsAt(schema, path.slice(0, -1));
  if (words.unknownField) return words.unknownField(path, fields);
  const meant = didYouMean(key, fields);
  const others = words.seeFields ?? `; the fields are ${fields.join(', ')}.`;
  const owner = path.length === 1 ? ` of ${words.what}` : '';
  return { field: fieldOf(path), detail: `is not a field${owner}${meant === '' ? others : meant}` };
}

/**
 * The faults of the alternative that an object was meant to be: the only one all of whose fields it may have, or the one
 * with the fewest unknown and missing fields.
 */
function nearestAlternative({
  errors,
}: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  const ranked = errors
    .map((issues) => ({ issues, strange: issues.reduce((sum, issue) => sum + strangeness(issue), 0) }))
    .sort((a, b) => a.strange - b.strange);
  const [first, second] = ranked;
  if (!first || first.issues.some(({ path, code }) => path.length === 0 && code !== 'unrecognized_keys'))
    return undefined;
  return second && second.strange === first.strange ? undefined : first.issues;
}

/** How much the fault speaks against the alternative. A wrong value in a field that it has does not. */
function strangeness(issue: z.core.$ZodIssue): number {
  if (issue.code === 'unrecognized_keys') return issue.keys.length * 2;
  if (issue.path.length === 0) return 100;
  return issue.message.startsWith(REQUIRED) ? 1 : 0;
}

const REQUIRED = 'is required';

/** zod asks this for every fault whose schema has no message of its own. The predicate of a sentence about the field. */
function requirementOf(issue: z.core.$ZodRawIssue): string {
  if (issue.code !== 'unrecognized_keys' && issue.input === undefined && issue.code !== 'custom')
    return `${REQUIRED} and ${ruleOf(issue)}`;
  return ruleOf(issue);
}

function ruleOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[isWhole(issue) ? 'int' : issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}${valueMeant(issue.input, issue.values)}`;
    case 'too_small':
      return limit('least', issue.origin, issue.minimum, issue.inclusive ?? true);
    case 'too_big':
      return limit('most', issue.origin, issue.maximum, issue.inclusive ?? true);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `must be ${FORMATS[issue.format] ?? 'written otherwise'}`;
    default:
      return 'is not valid';
  }
}

/** zod expects a number of text where the schema takes whole ones only. */
const isWhole = ({ inst }: z.core.$ZodRawIssue): boolean =>
  inst !== undefined && 'format' in inst._zod.def && inst._zod.def.format === 'safeint';

const valueMeant = (given: unknown, values: readonly unknown[]): string =>
  typeof given === 'string' ? didYouMean(given, values.map(String)).replace(/\?$/, '') : '';

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
  never: 'left out',
  null: 'null',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a time like 2026-11-21T18:00:00Z',
  url: 'a URL like https://example.com/path',
};

/** The units in which zod counts. */
const UNITS: Readonly<Record<string, string>> = {
  string: ' characters',
  array: ' elements',
  set: ' elements',
  map: ' keys',
};

function limit(bound: 'least' | 'most', origin: string, value: number | bigint, inclusive: boolean): string {
  const unit = UNITS[origin];
  if (unit === undefined && !inclusive) return `must be ${bound === 'least' ? 'more' : 'less'} than ${value}`;
  if (unit === undefined) return `must be at ${bound} ${value}`;
  if (bound === 'least' && value === 1) return 'must not be empty';
  return `must have at ${bound} ${value}${unit}`;
}

/** Whether the message says what is wrong, and not what is right. */
const isFault = (message: string): boolean =>
  /^(?:is|has|are)\b(?! to)/.test(message) && !message.startsWith(REQUIRED);
const isRequirement = (message: string): boolean => /^(?:must|has to)\b/.test(message);

/** Puts the value before a message that is the predicate of a sentence about it. Another sentence stays as it is. */
function detailOf(message: string, value: unknown, example: string): string {
  const plain = message.replace(/\.$/, '');
  if (plain.startsWith(REQUIRED)) return `${plain.replace(' and must be ', ': ')}${example}.`;
  if (isRequirement(plain)) return `is ${shown(value)}; it ${plain}${example}.`;
  return isFault(plain) ? `is ${shown(value)}, which ${plain}.` : `${plain}.`;
}

/** `, such as 8`. A number in quotes is the commonest fault of all, and its example is the number itself. */
function examplePhrase(issue: z.core.$ZodIssue, value: unknown, example: unknown): string {
  if (issue.code === 'invalid_value') {
    const isQuoted = issue.values.some((each) => typeof each !== 'string' && String(each) === value);
    return isQuoted ? `: write ${String(value)} without quotes` : '';
  }
  if (issue.code === 'too_big') return '';
  if (/\b(?:such as|like|most|least)\b/.test(issue.message)) return '';
  if (issue.code === 'invalid_type' && typeof value === 'string') {
    const isNumber =
      (issue.expected === 'number' && /^-?\d+(?:\.\d+)?$/.test(value)) ||
      (issue.expected === 'int' && /^-?\d+$/.test(value));
    const isBoolean = issue.expected === 'boolean' && /^(?:true|false)$/.test(value);
    if (isNumber || isBoolean) return `: write ${value} without quotes`;
  }
  const without = value === null ? ', or left out' : '';
  return example === undefined ? without : `, such as ${JSON.stringify(example)}${without}`;
}

function exampleAt({ examples = {} }: InputWords, path: readonly PropertyKey[]): unknown {
  const [first = '', ...rest] = path.filter((part) => typeof part !== 'number').map(String);
  return examples[[first, ...rest].join('.')] ?? examples[['*', ...rest].join('.')];
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  let value = given;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function wholeDetail({ what, example }: InputWords, expected: string, value: unknown): string {
  const whole = `${what.charAt(0).toUpperCase()}${what.slice(1)}`;
  const given = value === undefined ? 'nothing was given' : `this is ${kindOf(value)}`;
  return `${whole} must be ${TYPES[expected] ?? expected}, like ${example}; ${given}.`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : shown(value);
}

/** All faults as one text, for a configuration or a file. */
export const faultsAsText = (errors: readonly FieldError[]): string =>
  errors.map(({ field, detail }) => (field === '' ? detail : `${escaped(field)}: ${detail}`)).join('\n');
