/**
 * nodejs/node#20256: a server closes an idle connection while the client sends its next request, by default after 5 s. For
 * a paid POST the client does not know whether it was accepted. `test/e2e/deployed.long.test.ts` has the deployed form.
 */
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
