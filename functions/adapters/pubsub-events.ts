/** Events to a Pub/Sub topic: CloudEvents 1.0 in the binary mode of its Pub/Sub binding, attributes `ce-…`. */
import type { Topic } from '@google-cloud/pubsub';
import type { EventSink, OutgoingEvent } from '../ports.ts';

export interface PubSubEventsOptions {
  /** `projects/PROJECT/topics/TOPIC` */
  readonly topic: string;
  /** `ce-source`: whose events these are. */
  readonly source: string;
  /** How long one publication may take with all its retries; the sweep makes the next. Default 10 s. */
  readonly timeoutMs?: number;
}

/** DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE: publishing again does no harm. */
const RETRYABLE = [4, 8, 10, 13, 14];

export function createPubSubEvents({ topic, source, timeoutMs = 10_000 }: PubSubEventsOptions): EventSink {
  let opened: Promise<Topic> | undefined;
  const open = async (): Promise<Topic> => {
    // Only where it is used: loading it takes longer than all the rest of a cold start together.
    const { PubSub } = await import('@google-cloud/pubsub');
    const [, projectId = '', name = ''] = /^projects\/([^/]+)\/topics\/([^/]+)$/.exec(topic) ?? [];
    const client = new PubSub({ projectId });
    return client.topic(name, {
      // A function may be frozen once it has answered, so nothing is kept back to be sent with others.
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
