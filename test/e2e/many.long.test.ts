/** Many concurrent jobs end to end, limited by a quota. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

const JOBS = 200;
const PER_SECOND = 10;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ submitPerSecond: PER_SECOND });
});
afterAll(() => stack.dispose());

describe('200 jobs submitted at once, with a model queue of 10 requests per second', () => {
  it('all succeed, each with exactly one paid call', async () => {
    const jobs = await Promise.all(
      Array.from({ length: JOBS }, (_, n) =>
        stack.submit({ prompt: `kitten number ${n}`, durationSeconds: 4 }),
      ),
    );
    const done = await Promise.all(jobs.map(({ id }) => stack.finished(id)));
    expect(done.filter(({ status }) => status !== 'succeeded')).toEqual([]);
    const paid = await stack.paidCalls();
    expect(paid).toHaveLength(JOBS);
    expect(new Set(paid.map(({ prompt }) => prompt)).size).toBe(JOBS);
  });
});
