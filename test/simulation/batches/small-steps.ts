/**
 * A batch takes hundreds of rows in one step, more than a simulated run has. These edits lower the numbers, so that a
 * few rows need several chunks, pages and report parts, wait for unfinished jobs, and are interrupted in between.
 */
import type { Edit } from '../planted.ts';

const number = (file: string, name: string, before: string, after: string): Edit => ({
  file: `handlers/batch/${file}`,
  find: `const ${name} = ${before};`,
  replace: `const ${name} = ${after};`,
});

export const SMALL_STEPS: readonly Edit[] = [
  number('batch-chunk.ts', 'ADMITTED_PER_CHUNK', '100', '3'),
  number('batch-chunk.ts', 'FAULTS_PER_CHUNK', '5_000', '2'),
  number('batch-chunk.ts', 'SLICE', '25', '2'),
  number('batch-chunk.ts', 'CHECKED_PER_CHUNK', '25_000', '4'),
  number('batch-chunk.ts', 'WINDOW_BYTES', '128 * 1024', '400'),
  number('batch-work.ts', 'UNFINISHED_MAX', '500', '5'),
  number('batch-jobs.ts', 'CANCELLED_PER_STEP', '200', '2'),
  number('batch-jobs.ts', 'RETRIED_PER_STEP', '50', '2'),
  number('batch-jobs.ts', 'RELEASED_PER_PAGE', '100', '2'),
  number(
    'batch-report.ts',
    'ROWS_PER_PART',
    '{ withJobs: 2_000, faultsOnly: 50_000 } as const',
    '{ withJobs: 3, faultsOnly: 3 } as const',
  ),
  number('batch-report.ts', 'PAGE', '500', '2'),
  number('uncounted-rows.ts', 'PAGE', '500', '2'),
  number('batch-report.ts', 'WINDOW_BYTES', '1024 * 1024', '1000'),
  number('sweep-batches.ts', 'RELEASED_PER_RUN', '500', '2'),
];
