/**
 * The record of a batch: many jobs from one manifest. A discriminated union on `status`; the transitions are in
 * `step-batch.ts`. Its jobs are separate records with its `batchId`. The batch stores how far its manifest has been read
 * (`cursor`), the totals of the rows so far, and its settings.
 *
 * Times are milliseconds since the epoch, money US dollars.
 */
import { z } from 'zod';
import { defined } from '../defined.ts';
import { announcementSchema, type Job, LANES } from '../job/job.ts';
import { FORMATS } from '../manifest/manifest-start.ts';

const jsonObject = z.record(z.string(), z.unknown());

const cursorSchema = z.object({
  byte: z.number(),
  row: z.number(),
  line: z.number(),
  isSkipping: z.boolean(),
});

/** The manifest to read: uncompressed text, pinned to one generation. */
const manifestSchema = z.object({
  gcsUri: z.string(),
  generation: z.string(),
  bytes: z.number(),
  format: z.enum(FORMATS),
  /** CSV only; empty for JSON lines. The name of a column without a name is empty. */
  columns: z.array(z.string()),
  delimiter: z.string(),
  /** Columns that are neither request fields nor placeholders of the template. */
  ignoredColumns: z.array(z.string()),
  /** Where the first row begins. */
  start: cursorSchema,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Totals of the rows read so far. */
const totalsSchema = z.object({
  rows: z.number(),
  /** Rows that are valid requests. Unless the batch is a dry run, each is a job. */
  valid: z.number(),
  faults: z.number(),
  seconds: z.number(),
  /** The sum of the estimates of the valid rows. Retries are not added: they do not pay again for landed attempts. */
  priceUsd: z.number(),
});
export type BatchTotals = z.infer<typeof totalsSchema>;

const rowFaultSchema = z.object({
  row: z.number(),
  line: z.number(),
  fault: z.string(),
  /** The faults of single fields, at most one for each. `fault` has them too. */
  errors: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
});
export type RowFault = z.infer<typeof rowFaultSchema>;

const batchErrorSchema = z.object({ code: z.string(), message: z.string() });
export type BatchError = z.infer<typeof batchErrorSchema>;

/** The status of the batch after its report has been written. */
const endingSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('done') }),
  z.object({ status: z.literal('cancelled') }),
  z.object({ status: z.literal('failed'), error: batchErrorSchema }),
]);
export type BatchEnding = z.infer<typeof endingSchema>;

const reportSchema = z.object({
  /** Object names in the output bucket. */
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
  /** SHA-256 of the request as received. */
  fingerprint: z.string(),
  /** The manifest as the caller named it. Its generation is pinned when the batch is created. */
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
    /** Prefix of the report objects in the output bucket. */
    reportPrefix: z.string(),
  }),
  manifest: manifestSchema.optional(),
  totals: totalsSchema,
  /** The first faults. The report has all of them. */
  firstFaults: z.array(rowFaultSchema),
  /** The first row that would have exceeded `maxSpendUsd`. */
  cappedAtRow: z.number().optional(),
  /** How many rounds of retries have been started. */
  retries: z.number(),
  /** How many failed jobs the last round of retries skipped. */
  retriesLeft: z.number(),
  /**
   * Set after the retention time: whether the release of the jobs' records has begun or is done. From then on the batch
   * cannot be retried.
   */
  lettingGo: z.enum(['begun', 'done']).optional(),
  /** Only after the batch has ended. A retry removes it; the next end sets it again. */
  announcement: announcementSchema.optional(),
});
export type BatchBase = z.infer<typeof baseSchema>;

/**
 * `check` validates every row and creates no jobs: a dry run, or the first pass of a strict batch. `admit` creates the jobs.
 */
const passSchema = z.enum(['check', 'admit']);
export type Pass = z.infer<typeof passSchema>;

const position = { pass: passSchema, cursor: cursorSchema };

/**
 * Set by a resume: the pause may have held jobs (`heldAt` in their records). The first step after it puts them back into
 * their submit queues.
 */
const held = { held: z.literal(true).optional() };

