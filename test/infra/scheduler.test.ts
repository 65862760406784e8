import http from 'node:http';
import { expect, it } from 'vitest';
import { startSchedule } from '../../infra/scheduler/scheduler.ts';
import { LOOPBACK } from '../../infra/shared/running-server.ts';
import { freePort } from '../../infra/stack/free-port.ts';

it('a schedule ignores refused connections and reports error responses', async () => {
  const port = await freePort();
  const errors: unknown[] = [];
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
    // Called at the start of every call. A call starts only after the previous one has ended.
    idToken: () => {
      onCall();
      return 'token';
    },
    onError: (error) => {
      errors.push(error);
      onError();
    },
  });
  await calledThrice;
  expect(errors).toEqual([]);
  const server = http.createServer((_, response) => response.writeHead(500).end());
  server.listen(port, LOOPBACK);
  await failed;
  await stop();
  server.close();
  expect(String(errors[0])).toContain('returned HTTP 500');
});
