/** Publishes CloudEvents 1.0 to a Pub/Sub topic, in binary content mode (attributes `ce-…`). */
import type { Topic } from '@google-cloud/pubsub';
import type { EventSink, OutgoingEvent } from '../ports.ts';

export interface PubSubEventsOptions {
  /** `projects/PROJECT/topics/TOPIC` */
  readonly topic: string;
  /** `ce-source`: identifies the deployment. */
  readonly source: string;
  /** Time limit of one publication with all its retries; after that the sweep tries again. Default: 10 s. */
  readonly timeoutMs?: number;
}

/** DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. Publishing twice is harmless. */
const RETRYABLE = [4, 8, 10, 13, 14];

export function createPubSubEvents({ topic, source, timeoutMs = 10_000 }: PubSubEventsOptions): EventSink {
  let opened: Promise<Topic> | undefined;
  const open = async (): Promise<Topic> => {
    // Imported on first use: loading it takes longer than the rest of a cold start.
    const { PubSub } = await import('@google-cloud/pubsub');
    const [, projectId = '', name = ''] = /^projects\/([^/]+)\/topics\/([^/]+)$/.exec(topic) ?? [];
    const client = new PubSub({ projectId });
    return client.topic(name, {
      // Cloud Run may freeze an instance after it has answered, so messages are not held back for batching.
      batching: { maxMessages: 1 },
      gaxOpts: {
        timeout: timeoutMs,
        retry: {
          retryCodes: RETRYABLE,
          backoffSettings: {
            initialRetryDelayMillis: 100,
            retryDelayMultiplier: 2,
            maxRetryDelayMillis: 2000,
            initialRpcTimeoutMillis: timeoutMs / 2,
            rpcTimeoutMultiplier: 1,
            maxRpcTimeoutMillis: timeoutMs / 2,
            totalTimeoutMillis: timeoutMs,
          },
        },
      },
    });
  };
  return {
    async publish(event) {
      opened ??= open();
      await (await opened).publishMessage({
        data: Buffer.from(JSON.stringify(event.data)),
        attributes: attributesOf(event, source),
      });
    },
  };
}

const attributesOf = (event: OutgoingEvent, source: string): Record<string, string> => ({
  'ce-id': event.id,
  'ce-source': source,
  'ce-specversion': '1.0',
  'ce-type': event.type,
  'ce-subject': event.subject,
  'ce-time': new Date(event.time).toISOString(),
  'content-type': 'application/json',
});
