/** What the columns of a CSV manifest mean under the batch's template, and why no row under a header can be valid. */
import type { CsvHeader } from '../manifest/manifest-start.ts';
import { OBJECT_FIELDS } from '../request/field-types.ts';
import { escaped } from '../shown.ts';
import { partOf } from './json-object.ts';
import type { BodyRules } from './row-body.ts';
import { placeholdersOf, requiredBy } from './row-prompts.ts';

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

/** Why no row under this header can be valid, if that is so. */
export function headerFault(
  rules: BodyRules,
  { line, following }: Pick<CsvHeader, 'line' | 'following'>,
): string | undefined {
  const { template, defaults } = rules;
  const columns = rules.columns.filter((name) => name !== '');
  const isKnown = knownBy(rules);
  const isUnderstood = columns.some((name) => isKnown(name) || isMisspelt(rules, name));
  const title = titleFault(rules, { line, following });
  if (title !== undefined) return title;
  if (!isUnderstood && !STARTING_FIELDS.some((field) => field in { ...defaults, ...template })) {
    return (
      `has no column that is a field of a request: the columns of line ${line} are ${listOf(columns)}. ` +
      'The first line must name the columns, such as prompt,durationSeconds.'
    );
  }
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
    `has no column for ${names}, which the template needs. Its columns are ${listOf(columns)}; ` +
    'give a default as {name=default} or in defaults.variables.'
  );
}

/** A request has one of these. */
const STARTING_FIELDS = ['prompt', 'image', 'firstFrame', 'video'] as const;

const COLUMNS_SHOWN = 12;

const listOf = (columns: readonly string[]): string =>
  columns.slice(0, COLUMNS_SHOWN).map(escaped).join(', ') + (columns.length > COLUMNS_SHOWN ? ', …' : '');

/** Whether a column is a field of a request, a part of one, or a placeholder of the batch's prompts. */
function knownBy({ fields, template, defaults }: BodyRules): (column: string) => boolean {
  const placeholders = placeholdersOf(defaults, template);
  return (column) => {
    const whole = column.split('.', 1)[0] ?? column;
    const isPart = column !== whole && OBJECT_FIELDS.has(whole) && fields.has(whole);
    return fields.has(column) || isPart || placeholders.has(column);
  };
}

const isMisspelt = ({ fields }: BodyRules, column: string): boolean =>
  misspeltColumns([column], fields).size > 0;

/** A line above the header: none of its cells is a known name, and most cells of a later record are. */
function titleFault(
  rules: BodyRules,
  { line, following }: Pick<CsvHeader, 'line' | 'following'>,
): string | undefined {
  const isKnown = knownBy(rules);
  if (rules.columns.some(isKnown)) return undefined;
  const almost = rules.columns.filter((name) => isMisspelt(rules, name)).length;
  const header = following.find(({ values }) => {
    const cells = values.map((value) => value.trim()).filter((value) => value !== '');
    const known = cells.filter((cell) => isKnown(cell) || isMisspelt(rules, cell)).length;
    return known > almost && (2 * known >= cells.length || cells.includes('prompt'));
  });
  if (!header) return undefined;
  const names = header.values.map((value) => value.trim()).filter((value) => value !== '');
  return (
    `has ${listOf(rules.columns.filter((name) => name !== ''))} in line ${line}, where the names of the columns must be. ` +
    `Line ${header.line} (${listOf(names)}) looks like the header: remove the lines above it.`
  );
}

/** Columns that are neither fields of a request nor used by the template. */
export function ignoredColumns(rules: BodyRules): string[] {
  // The prompts of the rows may use any column.
  if (rules.columns.includes('prompt')) return [];
  const isKnown = knownBy(rules);
  return rules.columns.filter((column) => column !== '' && !isKnown(column));
}
