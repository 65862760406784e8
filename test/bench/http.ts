/**
 * What a request costs the API over what it costs Hono to read one and answer as much, each in a process of its own.
 *
 * Counted in requests per second of the server's own processor time: seconds of the clock tell how busy the machine is
 * with others, among them the client that asks.
 */
import { fileURLToPath } from 'node:url';
import type { Measure, Scope } from './bench.ts';
import { type Ask, servedSchema } from './http-asks.ts';
import { type MeasuredProcess, startMeasured } from './measured-process.ts';
import { middleOf, type Round } from './verdict.ts';

/** The warm-up is as long as V8 takes to compile what is asked often. */
const FULL = { rounds: 5, requests: 500, warmUp: 1500 };
const QUICK = { rounds: 3, requests: 200, warmUp: 400 };
const AT_ONCE = 8;
const CHILD = fileURLToPath(new URL('http-child.ts', import.meta.url));

/** Of the bare server's rate. */
const ACCEPTED_AT_LEAST = 0.05;
const POLLED_AT_LEAST = 0.1;

interface Server {
  readonly process: MeasuredProcess;
  readonly baseUrl: string;
  readonly caller: string;
  readonly asks: readonly Ask[];
}

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const { rounds, requests, warmUp } = isQuick ? QUICK : FULL;
  const servers = await Promise.all([start('api'), start('bare')]);
  try {
    const [api, bare] = servers;
    const measures: Measure[] = [];
    for (const [n, ask] of api.asks.entries()) {
      const same = bare.asks[n];
      if (!same) throw new Error(`the bare server does not know ${ask.what}`);
      await rateOf(api, ask, warmUp);
      await rateOf(bare, same, warmUp);
      const measured: Round[] = [];
      for (let round = 0; round < rounds; round++)
        measured.push({
          measured: await rateOf(api, ask, requests),
          baseline: await rateOf(bare, same, requests),
        });
      measures.push(measureOf(ask, middleOf(measured)));
    }
    return measures;
  } finally {
    await Promise.all(servers.map((server) => server.process.stop()));
  }
}

const measureOf = ({ what }: Ask, { measured, baseline }: Round): Measure => ({
  ...{ what, unit: '/s of CPU', measured },
  baseline: { what: 'by bare Hono', value: baseline },
  claim: { atLeast: what === 'POST /v1/jobs' ? ACCEPTED_AT_LEAST : POLLED_AT_LEAST },
});

async function start(kind: 'api' | 'bare'): Promise<Server> {
  const process = startMeasured(['--import', 'tsx', CHILD, kind]);
  return { process, ...(await process.told(servedSchema)) };
}

/** Requests per second of the server's processor time. */
async function rateOf(server: Server, ask: Ask, requests: number): Promise<number> {
  const before = await server.process.usage();
  let left = requests;
  const oneByOne = async (): Promise<void> => {
    while (left-- > 0) await send(server, ask);
  };
  await server.process.during(Promise.all(Array.from({ length: AT_ONCE }, oneByOne)));
  const after = await server.process.usage();
  return requests / (after.cpuSeconds - before.cpuSeconds);
}

async function send({ baseUrl, caller }: Server, { method, path, body }: Ask): Promise<void> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { 'x-goog-api-key': caller, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}`);
}
