/** Defects of batches, uploads and schedules that the simulation has to find. */
import type { Mutation } from '../mutations.ts';

export const BATCH_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a chunk is counted whatever wake it was read for',
    file: 'core/batch/step-batch.ts',
    find: `if ('seq' in event && batchWakeOf(batch)?.seq !== event.seq) return undefined;`,
    replace: `if ('seq' in event && event.type !== 'chunk' && batchWakeOf(batch)?.seq !== event.seq) return undefined;`,
  },
  {
    name: 'a row is another job each time it is read',
    file: 'handlers/job/create-job.ts',
    find: `ids.jobIdOf(['batch', batchId, String(row)]);`,
    replace: `row < 0 ? batchId : ids.newJobId();`,
  },
  {
    name: 'whether its batch is cancelled is not asked before a job is paid for',
    file: 'handlers/job/submit.ts',
    find: `if (await isOfCancelledBatch(services, job)) {`,
    replace: `if (job.batch?.row === 0 && (await isOfCancelledBatch(services, job))) {`,
  },
  {
    name: 'a batch that goes on is not rung for',
    file: 'handlers/batch/batch.ts',
    find: `if (wake) await enqueueBatchTask(services, { batchId, wake });`,
    replace: `if (wake && from !== batch.status) await enqueueBatchTask(services, { batchId, wake });`,
  },
  {
    name: 'the sweep looks at batches and does not ring',
    file: 'handlers/batch/sweep-batches.ts',
    find: `      if (await sweepOne(services, batch)) reEnqueued++;`,
    replace: `      if (batch.revision < 0 && (await sweepOne(services, batch))) reEnqueued++;`,
  },
  {
    name: 'each chunk may spend all that the batch may',
    file: 'handlers/batch/batch-chunk.ts',
    find: `sumUsd(sumUsd(before.priceUsd, spentUsd), laterJobsUsd`,
    replace: `sumUsd(sumUsd(before.priceUsd * 0, spentUsd), laterJobsUsd`,
  },
  {
    name: 'a batch that is resumed begins again',
    file: 'core/batch/step-batch.ts',
    find: `? { ...batch, status: 'expanding', ...nextWake(batch, now) }`,
    replace: `? { ...batch, status: 'expanding', cursor: batch.manifest?.start ?? batch.cursor, ...nextWake(batch, now) }`,
  },
  {
    name: 'a strict batch makes jobs while it checks',
    file: 'core/batch/step-batch.ts',
    find: `pass: dryRun || strict ? 'check' : 'admit',`,
    replace: `pass: dryRun ? 'check' : 'admit',`,
  },
  {
    name: 'a batch is through when all jobs but one are',
    file: 'handlers/batch/batch-jobs.ts',
    find: `if (unfinished === 0) return { type: 'settled' };`,
    replace: `if (unfinished <= 1) return { type: 'settled' };`,
  },
  {
    name: 'the report after a retry is put together from the parts of the one before',
    file: 'handlers/batch/batch-report.ts',
    find: `report-parts/\${retries}/\``,
    replace: `report-parts/\${Math.min(retries, 0)}/\``,
  },
  {
    name: 'the rows of a report are counted as it is written, whether or not it is',
    file: 'handlers/batch/batch-report.ts',
    find: `rows: rows ?? (await countOf(bytesOf(results, parts))) };`,
    replace: `rows: rows ?? 0 };`,
  },
  {
    name: 'the records of jobs go while their batch may be retried',
    file: 'core/batch/step-batch.ts',
    find: `if (batch.settings.dryRun || batch.lettingGo !== undefined) return undefined;`,
    replace: `if (batch.settings.dryRun) return undefined;`,
  },
  {
    name: 'an upload is known by its name, whatever its generation',
    file: 'handlers/batch/upload-errors.ts',
    find: `  name,
  generation,
];`,
    replace: `  name,
  generation.slice(0, 0),
];`,
  },
  {
    name: 'an upload is another job each time it is told of',
    file: 'handlers/batch/upload.ts',
    find: `const jobId = services.ids.jobIdOf(causeOf(work, object));`,
    replace: `const jobId = services.ids.newJobId();`,
  },
  {
    name: 'a picture is read as it is now, not as it came',
    file: 'core/batch/upload-rules.ts',
    find: `image: { gcsUri: \`gs://\${bucket}/\${name}\`, mimeType, generation },`,
    replace: `image: { gcsUri: \`gs://\${bucket}/\${name}\`, mimeType, ...(generation === '' ? { generation } : {}) },`,
  },
  {
    name: 'what is said about a picture does not ask for it',
    file: 'handlers/batch/upload.ts',
    find: `  if (arrival.kind === 'image') await handleImage(work, image, arrival);`,
    replace: `  if (arrival.kind === 'image' && sidecar.name === '') await handleImage(work, image, arrival);`,
  },
  {
    name: 'an event that could not be dealt with counts as done',
    file: 'handlers/batch/upload.ts',
    find: `    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    const { name`,
    replace: `    if (!(error instanceof ProblemError)) return;
    const { name`,
  },
  {
    name: 'every call for a fire is another batch',
    file: 'handlers/batch/schedule.ts',
    find: `cause: ['schedule', id, slot ?? time],`,
    replace: `cause: ['schedule', id, slot ?? time, String(work.services.ids.random())],`,
  },
  {
    name: 'a fire whose manifest comes late is forgotten',
    file: 'core/batch/schedules.ts',
    find: `(fire) => fire.state === 'waiting' ||`,
    replace: `(fire) =>`,
  },
];
