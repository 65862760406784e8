/** The whole local stack once: a job that survives a kill, and whose video can be downloaded. All other modes are long tests. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ speedUp: 50 });
});
afterAll(() => stack.dispose());

it('a job whose functions are killed while its operation runs ends with one paid call and its video', async () => {
  const { id } = await stack.submit({ prompt: 'a calico kitten asleep in the sun', durationSeconds: 4 });
  await expect.poll(() => stack.paidCalls()).toHaveLength(1);
  stack.processes.functions.kill();
  const job = await stack.finished(id);
  expect(job).toMatchObject({ status: 'succeeded', videos: [{ durationSeconds: 4 }] });
  expect(await stack.paidCalls()).toHaveLength(1);
  const [video] = job.videos ?? [];
  const response = await fetch(`${stack.endpoints.api}${video?.href}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.headers.get('content-type')).toBe('video/mp4');
  expect(bytes).toHaveLength(video?.bytes ?? Number.NaN);
  expect(bytes.subarray(4, 8).toString('latin1')).toBe('ftyp');
});
