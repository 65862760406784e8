/**
 * The durable state: topics, subscriptions, and the unacknowledged messages of each subscription. It changes only by
 * applying records, so that replaying the journal rebuilds it. Leases are not durable: after a restart every
 * unacknowledged message is delivered again, which at-least-once delivery permits.
 */

export interface StoredMessage {
  readonly id: string;
  readonly dataBase64: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  readonly publishedAtMs: number;
}

interface BacklogEntry {
  readonly message: StoredMessage;
  deliveries: number;
  leaseUntilMs: number;
}

export interface StoredSubscription {
  readonly name: string;
  topic: string;
  readonly ackDeadlineSeconds: number;
  /** Unacknowledged messages, oldest first. */
  readonly backlog: Map<string, BacklogEntry>;
}

/** A journal record. The stored kind `held` adds messages to the backlogs of subscriptions. */
export type PubSubRecord =
  | { readonly kind: 'topic'; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: 'topicDeleted'; readonly name: string }
  | {
      readonly kind: 'subscription';
      readonly name: string;
      readonly topic: string;
      readonly ackDeadlineSeconds: number;
    }
  | { readonly kind: 'subscriptionDeleted'; readonly name: string }
  | {
      readonly kind: 'held';
      readonly subscriptions: readonly string[];
      readonly messages: readonly StoredMessage[];
    }
  | { readonly kind: 'acknowledged'; readonly subscription: string; readonly ids: readonly string[] };

/** The topic that the service reports for a subscription whose topic was deleted. */
const DELETED_TOPIC = '_deleted-topic_';

export class PubSubState {
  readonly topics = new Map<string, Readonly<Record<string, string>>>();
  readonly subscriptions = new Map<string, StoredSubscription>();

  apply(record: PubSubRecord): void {
    switch (record.kind) {
      case 'topic':
        this.topics.set(record.name, record.labels);
        return;
      case 'topicDeleted':
        this.topics.delete(record.name);
        for (const each of this.subscriptions.values())
          if (each.topic === record.name) each.topic = DELETED_TOPIC;
        return;
      case 'subscription': {
        const { name, topic, ackDeadlineSeconds } = record;
        this.subscriptions.set(name, { name, topic, ackDeadlineSeconds, backlog: new Map() });
        return;
      }
      case 'subscriptionDeleted':
        this.subscriptions.delete(record.name);
        return;
      case 'held':
        for (const name of record.subscriptions)
          for (const message of record.messages)
            this.subscriptions
              .get(name)
              ?.backlog.set(message.id, { message, deliveries: 0, leaseUntilMs: Number.NEGATIVE_INFINITY });
        return;
      case 'acknowledged':
        for (const id of record.ids) this.subscriptions.get(record.subscription)?.backlog.delete(id);
    }
  }

  *snapshot(): Iterable<PubSubRecord> {
    for (const [name, labels] of this.topics) yield { kind: 'topic', name, labels };
    for (const { name, topic, ackDeadlineSeconds, backlog } of this.subscriptions.values()) {
      yield { kind: 'subscription', name, topic, ackDeadlineSeconds };
      const messages = [...backlog.values()].map(({ message }) => message);
      if (messages.length > 0) yield { kind: 'held', subscriptions: [name], messages };
    }
  }
}
