/**
 * The cost of a request to the API, compared with a bare Hono app that reads and answers the same. Each server has its
 * own process.
 *
 * Measured in requests per second of the server's processor time. Wall-clock time would depend on other processes, the
 * client included.
 */
import { fileURLToPath } from 'node:url';
import type { Measure, Scope } from './bench.ts';
import { type BenchRequest, servedSchema } from './http-requests.ts';
import { type MeasuredProcess, startMeasured } from './measured-process.ts';
import { medianOf, type Round } from './verdict.ts';

/** The warm-up is long enough for V8 to compile the hot code. */
const FULL = { rounds: 5, requests: 500, warmUp: 1500 };
const QUICK = { rounds: 3, requests: 200, warmUp: 400 };
const AT_ONCE = 8;
const CHILD = fileURLToPath(new URL('http-child.ts', import.meta.url));

/** Shares of the bare server's rate. */
const ACCEPTED_AT_LEAST = 0.05;
const POLLED_AT_LEAST = 0.1;

interface Server {
  readonly process: MeasuredProcess;
  readonly baseUrl: string;
  readonly caller: string;
  readonly requests: readonly BenchRequest[];
}

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const { rounds, requests: count, warmUp } = isQuick ? QUICK : FULL;
  const servers = await Promise.all([start('api'), start('bare')]);
  try {
    const [api, bare] = servers;
    const measures: Measure[] = [];
    for (const [n, request] of api.requests.entries()) {
      const same = bare.requests[n];
      if (!same) throw new Error(`the bare server lacks the request ${request.what}`);
      await rateOf(api, request, warmUp);
      await rateOf(bare, same, warmUp);
      const measured: Round[] = [];
      for (let round = 0; round < rounds; round++)
        measured.push({
          measured: await rateOf(api, request, count),
          baseline: await rateOf(bare, same, count),
        });
      measures.push(measureOf(request, medianOf(measured)));
    }
    return measures;
  } finally {
    await Promise.all(servers.map((server) => server.process.stop()));
  }
}

const measureOf = ({ what }: BenchRequest, { measured, baseline }: Round): Measure => ({
  ...{ what, unit: '/s of CPU', measured },
  baseline: { what: 'by bare Hono', value: baseline },
  claim: { atLeast: what === 'POST /v1/jobs' ? ACCEPTED_AT_LEAST : POLLED_AT_LEAST },
});

async function start(kind: 'api' | 'bare'): Promise<Server> {
  const process = startMeasured(['--import', 'tsx', CHILD, kind]);
  return { process, ...(await process.message(servedSchema)) };
}

/** Requests per second of the server's processor time. */
async function rateOf(server: Server, request: BenchRequest, count: number): Promise<number> {
  const before = await server.process.usage();
  let left = count;
  const oneByOne = async (): Promise<void> => {
    while (left-- > 0) await send(server, request);
  };
  await server.process.during(Promise.all(Array.from({ length: AT_ONCE }, oneByOne)));
  const after = await server.process.usage();
  return count / (after.cpuSeconds - before.cpuSeconds);
}

async function send({ baseUrl, caller }: Server, { method, path, body }: BenchRequest): Promise<void> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { 'x-goog-api-key': caller, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}`);
}
