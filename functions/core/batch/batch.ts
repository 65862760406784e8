/**
 * What a batch is: many jobs from one manifest. A union on `status`; `step-batch.ts` moves it. Its jobs are records of
 * their own, found by `batchId`; the batch knows how far its manifest has been read (`cursor`) and what was promised.
 *
 * Times are milliseconds since the epoch, money US dollars.
 */
import { z } from 'zod';
import { announcementSchema, LANES } from '../job/job.ts';
import { FORMATS } from '../manifest/manifest-start.ts';

const jsonObject = z.record(z.string(), z.unknown());

const cursorSchema = z.object({
  byte: z.number(),
  row: z.number(),
  line: z.number(),
  isSkipping: z.boolean(),
});

/** The manifest as it is read: text, of one generation. */
const manifestSchema = z.object({
  gcsUri: z.string(),
  generation: z.string(),
  bytes: z.number(),
  format: z.enum(FORMATS),
  /** Of CSV. */
  columns: z.array(z.string()),
  delimiter: z.string(),
  /** Columns that mean nothing here. */
  ignoredColumns: z.array(z.string()),
  /** Of the first row. */
  start: cursorSchema,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** What was counted of the rows read so far. */
const totalsSchema = z.object({
  rows: z.number(),
  /** Rows that are requests; of a batch that is no dry run, each is a job. */
  valid: z.number(),
  faults: z.number(),
  seconds: z.number(),
  /** Estimates of the valid rows: what the batch may come to. A retry pays for nothing that was paid for. */
  priceUsd: z.number(),
});
export type BatchTotals = z.infer<typeof totalsSchema>;

const rowFaultSchema = z.object({
  row: z.number(),
  line: z.number(),
  fault: z.string(),
});
export type RowFault = z.infer<typeof rowFaultSchema>;

const batchErrorSchema = z.object({ code: z.string(), message: z.string() });
export type BatchError = z.infer<typeof batchErrorSchema>;

/** What the batch comes to once its report is written. */
const endingSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('done') }),
  z.object({ status: z.literal('cancelled') }),
  z.object({ status: z.literal('failed'), error: batchErrorSchema }),
]);
export type BatchEnding = z.infer<typeof endingSchema>;

const reportSchema = z.object({
  /** Names in the output bucket. */
  csv: z.string(),
  jsonl: z.string(),
  rows: z.number(),
});

const wakeSchema = z.object({ at: z.number(), seq: z.number(), ring: z.number() });

const baseSchema = z.object({
  batchId: z.string(),
  caller: z.string(),
  title: z.string().optional(),
  createdAt: z.number(),
  updatedAt: z.number(),
  revision: z.number(),
  wakes: z.number(),
  trace: z.string().optional(),
  /** Of the request as it came. */
  fingerprint: z.string(),
  /** As it was named; its generation is pinned from the first moment. */
  source: z.object({
    gcsUri: z.string(),
    generation: z.string(),
    format: z.enum(FORMATS).optional(),
    isInline: z.boolean(),
  }),
  settings: z.object({
    template: jsonObject.optional(),
    defaults: jsonObject.optional(),
    strict: z.boolean(),
    dryRun: z.boolean(),
    maxSpendUsd: z.number().optional(),
    lane: z.enum(LANES),
    /** Prefix of the reports in the output bucket. */
    reportPrefix: z.string(),
  }),
  manifest: manifestSchema.optional(),
  totals: totalsSchema,
  /** The first of them; all are in the report. */
  firstFaults: z.array(rowFaultSchema),
  /** The first row that `maxSpendUsd` left no room for. */
  cappedAtRow: z.number().optional(),
  /** Rounds of retries begun so far. */
  retries: z.number(),
  /** Failed jobs that a retry left alone, of the last round. */
  retriesLeft: z.number(),
  /** Of one that has been over for as long as jobs are kept: its jobs' records may go, and no retry needs them. */
  lettingGo: z.enum(['begun', 'done']).optional(),
  /** Of one that is over; gone with a retry, and made anew at its end. */
  announcement: announcementSchema.optional(),
});
export type BatchBase = z.infer<typeof baseSchema>;

/**
 * `check` judges every row and makes no job: a dry run, or the first pass of a strict batch. `admit` makes them.
 */
const passSchema = z.enum(['check', 'admit']);
export type Pass = z.infer<typeof passSchema>;

const position = { pass: passSchema, cursor: cursorSchema };

export const batchSchema = z.discriminatedUnion('status', [
  baseSchema.extend({ status: z.literal('expanding'), ...position, wake: wakeSchema }),
  baseSchema.extend({ status: z.literal('paused'), ...position }),
  /** Every row is admitted; waits for the jobs. */
  baseSchema.extend({ status: z.literal('running'), ending: endingSchema, wake: wakeSchema }),
  /** Going through the failed jobs, in the order of their rows. */
  baseSchema.extend({
    status: z.literal('retrying'),
    afterRow: z.number(),
    ending: endingSchema,
    wake: wakeSchema,
  }),
  baseSchema.extend({ status: z.literal('cancelling'), cancelledAt: z.number(), wake: wakeSchema }),
  baseSchema.extend({
    status: z.literal('reporting'),
    ending: endingSchema,
    /** Rows up to this one are in the parts written so far. */
    afterRow: z.number(),
    parts: z.number(),
    wake: wakeSchema,
  }),
  baseSchema.extend({ status: z.literal('done'), finishedAt: z.number(), report: reportSchema }),
  baseSchema.extend({ status: z.literal('cancelled'), finishedAt: z.number(), report: reportSchema }),
  baseSchema.extend({
    status: z.literal('failed'),
    finishedAt: z.number(),
    error: batchErrorSchema,
    report: reportSchema,
  }),
]);
export type Batch = z.infer<typeof batchSchema>;
export type BatchStatus = Batch['status'];
export type BatchIn<S extends BatchStatus> = Extract<Batch, { status: S }>;

/** The part that every status shares. */
export function batchBaseOf(batch: Batch): BatchBase {
  const { batchId, caller, title, createdAt, updatedAt, revision, wakes, trace, fingerprint } = batch;
  const { source, settings, manifest, totals, firstFaults, cappedAtRow, retries, retriesLeft } = batch;
  return {
    ...{ batchId, caller, createdAt, updatedAt, revision, wakes, fingerprint },
    ...{ source, settings, totals, firstFaults, retries, retriesLeft },
    ...(title === undefined ? {} : { title }),
    ...(trace === undefined ? {} : { trace }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(cappedAtRow === undefined ? {} : { cappedAtRow }),
  };
}

export const isBatchOver = (batch: Batch): batch is BatchIn<'done' | 'cancelled' | 'failed'> =>
  'finishedAt' in batch;

/** Also while its report is written, and while what had failed of it is retried. */
export const isBatchCancelled = (batch: Batch): boolean =>
  batch.status === 'cancelling' ||
  batch.status === 'cancelled' ||
  ('ending' in batch && batch.ending.status === 'cancelled');

/** Since when the batch's end waits to be published. */
export const batchAnnouncementDueAt = (batch: Batch): number | undefined =>
  isBatchOver(batch) && batch.announcement && 'dueAt' in batch.announcement
    ? batch.announcement.dueAt
    : undefined;

export const batchWakeOf = (batch: Batch) => ('wake' in batch ? batch.wake : undefined);

/** Everything of a batch in the output bucket but its reports is under this. */
export const batchPrefixOf = (batchId: string): string => `batches/${batchId}/`;

export const NO_TOTALS: BatchTotals = { rows: 0, valid: 0, faults: 0, seconds: 0, priceUsd: 0 };
