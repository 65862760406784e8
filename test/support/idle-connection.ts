/** A client that sends a paid request on a connection that was idle for longer than Node's server keeps it by default. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Node's default is 5 s, checked with up to 1 s of delay. This is real time: the sockets' timers are Node's own. */
export const IDLE_MS = 6500;

export interface AnswerOnConnection {
  readonly status: number | undefined;
  readonly isReused: boolean;
  /** The server's hint for how long it keeps the connection. */
  readonly keepAlive: string | undefined;
}

/** GET, a pause of {@link IDLE_MS}, and `POST /v1/jobs` on the same connection. @throws Error if it was closed meanwhile */
export async function requestsOnOneConnection(api: string): Promise<readonly AnswerOnConnection[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // Node's client would close the connection a second before the time that the server names.
  const send = (method: string, path: string, body?: string): Promise<AnswerOnConnection> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(`${api}${path}`, { method, agent, headers }, (response) => {
        const keepAlive = response.headers['keep-alive'];
        response.resume().once('end', () =>
          resolve({
            status: response.statusCode,
            isReused: sent.reusedSocket,
            keepAlive: Array.isArray(keepAlive) ? keepAlive.join() : keepAlive,
          }),
        );
      });
      sent.once('error', reject).end(body);
    });
  try {
    const first = await send('GET', '/healthz');
    await sleep(IDLE_MS);
    return [
      first,
      await send('POST', '/v1/jobs', JSON.stringify({ prompt: 'a kitten', durationSeconds: 4 })),
    ];
  } finally {
    agent.destroy();
  }
}
