/** The service definitions, read from the official client's proto files, and the message types that this server uses. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fromJSON, type ServiceDefinition } from '@grpc/proto-loader';

export interface TimestampMessage {
  readonly seconds: number;
  readonly nanos: number;
}
export interface TopicMessage {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}
export interface SubscriptionMessage {
  readonly name?: string;
  readonly topic?: string;
  readonly ackDeadlineSeconds?: number;
}
export interface PubsubMessage {
  readonly data?: Buffer;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly messageId?: string;
  readonly publishTime?: TimestampMessage;
  readonly orderingKey?: string;
}
export interface ReceivedMessage {
  readonly ackId: string;
  readonly message: PubsubMessage;
}
export interface StreamingPullRequest {
  readonly subscription?: string;
  readonly ackIds?: readonly string[];
  readonly modifyDeadlineSeconds?: readonly number[];
  readonly modifyDeadlineAckIds?: readonly string[];
  readonly streamAckDeadlineSeconds?: number;
  readonly maxOutstandingMessages?: number;
}

// Parsed once for both services: this takes most of the server's start time.
const definitions = fromJSON(
  JSON.parse(
    readFileSync(
      createRequire(import.meta.url).resolve('@google-cloud/pubsub/build/protos/protos.json'),
      'utf8',
    ),
  ),
  { longs: Number, enums: String, oneofs: true },
);

function service(name: string): ServiceDefinition {
  const definition = definitions[name];
  if (definition === undefined || 'format' in definition)
    throw new Error(`The protos do not define ${name}.`);
  return definition as ServiceDefinition;
}

export const publisherService = service('google.pubsub.v1.Publisher');
export const subscriberService = service('google.pubsub.v1.Subscriber');
