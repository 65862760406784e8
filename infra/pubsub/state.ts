/**
 * What survives: topics, subscriptions, and every message that a subscription has not acknowledged. It changes only by
 * applying records, so that replaying the journal rebuilds it. Leases do not survive: after a restart everything that
 * was not acknowledged is delivered again, as it may be at any time.
 */

export interface StoredMessage {
  readonly id: string;
  readonly dataBase64: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  readonly publishedAtMs: number;
}

interface Held {
  readonly message: StoredMessage;
  deliveries: number;
  leaseUntilMs: number;
}

export interface StoredSubscription {
  readonly name: string;
  topic: string;
  readonly ackDeadlineSeconds: number;
  /** Not acknowledged, oldest first. */
  readonly held: Map<string, Held>;
}

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

/** What the service calls the topic of a subscription that has lost it. */
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
        this.subscriptions.set(name, { name, topic, ackDeadlineSeconds, held: new Map() });
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
              ?.held.set(message.id, { message, deliveries: 0, leaseUntilMs: Number.NEGATIVE_INFINITY });
        return;
      case 'acknowledged':
        for (const id of record.ids) this.subscriptions.get(record.subscription)?.held.delete(id);
    }
  }

  *snapshot(): Iterable<PubSubRecord> {
    for (const [name, labels] of this.topics) yield { kind: 'topic', name, labels };
    for (const { name, topic, ackDeadlineSeconds, held } of this.subscriptions.values()) {
      yield { kind: 'subscription', name, topic, ackDeadlineSeconds };
      const messages = [...held.values()].map(({ message }) => message);
      if (messages.length > 0) yield { kind: 'held', subscriptions: [name], messages };
    }
  }
}
