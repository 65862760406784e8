/** The suite on the local Pub/Sub, and what it keeps through a restart. */
import { PubSub } from '@google-cloud/pubsub';
import { grpc } from 'google-gax';
import { describe, expect, it } from 'vitest';
import { createPubSubEvents } from '../../../functions/adapters/pubsub-events.ts';
import { startPubSub } from '../../../infra/pubsub/server.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';
import { pubSubSuite } from './pubsub-suite.ts';

pubSubSuite('the local server', async () => {
  const { port, stop } = await startPubSub();
  return { host: `127.0.0.1:${port}`, stop };
});

describe('the local Pub/Sub', () => {
  it('redelivers unacknowledged messages after a restart', async () => {
    const stateDir = temporaryDir();
    const topic = 'projects/p/topics/events';
    const first = await startPubSub({ stateDir, topics: [topic] });
    const clientOf = (port: number): PubSub =>
      new PubSub({
        ...{ projectId: 'p', apiEndpoint: `127.0.0.1:${port}`, emulatorMode: true },
        sslCreds: grpc.credentials.createInsecure(),
      });
    const client = clientOf(first.port);
    await client.topic('events').createSubscription('mine');
    process.env['PUBSUB_EMULATOR_HOST'] = `127.0.0.1:${first.port}`;
    const events = createPubSubEvents({ topic, source: 's' });
    await events.publish({ id: 'kept', type: 't', subject: 's', time: 0, data: {} });
    delete process.env['PUBSUB_EMULATOR_HOST'];
    await client.close();
    await first.stop();

    const second = await startPubSub({ stateDir, topics: [topic] });
    const again = clientOf(second.port);
    const subscription = again.subscription('mine');
    const id = await new Promise((resolve, reject) => {
      subscription.on('error', reject);
      subscription.on('message', (message) => {
        message.ack();
        resolve(message.attributes['ce-id']);
      });
    });
    expect(id).toBe('kept');
    await subscription.close();
    await again.close();
    await second.stop();
  });

  it('times out a publication when the server does not respond', async () => {
    const silent = await startPubSub();
    await silent.stop();
    process.env['PUBSUB_EMULATOR_HOST'] = `127.0.0.1:${silent.port}`;
    const events = createPubSubEvents({ topic: 'projects/p/topics/events', source: 's', timeoutMs: 1500 });
    await expect(events.publish({ id: 'e', type: 't', subject: 's', time: 0, data: {} })).rejects.toThrow();
    delete process.env['PUBSUB_EMULATOR_HOST'];
  });
});
