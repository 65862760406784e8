/** Topics and subscriptions: publishes messages, leases them to subscribers and accepts acknowledgements. */
import { randomInt } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import { Journal } from '../shared/journal.ts';
import type { PubsubMessage, ReceivedMessage, SubscriptionMessage, TopicMessage } from './protos.ts';
import { type PubSubRecord, PubSubState, type StoredMessage, type StoredSubscription } from './state.ts';

/** Default of the real service. */
const ACK_DEADLINE_SECONDS = 10;
const NAME = /^projects\/[^/]+\/(topics|subscriptions)\/[A-Za-z][\w.~+%-]{2,254}$/;

export class Broker {
  readonly #state = new PubSubState();
  readonly #journal: Journal<PubSubRecord> | undefined;
  readonly #now: () => number;
  readonly #watchers = new Set<() => void>();
  #lastId = 0n;

  /** @param file the journal; without it nothing survives the process */
  constructor(file: string | undefined, now: () => number) {
    this.#now = now;
    if (file === undefined) return;
    this.#journal = Journal.open<PubSubRecord>({
      file,
      replay: (record) => this.#state.apply(record),
      snapshot: () => this.#state.snapshot(),
    });
  }

  close(): void {
    this.#journal?.close();
  }

  /** Calls `onChange` whenever there may be a message to deliver. @returns a function that stops this */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  createTopic({ name = '', labels = {} }: TopicMessage): TopicMessage {
    checkName(name, 'topics');
    if (this.#state.topics.has(name)) refuse(status.ALREADY_EXISTS, `Topic already exists: ${name}`);
    this.#commit({ kind: 'topic', name, labels });
    return { name, labels };
  }

  topic(name: string): TopicMessage {
    const labels = this.#state.topics.get(name) ?? refuse(status.NOT_FOUND, `Topic not found: ${name}`);
    return { name, labels };
  }

  topicsOf(project: string): TopicMessage[] {
    const names = [...this.#state.topics.keys()].filter((name) => name.startsWith(`${project}/`));
    return names.sort().map((name) => this.topic(name));
  }

  deleteTopic(name: string): void {
    this.topic(name);
    this.#commit({ kind: 'topicDeleted', name });
  }

  createSubscription(message: SubscriptionMessage): SubscriptionMessage {
    const { name = '', topic = '', ackDeadlineSeconds = 0 } = message;
    checkName(name, 'subscriptions');
    this.topic(topic);
    if (this.#state.subscriptions.has(name))
      refuse(status.ALREADY_EXISTS, `Subscription already exists: ${name}`);
    const deadline = ackDeadlineSeconds === 0 ? ACK_DEADLINE_SECONDS : ackDeadlineSeconds;
    if (deadline < 10 || deadline > 600)
      refuse(status.INVALID_ARGUMENT, `ack_deadline_seconds is ${deadline}; it must be 10 to 600.`);
    this.#commit({ kind: 'subscription', name, topic, ackDeadlineSeconds: deadline });
    return subscriptionView(this.subscription(name));
  }

  subscription(name: string): StoredSubscription {
    return (
      this.#state.subscriptions.get(name) ?? refuse(status.NOT_FOUND, `Subscription does not exist: ${name}`)
    );
  }

  deleteSubscription(name: string): void {
    this.subscription(name);
    this.#commit({ kind: 'subscriptionDeleted', name });
    this.#notify();
  }

  /** Durable when this returns. Without a subscription the messages are discarded. @returns the message ids */
  publish(topic: string, messages: readonly PubsubMessage[]): string[] {
    this.topic(topic);
    if (messages.length === 0) refuse(status.INVALID_ARGUMENT, 'A request must have at least one message.');
    const stored = messages.map((message): StoredMessage => {
      const { data, attributes = {}, orderingKey = '' } = message;
      if ((data?.length ?? 0) === 0 && Object.keys(attributes).length === 0)
        refuse(status.INVALID_ARGUMENT, 'Some messages in the batch are empty: neither data nor attributes.');
      return {
        id: this.#newId(),
        dataBase64: data?.toString('base64') ?? '',
        attributes,
        orderingKey,
        publishedAtMs: this.#now(),
      };
    });
    const subscribers = [...this.#state.subscriptions.values()].filter((each) => each.topic === topic);
    if (subscribers.length > 0) {
      const subscriptions = subscribers.map(({ name }) => name);
      this.#commit({ kind: 'held', subscriptions, messages: stored });
      this.#notify();
    }
    return stored.map(({ id }) => id);
  }

  /** Leases up to `limit` messages that have no current lease. */
  lease(name: string, limit: number, leaseMs?: number): ReceivedMessage[] {
    const subscription = this.subscription(name);
    const now = this.#now();
    const received: ReceivedMessage[] = [];
    for (const entry of subscription.backlog.values()) {
      if (received.length >= limit) break;
      if (entry.leaseUntilMs > now) continue;
      entry.deliveries++;
      entry.leaseUntilMs = now + (leaseMs ?? subscription.ackDeadlineSeconds * 1000);
      received.push({
        ackId: `${entry.message.id}.${entry.deliveries}`,
        message: messageView(entry.message),
      });
    }
    return received;
  }

  /** The number of leased messages, and the time when the first lease ends and its message is redelivered. */
  leases(name: string): { readonly count: number; readonly nextEndMs: number | undefined } {
    const now = this.#now();
    let count = 0;
    let nextEndMs: number | undefined;
    for (const { leaseUntilMs } of this.subscription(name).backlog.values()) {
      if (leaseUntilMs <= now) continue;
      count++;
      nextEndMs = Math.min(nextEndMs ?? leaseUntilMs, leaseUntilMs);
    }
    return { count, nextEndMs };
  }

  /** Best effort, as in the service: an unknown id is not an error. */
  acknowledge(name: string, ackIds: readonly string[]): void {
    const { backlog } = this.subscription(name);
    const ids = ackIds.map(messageIdOf).filter((id) => backlog.has(id));
    if (ids.length > 0) this.#commit({ kind: 'acknowledged', subscription: name, ids });
    this.#notify();
  }

  /** Sets the deadline to `seconds` from now. 0 releases the message at once. Ids of earlier deliveries have no effect. */
  modifyDeadline(name: string, ackIds: readonly string[], seconds: number): void {
    const { backlog } = this.subscription(name);
    if (seconds < 0 || seconds > 600)
      refuse(status.INVALID_ARGUMENT, `ack_deadline_seconds is ${seconds}; it must be 0 to 600.`);
    for (const ackId of ackIds) {
      const found = backlog.get(messageIdOf(ackId));
      if (found && ackId === `${found.message.id}.${found.deliveries}`)
        found.leaseUntilMs = this.#now() + seconds * 1000;
    }
    if (seconds === 0) this.#notify();
  }

  /** Decimal and increasing, as the ids of the service are in practice. */
  #newId(): string {
    const fresh = BigInt(this.#now()) * 1_000_000n + BigInt(randomInt(1_000_000));
    this.#lastId = fresh > this.#lastId ? fresh : this.#lastId + 1n;
    return String(this.#lastId);
  }

  /** Applies the record before it appends it: appending may compact, and the snapshot must include the record. */
  #commit(record: PubSubRecord): void {
    this.#state.apply(record);
    this.#journal?.append(record);
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export const subscriptionView = ({
  name,
  topic,
  ackDeadlineSeconds,
}: StoredSubscription): SubscriptionMessage => ({
  name,
  topic,
  ackDeadlineSeconds,
});

function messageView({
  id,
  dataBase64,
  attributes,
  orderingKey,
  publishedAtMs,
}: StoredMessage): PubsubMessage {
  return {
    messageId: id,
    data: Buffer.from(dataBase64, 'base64'),
    attributes,
    orderingKey,
    publishTime: {
      seconds: Math.floor(publishedAtMs / 1000),
      nanos: Math.floor(publishedAtMs % 1000) * 1_000_000,
    },
  };
}

const messageIdOf = (ackId: string): string => ackId.slice(0, Math.max(0, ackId.lastIndexOf('.')));

function checkName(name: string, kind: 'topics' | 'subscriptions'): void {
  if (NAME.exec(name)?.[1] !== kind)
    refuse(
      status.INVALID_ARGUMENT,
      `'${name}' is not a valid ${kind === 'topics' ? 'topic' : 'subscription'} name. It must be ` +
        `projects/{project}/${kind}/{id}, and the id must have 3 to 255 characters and start with a letter.`,
    );
}
