/** What the steps of a batch have in common. */
import { type Batch, batchPrefixOf } from '../../core/batch/batch.ts';
import { type BodyRules, misspeltColumns } from '../../core/batch/row-body.ts';
import type { BatchEvent } from '../../core/batch/step-batch.ts';
import { JOB_STATUSES, type JobStatus } from '../../core/job/job.ts';
import { REQUEST_FIELDS } from '../../core/request/request-body.ts';
import type { Clock, Ids, Services } from '../../ports.ts';

/** I5: the same cause gives the same batch. */
export const batchIdOf = (ids: Pick<Ids, 'hash'>, cause: readonly string[]): string =>
  `bat_${ids.hash(['batch', ...cause])}`;

/** What a step came to, for the wake that it was taken for. */
export type Work = WithoutSeq<Extract<BatchEvent, { seq: number }>>;
type WithoutSeq<E> = E extends { seq: number } ? Omit<E, 'seq'> : never;

/** Well within a task's deadline, and short enough that a crash repeats little. */
export const STEP_MS = 20_000;

/**
 * Ten minutes of work for a model with a quota of 50 a minute. More would only age in the queue towards their deadline,
 * go on through a pause, and be looked after by every sweep.
 */
export const UNFINISHED_MAX = 500;
const BACK_PRESSURE_MS = 10_000;

export const backPressure = ({ clock, policy }: Pick<Services, 'clock' | 'policy'>): Work => ({
  type: 'wait',
  untilMs: clock.now() + BACK_PRESSURE_MS / policy.speedUp,
});

export const stepEnd = (clock: Clock): (() => boolean) => {
  const end = clock.now() + STEP_MS;
  return () => clock.now() >= end;
};

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

export const gone = ({ source }: Pick<Batch, 'source'>): Work => ({
  type: 'unreadable',
  error: {
    code: 'MANIFEST_GONE',
    message: `${source.gcsUri} was replaced or deleted while it was read (generation ${source.generation}). Start a new batch.`,
  },
});

export const faultsPrefixOf = (batchId: string): string => `${batchPrefixOf(batchId)}faults/`;

/** So that names sort as numbers do. */
export const padded = (row: number): string => String(row).padStart(10, '0');
