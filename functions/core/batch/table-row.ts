/** Checks that a record of a table is a row under its header: not a header again, and as many values as columns. */
import { isBlank } from '../blank.ts';
import { isSeparatorRecord } from '../manifest/separator-line.ts';
import { escaped, shown } from '../shown.ts';

interface Table {
  /** A column without a name is empty. */
  readonly columns: readonly string[];
  readonly fields: ReadonlySet<string>;
}

export function tableRowFault(values: readonly string[], table: Table): string | undefined {
  return (
    headerAgainFault(values, table) ??
    byteOrderMarkFault(values) ??
    countFault(values, table) ??
    unnamedFault(values, table)
  );
}

const JOINED = 'as where two files were joined; remove this row.';

function headerAgainFault(values: readonly string[], { columns, fields }: Table): string | undefined {
  if (isSeparatorRecord(values)) return `is the line ${shown(values[0])} again, ${JOINED}`;
  // Trimming removes a byte order mark too.
  const cells = values.map((value) => value.trim());
  const isSame = columns.every((column, n) => (cells[n] ?? '').toLowerCase() === column.toLowerCase());
  const given = cells.filter((cell) => cell !== '');
  const isRow = cells.length > columns.length && cells.slice(columns.length).some((cell) => cell !== '');
  if (isSame && !isRow) return `repeats the header, ${JOINED}`;
  // The header of another file, or in another case. A single cell may be a value that has the name of a field.
  const isName = (cell: string): boolean => isOneOf(columns, cell) || isOneOf(fields, cell);
  const isHeader = given.length >= 2 && given.every(isName) && given.some((cell) => isOneOf(columns, cell));
  return isHeader ? `is a header (${shown(given)}), ${JOINED}` : undefined;
}

function isOneOf(names: Iterable<string>, cell: string): boolean {
  for (const name of names)
    if (name.length === cell.length && name.toLowerCase() === cell.toLowerCase()) return true;
  return false;
}

function byteOrderMarkFault(values: readonly string[]): string | undefined {
  const n = values.findIndex((value) => value.includes('\uFEFF'));
  if (n < 0) return undefined;
  return `has a byte order mark (U+FEFF) in field ${n + 1}, ${shown(values[n])}, as where two files were joined; remove it.`;
}

function countFault(values: readonly string[], { columns }: Table): string | undefined {
  if (values.length === columns.length) return undefined;
  const counts = `has ${values.length} ${values.length === 1 ? 'field' : 'fields'}, the header has ${columns.length}`;
  const extra = values.slice(columns.length);
  if (extra.length > 0) {
    return extra.every(isBlank)
      ? `${counts}; remove the empty fields at the end of the row.`
      : `${counts}; a value that contains the delimiter must be in quotes. The row is ${shown(values)}.`;
  }
  // Spreadsheets leave out empty cells at the end.
  const missing = columns.slice(values.length).filter((column) => column !== '');
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `'${escaped(name)}'`).join(', ');
  return `${counts}; ${names} ${missing.length > 1 ? 'are' : 'is'} missing. The row is ${shown(values)}.`;
}

function unnamedFault(values: readonly string[], { columns }: Table): string | undefined {
  const n = columns.findIndex((column, place) => column === '' && !isBlank(values[place] ?? ''));
  if (n < 0) return undefined;
  const place = `column ${n + 1} (${lettersOfColumn(n)})`;
  return `has ${shown(values[n])} in ${place}, which has no name in the header; name the column or remove the value.`;
}

/** As spreadsheets name columns: 0 is A, 26 is AA. */
const lettersOfColumn = (n: number): string =>
  (n >= 26 ? lettersOfColumn(Math.floor(n / 26) - 1) : '') + String.fromCharCode(65 + (n % 26));
