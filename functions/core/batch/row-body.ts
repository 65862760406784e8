/**
 * Makes the body of a request from a row: the batch's defaults, then its template, then the row's own values. The body
 * is validated like any other request.
 */
import { isBlank } from '../blank.ts';
import type { RawRecord } from '../manifest/record-reader.ts';
import type { FieldError } from '../problem.ts';
import { BOOLEAN_FIELDS, isNumberPart, NUMBER_FIELDS, OBJECT_FIELDS } from '../request/field-types.ts';
import { IMAGE_FIELDS } from '../request/request-body.ts';
import { debrisErrors } from '../request/spreadsheet-debris.ts';
import { escaped } from '../shown.ts';
import { booleanOf, type CellValue, numberOf } from './cell-values.ts';
import { isObject, type JsonObject, partOf } from './json-object.ts';
import { parsedRow } from './json-row.ts';
import { placeholdersOf } from './row-prompts.ts';
import { tableRowFault } from './table-row.ts';

export interface BodyRules {
  /** A partial request whose prompts may have `{placeholders}`. */
  readonly template: JsonObject | undefined;
  /** A partial request. */
  readonly defaults: JsonObject | undefined;
  /** The header of a CSV file, in which a column without a name is empty; empty for JSON. */
  readonly columns: readonly string[];
  /** The result of {@link misspeltColumns}. */
  readonly misspelt: ReadonlyMap<string, string>;
  /** Names of the fields of a request. */
  readonly fields: ReadonlySet<string>;
  /** The batch's lane, for rows that name none. */
  readonly lane: string;
}

/** A row with `errors` is not valid. Its body has the values as given, so that its other errors can be found too. */
export type RowBody =
  | { readonly body: JsonObject; readonly errors: readonly FieldError[] }
  /** The row has no body. */
  | { readonly fault: string };

export function bodyOfRecord(record: RawRecord, rules: BodyRules): RowBody {
  if (record.kind === 'fault') return { fault: record.fault };
  if (record.kind === 'fields') {
    const { columns, fields } = rules;
    const fault = tableRowFault(record.values, rules);
    if (fault !== undefined) return { fault };
    const errors: FieldError[] = [];
    const row = rowOfColumns(columns, record.values, fields, errors);
    return merged(row, rules, true, errors);
  }
  const parsed = parsedRow(record.text);
  return 'fault' in parsed ? parsed : merged(parsed.value, rules, false, []);
}

/** An empty cell sets nothing. */
function rowOfColumns(
  columns: readonly string[],
  values: readonly string[],
  fields: ReadonlySet<string>,
  errors: FieldError[],
): JsonObject {
  const cellOf = (field: string, cell: CellValue, text: string): unknown => {
    if ('value' in cell) return cell.value;
    errors.push({ field, detail: cell.fault });
    return text;
  };
  const row: Record<string, unknown> = {};
  for (const [n, column] of columns.entries()) {
    const text = values[n] ?? '';
    if (isBlank(text)) continue;
    const dot = column.indexOf('.');
    const whole = dot < 0 ? column : column.slice(0, dot);
    if (dot >= 0 && OBJECT_FIELDS.has(whole) && fields.has(whole)) {
      const before = row[whole];
      const part = column.slice(dot + 1);
      const value = isNumberPart(whole, part) ? cellOf(column, numberOf(text), text) : text;
      row[whole] = { ...(isObject(before) ? before : {}), [part]: value };
    } else row[column] = cellOf(column, convert(column, text), text);
  }
  return row;
}

function convert(column: string, text: string): CellValue {
  if (NUMBER_FIELDS.has(column)) return numberOf(text);
  if (BOOLEAN_FIELDS.has(column)) return booleanOf(text);
  return { value: IMAGE_FIELDS.has(column) ? { gcsUri: text.trim() } : text };
}

function merged(
  row: JsonObject,
  { template, defaults, fields, lane, misspelt }: BodyRules,
  isTable: boolean,
  cellErrors: readonly FieldError[],
): RowBody {
  const known = Object.entries(row).filter(([name, value]) => fields.has(name) && value !== undefined);
  const others = Object.entries(row).filter(([name, value]) => !fields.has(name) && value !== undefined);
  const body: Record<string, unknown> = { lane, ...defaults, ...template, ...Object.fromEntries(known) };
  const common = { ...partOf(defaults, 'variables'), ...partOf(template, 'variables') };
  const used = placeholdersOf(body);
  // A placeholder of a prompt that the row replaces. Its value is not needed, and is not a mistake.
  const isReplaced = (name: string): boolean =>
    !used.has(name) && placeholdersOf(defaults, template).has(name);
  const own = Object.fromEntries(
    Object.entries(partOf(Object.fromEntries(known), 'variables')).filter(([name]) => !isReplaced(name)),
  );
  const filling = others.filter(([name]) => used.has(name));
  const given = Object.entries({ ...common, ...Object.fromEntries(others) }).filter(([name]) =>
    used.has(name),
  );
  // A column that no prompt uses may be a note and is ignored. An unknown JSON field is a mistake and is refused.
  const unused = others.filter(([name]) => !used.has(name));
  const unasked = isTable ? [] : unused.filter(([name]) => !isReplaced(name));
  const errors = [
    ...cellErrors,
    ...unused.flatMap(([name]) => misspeltError(name, misspelt)),
    ...[...known, ...filling].flatMap(([name, value]) => debrisErrors([name], value)),
  ];
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
    errors,
  };
}

function misspeltError(column: string, misspelt: BodyRules['misspelt']): FieldError[] {
  const field = misspelt.get(column);
  if (field === undefined) return [];
  const detail = `column '${escaped(column)}' is not a field of a request, and no prompt uses it; the field is '${field}'.`;
  return [{ field, detail }];
}
