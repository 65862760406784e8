/** A port of loopback to listen on. */
import { createServer } from 'node:net';
import { LOOPBACK } from '../shared/running-server.ts';

/**
 * Below those that systems give to outgoing connections: a port that is free now is listened on a moment later, and must
 * not have become some client's meanwhile. Nor that of another stack which starts in the same moment, or takes what one
 * that is just restarting has let go: each process has a part of its own, by its id.
 */
const FIRST_PORT = 20_000;
const PARTS = 250;
const PORTS_PER_PART = 48;

let given = 0;
const nextOwn = (): number =>
  FIRST_PORT + (process.pid % PARTS) * PORTS_PER_PART + (given++ % PORTS_PER_PART);

/** `wanted` if nothing listens there, any free port otherwise. */
export async function freePort(wanted = 0): Promise<number> {
  if (wanted !== 0 && (await listenOnce(wanted)) !== undefined) return wanted;
  for (let tries = 0; tries <= PORTS_PER_PART; tries++) {
    // At last whichever the system gives.
    const port = await listenOnce(tries < PORTS_PER_PART ? nextOwn() : 0);
    if (port !== undefined) return port;
  }
  throw new Error('No port of this machine is free.');
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen(port, LOOPBACK, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}
