/** Types, limits and names that the steps of a batch share. */
import { type Batch, batchPrefixOf, batchWakeOf } from '../../core/batch/batch.ts';
import { misspeltColumns } from '../../core/batch/manifest-columns.ts';
import type { BodyRules } from '../../core/batch/row-body.ts';
import type { BatchEvent } from '../../core/batch/step-batch.ts';
import { JOB_STATUSES, type JobStatus } from '../../core/job/job.ts';
import { estimateUsd } from '../../core/job/price.ts';
import { stagesOf } from '../../core/job/stages.ts';
import type { VideoRequest } from '../../core/job/video-request.ts';
import { REQUEST_FIELDS } from '../../core/request/request-body.ts';
import type { BatchGuard, Clock, Ids, Services } from '../../ports.ts';

/** I5: the same cause gives the same batch. */
export const batchIdOf = (ids: Pick<Ids, 'hash'>, cause: readonly string[]): string =>
  `bat_${ids.hash(['batch', ...cause])}`;

/** The result of a step, as an event without the sequence number of its wake. */
export type StepOutcome = WithoutSeq<Extract<BatchEvent, { seq: number }>>;
type WithoutSeq<E> = E extends { seq: number } ? Omit<E, 'seq'> : never;

/** Well within a task's deadline, and short enough that little is repeated after a crash. */
export const STEP_MS = 20_000;

/**
 * Ten minutes of work for a model with a quota of 50 calls per minute. More jobs would only wait towards their
 * deadline, continue during a pause, and add load to every sweep.
 */
export const UNFINISHED_MAX = 500;
const BACK_PRESSURE_MS = 10_000;

export const backPressure = ({ clock, policy }: Pick<Services, 'clock' | 'policy'>): StepOutcome => ({
  type: 'wait',
  untilMs: clock.now() + BACK_PRESSURE_MS / policy.speedUp,
});

export const stepEnd = (clock: Clock): (() => boolean) => {
  const end = clock.now() + STEP_MS;
  return () => clock.now() >= end;
};

/** A step makes jobs only while its wake is the batch's: not after a pause, a cancel, or another run of the step. */
export const stepGuard = (batch: Batch): BatchGuard => ({
  batchId: batch.batchId,
  allows: (stored) => stored !== undefined && batchWakeOf(stored)?.seq === batchWakeOf(batch)?.seq,
});

export const UNFINISHED: readonly JobStatus[] = JOB_STATUSES.filter(
  (status) => status !== 'succeeded' && status !== 'failed' && status !== 'cancelled',
);

export const rulesOf = ({ settings }: Pick<Batch, 'settings'>, columns: readonly string[]): BodyRules => ({
  template: settings.template,
  defaults: settings.defaults,
  columns,
  misspelt: misspeltColumns(columns, REQUEST_FIELDS),
  fields: REQUEST_FIELDS,
  lane: settings.lane,
});

/** Seconds of video and the maximum price of a row. */
export interface Estimate {
  readonly priceUsd: number;
  readonly seconds: number;
}

export const estimateOf = ({ catalogue }: Pick<Services, 'catalogue'>, request: VideoRequest): Estimate => ({
  priceUsd: estimateUsd(catalogue, request),
  seconds: stagesOf(request).reduce(
    (sum, stage) => sum + (stage.kind === 'image' ? 0 : stage.durationSeconds * stage.sampleCount),
    0,
  ),
});

export const manifestMissing = ({ source }: Pick<Batch, 'source'>): StepOutcome => ({
  type: 'unreadable',
  error: {
    code: 'MANIFEST_GONE',
    message: `${source.gcsUri} (generation ${source.generation}) was replaced or deleted while it was read. Start a new batch.`,
  },
});

export const faultsPrefixOf = (batchId: string): string => `${batchPrefixOf(batchId)}faults/`;

/** Pads row numbers so that names sort numerically. */
export const padded = (row: number): string => String(row).padStart(10, '0');
