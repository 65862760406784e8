/** The throughput of the local stack, from request to video. For information: it is built to be complete, not fast. */
import { startTestStack } from '../support/local-stack.ts';
import type { Measure, Scope } from './bench.ts';

const JOBS = 200;
const QUICK_JOBS = 20;
/** More than the stack can process. */
const SUBMIT_PER_SECOND = 200;

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const count = isQuick ? QUICK_JOBS : JOBS;
  const stack = await startTestStack({ submitPerSecond: SUBMIT_PER_SECOND });
  try {
    const startedAt = performance.now();
    const jobs = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        stack.submit({ prompt: `kitten number ${n}`, durationSeconds: 4 }),
      ),
    );
    const done = await Promise.all(jobs.map(({ id }) => stack.finished(id)));
    const seconds = (performance.now() - startedAt) / 1000;
    const other = done.find(({ status }) => status !== 'succeeded');
    if (other) throw new Error(`job ${other.id} is ${other.status}: ${other.error?.message}`);
    return [{ what: `jobs from request to video, ${count} at once`, unit: '/s', measured: count / seconds }];
  } finally {
    await stack.dispose();
  }
}
