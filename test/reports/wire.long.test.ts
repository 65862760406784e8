/**
 * nodejs/node#20256: a server closes an idle connection while the client sends its next request, by default after 5 s. For
 * a paid POST the client does not know whether it was accepted. `test/e2e/deployed.long.test.ts` has the deployed form.
 */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IDLE_MS, requestsOnOneConnection } from '../support/idle-connection.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack.dispose());

it('accepts a paid POST on a connection that was idle for longer than 5 s (nodejs/node#20256)', async () => {
  expect(IDLE_MS).toBeGreaterThan(5000);
  const answers = await requestsOnOneConnection(stack.endpoints.api);
  expect(answers).toEqual([
    { status: 200, isReused: false, keepAlive: 'timeout=620' },
    { status: 201, isReused: true, keepAlive: 'timeout=620' },
  ]);
});

it('decompresses a body behind the functions framework, whose own parser would do it without a limit', async () => {
  const post = async (json: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = new Uint8Array(gzipSync(json));
    return (await fetch(`${stack.endpoints.api}/v1/jobs`, { method: 'POST', headers, body })).status;
  };
  expect(await post(JSON.stringify({ prompt: 'a kitten', durationSeconds: 4 }))).toBe(201);
  expect(await post(' '.repeat(30_000_000))).toBe(413);
});
