/** The shutdown of the functions' process, over real sockets. */
import http from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LOOPBACK } from '../../infra/shared/running-server.ts';
import { drainable } from '../../infra/stack/drain.ts';

const agents: http.Agent[] = [];
const servers: http.Server[] = [];
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const server of servers.splice(0)) server.closeAllConnections();
});

/** A server whose responses the test controls. */
async function heldServer() {
  const waiting: { method: string | undefined; answer: () => void }[] = [];
  let onArrival: (() => void) | undefined;
  const server = http.createServer(({ method }, response) => {
    waiting.push({ method, answer: () => response.end('done') });
    onArrival?.();
  });
  servers.push(server);
  const drain = drainable(server);
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const agent = new http.Agent({ keepAlive: true });
  agents.push(agent);
  const send = (method: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: LOOPBACK, port, method, agent }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.end();
    });
  const arrived = async (count: number): Promise<void> => {
    while (waiting.length < count)
      await new Promise<void>((resolve) => {
        onArrival = resolve;
      });
  };
  return { drain, send, waiting, arrived };
}

describe('a server that drains', () => {
  it('completes the paid call in progress before it stops, and accepts no other', async () => {
    const { drain, send, waiting, arrived } = await heldServer();
    const paid = send('POST');
    await arrived(1);
    let ended = false;
    const drained = drain().then(() => {
      ended = true;
    });
    await expect(send('POST')).rejects.toThrow('ECONNREFUSED');
    await turn();
    expect(ended).toBe(false);
    waiting[0]?.answer();
    await drained;
    expect(await paid).toBe('done');
    await expect(send('POST')).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for long polls', async () => {
    const { drain, send, arrived } = await heldServer();
    const polled = send('GET').catch((error: unknown) => error);
    await arrived(1);
    await drain();
    for (const server of servers) server.closeAllConnections();
    expect(await polled).toBeInstanceOf(Error);
  });

  it('stops at once when it is idle', async () => {
    const { drain, send, waiting, arrived } = await heldServer();
    const answered = send('POST');
    await arrived(1);
    waiting[0]?.answer();
    await answered;
    await drain();
  });
});
