/** The submit queues as one switch. They are counted out by the catalogue, so that no right to list queues is needed. */
import type { CloudTasksClient } from '@google-cloud/tasks';
import type { Catalogue } from '../core/catalogue.ts';
import { submitQueuesOf } from '../core/queues.ts';
import type { Submissions } from '../ports.ts';
import { codeOf } from './error-code.ts';

export interface CloudTaskSubmissionsOptions {
  readonly client: CloudTasksClient;
  readonly project: string;
  /** Region of the queues. */
  readonly location: string;
  readonly catalogue: Catalogue;
}

const NOT_FOUND = 5;

export function createCloudTaskSubmissions(options: CloudTaskSubmissionsOptions): Submissions {
  const { client, project, location, catalogue } = options;
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
  return {
    async pause() {
      const paused = await Promise.all(submitQueuesOf(catalogue).map(pause));
      return paused.flat();
    },
  };
}
