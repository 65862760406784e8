/**
 * Names of the task queues: one submit queue per model and lane, so that a slow or exhausted model holds up no other,
 * and a batch no interactive job.
 */
import type { Catalogue, ProviderName } from '../catalogue/catalogue.ts';
import { type Job, LANES, type Lane } from './job.ts';
import { currentStage } from './stages.ts';

export const POLL_QUEUE = 'poll';
export const BATCH_QUEUE = 'batch';

/** Where a job waits for its paid call. */
export interface SubmitQueue {
  readonly provider: ProviderName;
  readonly model: string;
  readonly lane: Lane;
}

/** Cloud Tasks allows letters, digits and hyphens. */
export const submitQueueName = ({ provider, model, lane }: SubmitQueue): string =>
  `submit-${provider}-${model.replace(/[^A-Za-z0-9]+/g, '-')}${lane === 'batch' ? '-batch' : ''}`;

/** The line of the job's present stage. */
export function submitQueueOf(job: Job): SubmitQueue {
  const { provider, model } = currentStage(job);
  return { provider, model, lane: job.lane };
}

/** Whether the job stands in its line. One that was sent back to wait comes on its own when its time is over. */
export const waitsInQueue = (job: Job): boolean => job.status === 'queued' && job.readyAt <= job.updatedAt;

/** Every submit queue that a job of this catalogue may be put in. */
export const submitQueueNames = ({ models }: Pick<Catalogue, 'models'>): readonly string[] =>
  models.flatMap(({ provider, model }) => LANES.map((lane) => submitQueueName({ provider, model, lane })));
