/** The submit queues as one switch. They are counted out by the catalogue, so that no right to list queues is needed. */
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

/** A stop may be as late as this for calls that pass no queue; each of them would ask otherwise. */
export const PAUSE_REMEMBERED_MS = 60_000;

const NOT_FOUND = 5;

export function createCloudTaskSubmissions(options: CloudTaskSubmissionsOptions): Submissions {
  const { client, project, location, catalogue, clock } = options;
  const pause = async (queue: string): Promise<string[]> => {
    try {
      await client.pauseQueue({ name: client.queuePath(project, location, queue) });
      return [queue];
    } catch (error) {
      // A model that this deployment has no queue for cannot be paid for either.
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
  const remembered = new LRUCache<string, { readonly paused: boolean }>({
    max: 1000,
    ttl: PAUSE_REMEMBERED_MS,
    ttlResolution: 0,
    perf: clock,
    fetchMethod: async (queue) => ({ paused: await isQueuePaused(queue) }),
  });
  return {
    // What cannot be learned is an error: a call that nobody can stop is not made.
    isPaused: async (line) => (await remembered.fetch(submitQueueName(line)))?.paused ?? true,

    async pause() {
      const paused = await Promise.all(submitQueueNames(catalogue).map(pause));
      return paused.flat();
    },
  };
}
