/**
 * Pub/Sub on loopback: google.pubsub.v1 over gRPC, so that the official client works unchanged. It has topics,
 * subscriptions, publish, pull, streaming pull, acknowledgements and their deadlines. Delivery is at least once.
 *
 * Not supported: push, snapshots, seek, schemas, filters, dead-letter topics, ordering and exactly-once delivery.
 */
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { bindInsecure, toServiceError } from '../shared/grpc.ts';
import { LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { Broker, subscriptionView } from './broker.ts';
import {
  type PubsubMessage,
  publisherService,
  type ReceivedMessage,
  type SubscriptionMessage,
  subscriberService,
  type TopicMessage,
} from './protos.ts';
import { streamingPull } from './streaming-pull.ts';

export interface PubSubOptions {
  /** Default: a free port. */
  readonly port?: number;
  /** Folder of the journal. Without it nothing survives `stop`. */
  readonly stateDir?: string;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Full names of topics to create at the start if they do not exist. */
  readonly topics?: readonly string[];
  readonly onBug?: (error: unknown) => void;
}

/** How long a pull waits for a message before it returns none. */
const PULL_WAIT_MS = 5000;

interface PullRequest {
  readonly subscription?: string;
  readonly maxMessages?: number;
  readonly returnImmediately?: boolean;
}
interface AckRequest {
  readonly subscription?: string;
  readonly ackIds?: readonly string[];
  readonly ackDeadlineSeconds?: number;
}

/** @throws when the port is in use */
export async function startPubSub(options: PubSubOptions = {}): Promise<RunningServer> {
  const { port = 0, stateDir, now = Date.now, topics = [] } = options;
  const onBug = options.onBug ?? ((error) => process.stderr.write(`pubsub: ${String(error)}\n`));
  const broker = new Broker(stateDir === undefined ? undefined : path.join(stateDir, 'pubsub.jsonl'), now);
  for (const name of topics) {
    const project = name.slice(0, name.indexOf('/topics/'));
    if (!broker.topicsOf(project).some((topic) => topic.name === name)) broker.createTopic({ name });
  }

  const unary =
    <Q>(method: (request: Q) => object) =>
    (call: grpc.ServerUnaryCall<Q, object>, callback: grpc.sendUnaryData<object>): void => {
      try {
        callback(null, method(call.request));
      } catch (error) {
        callback(toServiceError(error, onBug));
      }
    };
  const pull = (
    call: grpc.ServerUnaryCall<PullRequest, object>,
    callback: grpc.sendUnaryData<object>,
  ): void => {
    waitForMessages(broker, call).then(
      (receivedMessages) => callback(null, { receivedMessages }),
      (error: unknown) => callback(toServiceError(error, onBug)),
    );
  };

  const server = new grpc.Server();
  server.addService(publisherService, {
    createTopic: unary((topic: TopicMessage) => broker.createTopic(topic)),
    getTopic: unary(({ topic = '' }: { topic?: string }) => broker.topic(topic)),
    listTopics: unary(({ project = '' }: { project?: string }) => ({ topics: broker.topicsOf(project) })),
    deleteTopic: unary(({ topic = '' }: { topic?: string }) => empty(() => broker.deleteTopic(topic))),
    publish: unary(({ topic = '', messages = [] }: { topic?: string; messages?: PubsubMessage[] }) => ({
      messageIds: broker.publish(topic, messages),
    })),
  });
  server.addService(subscriberService, {
    createSubscription: unary((message: SubscriptionMessage) => broker.createSubscription(message)),
    getSubscription: unary(({ subscription = '' }: { subscription?: string }) =>
      subscriptionView(broker.subscription(subscription)),
    ),
    deleteSubscription: unary(({ subscription = '' }: { subscription?: string }) =>
      empty(() => broker.deleteSubscription(subscription)),
    ),
    acknowledge: unary(({ subscription = '', ackIds = [] }: AckRequest) =>
      empty(() => broker.acknowledge(subscription, ackIds)),
    ),
    modifyAckDeadline: unary(({ subscription = '', ackIds = [], ackDeadlineSeconds = 0 }: AckRequest) =>
      empty(() => broker.modifyDeadline(subscription, ackIds, ackDeadlineSeconds)),
    ),
    pull,
    streamingPull: streamingPull(broker, now, onBug),
  });
  const stop = async (): Promise<void> => {
    server.forceShutdown();
    broker.close();
  };
  try {
    return { port: await bindInsecure(server, LOOPBACK, port), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs `work` and returns google.protobuf.Empty. */
function empty(work: () => void): object {
  work();
  return {};
}

async function waitForMessages(
  broker: Broker,
  call: grpc.ServerUnaryCall<PullRequest, object>,
): Promise<ReceivedMessage[]> {
  const { subscription = '', maxMessages = 1, returnImmediately = false } = call.request;
  const found = broker.lease(subscription, maxMessages);
  if (found.length > 0 || returnImmediately) return found;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      stop();
      call.removeListener('cancelled', settle);
    };
    const stop = broker.watch(() => {
      try {
        const arrived = broker.lease(subscription, maxMessages);
        if (arrived.length === 0) return;
        settle();
        resolve(arrived);
      } catch (error) {
        settle();
        reject(error);
      }
    });
    const timer = setTimeout(() => {
      settle();
      resolve([]);
    }, PULL_WAIT_MS);
    call.on('cancelled', settle);
  });
}