/**
 * The `seq` of the wake for which a task has begun to read a chunk. If the batch is paused or cancelled meanwhile, the
 * result of that chunk is still counted, because its jobs exist.
 */
const chunk = { reading: z.number().optional() };

export const batchSchema = z.discriminatedUnion('status', [
  baseSchema.extend({ status: z.literal('expanding'), ...position, ...held, ...chunk, wake: wakeSchema }),
  /**
   * No jobs are made, and none is submitted. Resumes as `expanding` if `pass` and `cursor` are present, as `retrying` if
   * `ending` and `afterRow` are, and as `running` if only `ending` is.
   */
  baseSchema.extend({
    status: z.literal('paused'),
    pass: passSchema.optional(),
    cursor: cursorSchema.optional(),
    ending: endingSchema.optional(),
    afterRow: z.number().optional(),
    ...chunk,
  }),
  /** Every row has been admitted. The batch waits until its jobs are terminal. */
  baseSchema.extend({ status: z.literal('running'), ending: endingSchema, ...held, wake: wakeSchema }),
  /** Retries the failed jobs, in the order of their rows. */
  baseSchema.extend({
    status: z.literal('retrying'),
    afterRow: z.number(),
    ending: endingSchema,
    ...held,
    wake: wakeSchema,
  }),
  baseSchema.extend({
    status: z.literal('cancelling'),
    cancelledAt: z.number(),
    ...chunk,
    /** The last row that was counted, if rows were still read when the batch was cancelled. */
    countedRow: z.number().optional(),
    wake: wakeSchema,
  }),
  baseSchema.extend({
    status: z.literal('reporting'),
    ending: endingSchema,
    /** The parts written so far contain the rows up to and including this one. */
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
    batchId,
    caller,
    createdAt,
    updatedAt,
    revision,
    wakes,
    fingerprint,
    source,
    settings,
    totals,
    firstFaults,
    retries,
    retriesLeft,
    ...defined({ title, trace, manifest, cappedAtRow }),
  };
}

export const isBatchOver = (batch: Batch): batch is BatchIn<'done' | 'cancelled' | 'failed'> =>
  'finishedAt' in batch;

/** True also while the report is written, and while the failed jobs of a cancelled batch are retried. */
export const isBatchCancelled = (batch: Batch): boolean =>
  batch.status === 'cancelling' ||
  batch.status === 'cancelled' ||
  ('ending' in batch && batch.ending?.status === 'cancelled');

/**
 * Why this job of the batch must not be submitted now. A retry was requested separately, so it is submitted although the
 * batch was cancelled.
 */
export function submissionStop(
  batch: Batch | undefined,
  { retryOf }: Pick<Job, 'retryOf'>,
): 'paused' | 'cancelled' | undefined {
  if (batch?.status === 'paused') return 'paused';
  return batch && !retryOf && isBatchCancelled(batch) ? 'cancelled' : undefined;
}

/** When the announcement became due; undefined if it is not due or already sent. */
export const batchAnnouncementDueAt = (batch: Batch): number | undefined =>
  isBatchOver(batch) && batch.announcement && 'dueAt' in batch.announcement
    ? batch.announcement.dueAt
    : undefined;

export const batchWakeOf = (batch: Batch) => ('wake' in batch ? batch.wake : undefined);

/** The `seq` of the chunk that was read when the batch was paused or cancelled, until its rows are counted. */
export const interruptedChunkOf = (batch: Batch): number | undefined =>
  batch.status === 'paused' || batch.status === 'cancelling' ? batch.reading : undefined;

/** Rows after this one may have jobs that `totals` does not contain. undefined: `totals` contains all jobs. */
export function countedRowOf(batch: Batch): number | undefined {
  if (batch.status === 'cancelling') return batch.countedRow;
  return 'pass' in batch && batch.pass === 'admit' ? batch.cursor?.row : undefined;
}

/** The prefix of everything but the reports that a batch stores in the output bucket. */
export const batchPrefixOf = (batchId: string): string => `batches/${batchId}/`;

export const NO_TOTALS: BatchTotals = { rows: 0, valid: 0, faults: 0, seconds: 0, priceUsd: 0 };
