import http from 'node:http';
import { expect, it } from 'vitest';
import { startSchedule } from '../../infra/scheduler/scheduler.ts';
import { LOOPBACK } from '../../infra/shared/running-server.ts';
import { freePort } from '../../infra/stack/free-port.ts';

it('a schedule is silent while what it calls is not up yet, and tells what it answers then', async () => {
  const port = await freePort();
  const told: unknown[] = [];
  let calls = 0;
  let onCall = (): void => undefined;
  let onError = (): void => undefined;
  const calledThrice = new Promise<void>((resolve) => {
    onCall = () => {
      calls += 1;
      if (calls === 3) resolve();
    };
  });
  const failed = new Promise<void>((resolve) => {
    onError = resolve;
  });
  const stop = startSchedule({
    url: `http://${LOOPBACK}:${port}/sweep`,
    everyMs: 1,
    // Asked for at the beginning of every call, and one begins when the one before has ended.
    idToken: () => {
      onCall();
      return 'token';
    },
    onError: (error) => {
      told.push(error);
      onError();
    },
  });
  await calledThrice;
  expect(told).toEqual([]);
  const server = http.createServer((_, response) => response.writeHead(500).end());
  server.listen(port, LOOPBACK);
  await failed;
  await stop();
  server.close();
  expect(String(told[0])).toContain('answered 500');
});
