/** Pauses all submit queues. Their names come from the catalogue, so that no permission to list queues is needed. */
import type { CloudTasksClient } from '@google-cloud/tasks';
import { LRUCache } from 'lru-cache';
import type { Catalogue } from '../core/catalogue/catalogue.ts';
import { submitQueueName, submitQueueNames } from '../core/job/queues.ts';
import type { Clock, Submissions } from '../ports.ts';
import { codeOf } from './error-code.ts';

export interface CloudTaskSubmissionsOptions {
  readonly client: CloudTasksClient;
  readonly project: string;
  /** Region of the queues. */
  readonly location: string;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
}

/** For calls that use no queue, a pause takes effect after up to this long. The cache saves a request per call. */
export const PAUSE_CACHE_MS = 60_000;

const NOT_FOUND = 5;

export function createCloudTaskSubmissions(options: CloudTaskSubmissionsOptions): Submissions {
  const { client, project, location, catalogue, clock } = options;
  const pause = async (queue: string): Promise<string[]> => {
    try {
      await client.pauseQueue({ name: client.queuePath(project, location, queue) });
      return [queue];
    } catch (error) {
      // A model without a queue in this deployment cannot be called either.
      if (codeOf(error) === NOT_FOUND) return [];
      throw error;
    }
  };
  const isQueuePaused = async (queue: string): Promise<boolean> => {
    try {
      const [{ state }] = await client.getQueue({ name: client.queuePath(project, location, queue) });
      return state === 'PAUSED';
    } catch (error) {
      if (codeOf(error) === NOT_FOUND) return true;
      throw error;
    }
  };
  const cache = new LRUCache<string, { readonly paused: boolean }>({
    max: 1000,
    ttl: PAUSE_CACHE_MS,
    ttlResolution: 0,
    perf: clock,
    fetchMethod: async (queue) => ({ paused: await isQueuePaused(queue) }),
  });
  return {
    // If the state cannot be read, this throws: a call that cannot be paused must not be sent.
    isPaused: async (queue) => (await cache.fetch(submitQueueName(queue)))?.paused ?? true,

    async pause() {
      const paused = await Promise.all(submitQueueNames(catalogue).map(pause));
      return paused.flat();
    },
  };
}
