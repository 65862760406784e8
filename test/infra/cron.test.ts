/** The local Cloud Scheduler: call times, requests and retries. */
import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CronOptions, startCron } from '../../infra/scheduler/cron.ts';

interface Call {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
let server: http.Server;
let url: string;
let calls: Call[];
let answer: (n: number) => number;
let onCall: () => void;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      calls.push({ headers: request.headers, body });
      response.writeHead(answer(calls.length)).end();
      onCall();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/batch`;
});
afterAll(() => server.close());
beforeEach(() => {
  calls = [];
  answer = () => 204;
  onCall = () => {};
});

/** The clock advances with every wait. Resolves after `count` calls or an error. */
async function until(
  count: number,
  start: string,
  job: { cron: string; timeZone: string },
  more: Partial<CronOptions> = {},
): Promise<{ times: unknown[]; waits: number[]; errors: unknown[] }> {
  let now = Date.parse(start);
  const waits: number[] = [];
  const errors: unknown[] = [];
  let enough = (): void => {};
  const whenEnough = new Promise<void>((resolve) => {
    enough = resolve;
  });
  onCall = () => {
    if (calls.length >= count) enough();
  };
  const stop = startCron({
    jobs: [{ ...job, name: 'clapper-nightly', url, body: { schedule: 'nightly' } }],
    idToken: (audience) => `token for ${audience}`,
    onError: (error) => {
      errors.push(error);
      enough();
    },
    now: () => now,
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      waits.push(ms);
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
    ...more,
  });
  await whenEnough;
  await stop();
  return { times: calls.map(({ headers }) => headers['x-cloudscheduler-scheduletime']), waits, errors };
}

describe('the local scheduler', () => {
  it('calls in the time zone of the job, also across clock changes, with token, name and due time', async () => {
    const { times } = await until(3, '2026-10-23T12:00:00Z', {
      cron: '0 1 * * *',
      timeZone: 'Europe/Berlin',
    });
    expect(times.slice(0, 3)).toEqual([
      '2026-10-23T23:00:00.000Z',
      '2026-10-24T23:00:00.000Z',
      '2026-10-26T00:00:00.000Z',
    ]);
    expect(calls[0]).toMatchObject({
      body: '{"schedule":"nightly"}',
      headers: {
        authorization: `Bearer token for ${url}`,
        'content-type': 'application/json',
        'x-cloudscheduler-jobname': 'clapper-nightly',
      },
    });
  });

  it('retries a failed call five times with the same due time, and then reports the error', async () => {
    answer = () => 503;
    const { times, errors } = await until(99, '2026-11-21T00:00:30Z', {
      cron: '1 0 1 1 *',
      timeZone: 'Etc/UTC',
    });
    expect(times).toEqual(Array.from({ length: 6 }, () => '2027-01-01T00:01:00.000Z'));
    expect(String(errors[0])).toContain('failed 6 times: 503');
  });

  it('rejects an invalid cron expression and an unknown time zone', () => {
    const start = (cron: string, timeZone: string) => () =>
      startCron({
        jobs: [{ name: 'j', cron, timeZone, url, body: {} }],
        idToken: () => '',
        onError: () => {},
      });
    expect(start('61 * * * *', 'Etc/UTC')).toThrow();
    expect(start('* * * * *', 'Mars/Olympus')).toThrow();
  });
});
