/** Reads back the report of a batch, as JSON lines and as CSV. */
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { Bucket } from '../buckets.ts';
import type { OverBatch } from './batch-checks.ts';

const rowSchema = z.object({
  row: z.number(),
  job: z.string().nullable(),
  status: z.string(),
  error: z.object({ message: z.string() }).nullable(),
});
export type ReportRow = z.infer<typeof rowSchema>;

const tableSchema = z.array(z.array(z.string()));

export function reportOf(
  output: Bucket,
  { report }: OverBatch,
): { readonly rows: readonly ReportRow[] } | { readonly wrong: string } {
  const lines = output.objects.get(report.jsonl)?.content;
  const table = output.objects.get(report.csv)?.content;
  if (!lines || !table) return { wrong: `${lines ? report.csv : report.jsonl} does not exist` };
  const rows = Buffer.from(lines)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => rowSchema.parse(JSON.parse(line)));
  const cells = tableSchema.parse(parse(Buffer.from(table))).slice(1);
  const inTable = cells.map(([row, , job, status]) => `${row} ${job} ${status}`);
  const inLines = rows.map(({ row, job, status }) => `${row} ${job ?? ''} ${status}`);
  if (inTable.join('\n') !== inLines.join('\n'))
    return { wrong: `the CSV has ${inTable.join('; ')}, the JSON lines have ${inLines.join('; ')}` };
  if (report.rows !== rows.length)
    return { wrong: `the record has ${report.rows} rows, the report ${rows.length}` };
  return { rows };
}
