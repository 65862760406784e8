/** Conformance suite for Pub/Sub, through the official client and the events adapter. */
import { randomUUID } from 'node:crypto';
import { type Message, PubSub, type Subscription } from '@google-cloud/pubsub';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPubSubEvents } from '../../../functions/adapters/pubsub-events.ts';

export interface PubSubUnderTest {
  /** `host:port`, without TLS. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

const PROJECT = 'clapper-test';
const event = {
  id: 'job_1.succeeded',
  type: 'dev.clapper.job.finished.v1',
  subject: 'jobs/job_1',
  time: Date.UTC(2026, 10, 21),
  data: { id: 'job_1', title: 'Kätzchen' },
};

export function pubSubSuite(name: string, start: () => Promise<PubSubUnderTest>): void {
  describe(`Pub/Sub: ${name}`, () => {
    let server: PubSubUnderTest;
    let client: PubSub;
    beforeAll(async () => {
      server = await start();
      const sslCreds = grpc.credentials.createInsecure();
      client = new PubSub({ projectId: PROJECT, apiEndpoint: server.host, sslCreds, emulatorMode: true });
      process.env['PUBSUB_EMULATOR_HOST'] = server.host;
    }, 60_000);
    afterAll(async () => {
      delete process.env['PUBSUB_EMULATOR_HOST'];
      await client.close();
      await server.stop();
    });

    const unused = (): string => `t-${randomUUID()}`;
    const topicWith = async (): Promise<{ topic: string; subscription: Subscription }> => {
      const id = unused();
      const [topic] = await client.createTopic(id);
      const [subscription] = await topic.createSubscription(id, { ackDeadlineSeconds: 10 });
      return { topic: topic.name, subscription };
    };
    /** Receives and acknowledges the first `count` messages. */
    const receive = (subscription: Subscription, count: number): Promise<Message[]> =>
      new Promise((resolve, reject) => {
        const received: Message[] = [];
        subscription.on('error', reject);
        subscription.on('message', (message: Message) => {
          message.ack();
          received.push(message);
          if (received.length === count) void subscription.close().then(() => resolve(received), reject);
        });
      });

    it('delivers an event of Clapper as a CloudEvent in binary mode', async () => {
      const { topic, subscription } = await topicWith();
      const events = createPubSubEvents({ topic, source: '//clapper/projects/p' });
      await events.publish(event);
      const [message] = await receive(subscription, 1);
      expect(message?.attributes).toEqual({
        'ce-id': 'job_1.succeeded',
        'ce-source': '//clapper/projects/p',
        'ce-specversion': '1.0',
        'ce-type': 'dev.clapper.job.finished.v1',
        'ce-subject': 'jobs/job_1',
        'ce-time': '2026-11-21T00:00:00.000Z',
        'content-type': 'application/json',
      });
      expect(JSON.parse(message?.data.toString() ?? '')).toEqual(event.data);
      expect(message?.id).toMatch(/^\d+$/);
    });

    it('delivers every message to every existing subscription of its topic, and not to later ones', async () => {
      const { topic, subscription } = await topicWith();
      const [second] = await client.topic(topic).createSubscription(unused());
      const events = createPubSubEvents({ topic, source: 's' });
      await Promise.all(Array.from({ length: 30 }, (_, n) => events.publish({ ...event, id: `e${n}` })));
      const [late] = await client.topic(topic).createSubscription(unused());
      const ids = (messages: readonly Message[]) =>
        new Set(messages.map(({ attributes }) => attributes['ce-id']));
      expect(ids(await receive(subscription, 30)).size).toBe(30);
      expect(ids(await receive(second, 30)).size).toBe(30);
      await events.publish({ ...event, id: 'last' });
      expect(ids(await receive(late, 1))).toEqual(new Set(['last']));
    });

    it('redelivers a released message and does not redeliver an acknowledged one', async () => {
      const { topic, subscription } = await topicWith();
      const events = createPubSubEvents({ topic, source: 's' });
      await events.publish({ ...event, id: 'first' });
      const seen: (string | undefined)[] = [];
      await new Promise<void>((resolve, reject) => {
        subscription.on('error', reject);
        subscription.on('message', (message: Message) => {
          const id = message.attributes['ce-id'];
          seen.push(id);
          if (seen.length === 1) message.nack();
          else message.ack();
          if (id === 'first' && seen.length === 2) void events.publish({ ...event, id: 'second' });
          if (id === 'second') void subscription.close().then(resolve, reject);
        });
      });
      expect(seen).toEqual(['first', 'first', 'second']);
    });

    it('rejects a missing topic, an existing topic and an invalid topic name', async () => {
      const { topic } = await topicWith();
      const short = topic.split('/').at(-1) ?? '';
      const gone = createPubSubEvents({ topic: `projects/${PROJECT}/topics/${unused()}`, source: 's' });
      await expect(gone.publish(event)).rejects.toMatchObject({ code: 5 });
      await expect(client.createTopic(short)).rejects.toMatchObject({ code: 6 });
      await expect(client.createTopic('1')).rejects.toMatchObject({ code: 3 });
      expect(await client.topic(short).exists()).toEqual([true]);
      expect(await client.topic(unused()).exists()).toEqual([false]);
    });
  });
}
