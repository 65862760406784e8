/**
 * Names of the task queues. Each model and lane has its own submit queue, so that a slow or exhausted model does not delay
 * other models, and batches do not delay interactive jobs.
 */
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { ProviderName } from '../catalogue/vocabulary.ts';
import { type Job, LANES, type Lane } from './job.ts';
import { currentStage } from './stages.ts';

export const POLL_QUEUE = 'poll';
export const BATCH_QUEUE = 'batch';

/** The queue in which a job waits for its paid call. The stored field and the task payload call it `line`. */
export interface SubmitQueue {
  readonly provider: ProviderName;
  readonly model: string;
  readonly lane: Lane;
}

/** Cloud Tasks allows letters, digits and hyphens. */
export const submitQueueName = ({ provider, model, lane }: SubmitQueue): string =>
  `submit-${provider}-${model.replace(/[^A-Za-z0-9]+/g, '-')}${lane === 'batch' ? '-batch' : ''}`;

/** The submit queue of the job's current stage. */
export function submitQueueOf(job: Job): SubmitQueue {
  const { provider, model } = currentStage(job);
  return { provider, model, lane: job.lane };
}

/** Whether the job waits in its submit queue. A job in back-off does not: its own task resumes it at `readyAt`. */
export const waitsInQueue = (job: Job): boolean => job.status === 'queued' && job.readyAt <= job.updatedAt;

/** The names of all submit queues of this catalogue. */
export const submitQueueNames = ({ models }: Pick<Catalogue, 'models'>): readonly string[] =>
  models.flatMap(({ provider, model }) => LANES.map((lane) => submitQueueName({ provider, model, lane })));
