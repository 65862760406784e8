/** Names of the task queues. One submit queue per model, so that a slow or exhausted model holds up no other. */
import type { ProviderName } from './catalogue.ts';

export const POLL_QUEUE = 'poll';

/** Cloud Tasks allows letters, digits and hyphens. */
export const submitQueueOf = (provider: ProviderName, model: string): string =>
  `submit-${provider}-${model.replace(/[^A-Za-z0-9]+/g, '-')}`;
