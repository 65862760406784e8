/** A port of loopback to listen on. */
import { createServer } from 'node:net';
import { LOOPBACK } from '../shared/running-server.ts';

/**
 * Below those that systems give to outgoing connections: a port that is free now is listened on a moment later, and must
 * not have become some client's meanwhile.
 */
const PORTS = { first: 20_000, count: 12_000 };
const PORT_TRIES = 20;

/** `wanted` if nothing listens there, any free port otherwise. */
export async function freePort(wanted = 0): Promise<number> {
  const tryPort = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(undefined));
      probe.listen(port, LOOPBACK, () => {
        const address = probe.address();
        probe.close(() =>
          resolve(typeof address === 'object' && address !== null ? address.port : undefined),
        );
      });
    });
  const candidates = [
    ...(wanted === 0 ? [] : [wanted]),
    ...Array.from({ length: PORT_TRIES }, () => PORTS.first + Math.floor(Math.random() * PORTS.count)),
    0,
  ];
  for (const candidate of candidates) {
    const port = await tryPort(candidate);
    if (port !== undefined) return port;
  }
  throw new Error('No port of this machine is free.');
}
