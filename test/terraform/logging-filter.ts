/**
 * The part of Cloud Logging's query language that the metrics use, as Google documents it: comparisons joined by AND,
 * each with an optional NOT. Everything else is refused, so a filter that these tests cannot read is not accepted.
 *
 * A comparison with a field that the entry lacks is false, and NOT of it is true.
 */
import { z } from 'zod';

/** A log entry as Cloud Run stores a JSON line of standard output. */
export interface LogEntry {
  readonly logName: string;
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
  readonly severity: string;
  readonly timestampMs: number;
  readonly jsonPayload: Readonly<Record<string, unknown>>;
}

const SEVERITIES = [
  'DEFAULT',
  'DEBUG',
  'INFO',
  'NOTICE',
  'WARNING',
  'ERROR',
  'CRITICAL',
  'ALERT',
  'EMERGENCY',
];

const COMPARISON = /^(NOT )?([A-Za-z_]\w*(?:\.\w+)*)(=~|>=|<=|!=|=|>|<|:)(.+)$/;

/** @throws Error if the filter is not valid, or uses what these tests cannot evaluate */
export function parseFilter(filter: string): (entry: LogEntry) => boolean {
  const comparisons = splitAtAnd(filter).map(parseComparison);
  return (entry) => comparisons.every((holds) => holds(entry));
}

/** Splits at AND outside of quotes. */
function splitAtAnd(filter: string): string[] {
  const parts: string[] = [];
  for (const piece of filter.split(' AND ')) {
    const last = parts.at(-1);
    if (last !== undefined && (last.match(/(?<!\\)"/g)?.length ?? 0) % 2 === 1)
      parts[parts.length - 1] = `${last} AND ${piece}`;
    else parts.push(piece);
  }
  return parts;
}

function parseComparison(text: string): (entry: LogEntry) => boolean {
  const [, not, path = '', operator = '', value = ''] = COMPARISON.exec(text) ?? [];
  if (!path) throw new Error(`not a comparison of Cloud Logging's query language: ${text}`);
  const test = testOf(path, operator, value, text);
  return (entry) => test(valueAt(entry, path)) !== (not !== undefined);
}

function testOf(path: string, operator: string, value: string, text: string): (found: unknown) => boolean {
  if (operator === ':' && value === '*') return (found) => found !== undefined;
  if (path === 'severity' && operator === '>=') {
    const least = SEVERITIES.indexOf(value);
    if (least < 0) throw new Error(`not a severity: ${text}`);
    return (found) => SEVERITIES.indexOf(String(found)) >= least;
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
  if (quoted !== undefined && operator === '=') {
    const expected = z.string().parse(JSON.parse(value));
    // Cloud Logging compares texts without regard to case.
    return (found) => typeof found === 'string' && found.toLowerCase() === expected.toLowerCase();
  }
  if (quoted !== undefined && operator === '=~') {
    const pattern = new RegExp(quoted.replaceAll('\\\\', '\\'));
    return (found) => typeof found === 'string' && pattern.test(found);
  }
  if (operator === '=' && (value === 'true' || value === 'false'))
    return (found) => found === (value === 'true');
  if (operator === '>' && /^-?\d+(\.\d+)?$/.test(value))
    return (found) => typeof found === 'number' && found > Number(value);
  throw new Error(`these tests cannot evaluate this comparison: ${text}`);
}

/** The top-level fields of an entry that a filter may name. */
const rootSchema = z.enum(['logName', 'resource', 'severity', 'jsonPayload']);

function valueAt(entry: LogEntry, path: string): unknown {
  const [root, ...rest] = path.split('.');
  return rest.reduce<unknown>(
    (value, name) => z.record(z.string(), z.unknown()).catch({}).parse(value)[name],
    entry[rootSchema.parse(root)],
  );
}

/** The argument of `EXTRACT(jsonPayload.<field>)`: the number that a distribution records of an entry. */
export function parseExtractor(extractor: string): (entry: LogEntry) => number {
  const [, path] = /^EXTRACT\((jsonPayload(?:\.\w+)+)\)$/.exec(extractor) ?? [];
  if (!path) throw new Error(`not EXTRACT(jsonPayload.field): ${extractor}`);
  return (entry) => z.number().parse(valueAt(entry, path));
}
