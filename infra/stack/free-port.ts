/** Finds a free loopback port to listen on. */
import { createServer } from 'node:net';
import { LOOPBACK } from '../shared/running-server.ts';

/**
 * Ports are chosen below the ephemeral range: a server listens on its port only a moment after the port was found free,
 * and an outgoing connection must not take it in between. Another stack that starts at the same time must not take it
 * either, nor a port that a restarting process has just released. So each process has a range of its own. It listens on
 * the first port of the range for as long as it lives, which tells others that the range is taken.
 */
const FIRST_PORT = 20_000;
const RANGES = 250;
const PORTS_PER_RANGE = 48;

let ownRange: Promise<number> | undefined;
let allocated = 0;

/** Returns the first port of a range that no other process has. */
async function takeRange(): Promise<number> {
  for (let tries = 0; tries < RANGES; tries++) {
    const first = FIRST_PORT + ((process.pid + tries) % RANGES) * PORTS_PER_RANGE;
    const guard = createServer();
    const isTaken = await new Promise<boolean>((resolve) => {
      guard.once('error', () => resolve(true));
      guard.listen(first, LOOPBACK, () => resolve(false));
    });
    if (isTaken) continue;
    guard.unref();
    return first;
  }
  throw new Error('Every range of ports is taken. Stop a local stack.');
}

async function nextCandidate(): Promise<number> {
  ownRange ??= takeRange();
  return (await ownRange) + 1 + (allocated++ % (PORTS_PER_RANGE - 1));
}

/** Returns `wanted` if nothing listens there, otherwise any free port. */
export async function freePort(wanted = 0): Promise<number> {
  if (wanted !== 0 && (await listenOnce(wanted)) !== undefined) return wanted;
  for (let tries = 0; tries <= PORTS_PER_RANGE; tries++) {
    // When the own range is exhausted, the last try takes any port that the system assigns.
    const port = await listenOnce(tries < PORTS_PER_RANGE ? await nextCandidate() : 0);
    if (port !== undefined) return port;
  }
  throw new Error('No loopback port is free. Stop a process that listens on one.');
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
