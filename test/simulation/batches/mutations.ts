/** Defects of batches, uploads and schedules that the simulation has to catch. */
import type { Mutation } from '../mutations.ts';

export const BATCH_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a chunk is counted even if its wake is outdated',
    file: 'core/batch/step-batch.ts',
    find: `const isCurrent = !('seq' in event) || batchWakeOf(batch)?.seq === event.seq;`,
    replace: `const isCurrent = !('seq' in event) || event.type === 'chunk' || batchWakeOf(batch)?.seq === event.seq;`,
  },
  {
    name: 'a CSV record of blank values is a row',
    file: 'core/manifest/record-reader.ts',
    find: `'values' in content && content.values.every(isBlank)`,
    replace: `'values' in content && content.values.length === 1 && content.values.every(isBlank)`,
  },
  {
    name: 'a row makes another job each time it is read',
    file: 'handlers/job/create-job.ts',
    find: `ids.jobIdOf(['batch', batchId, String(row)]);`,
    replace: `row < 0 ? batchId : ids.newJobId();`,
  },
  {
    name: 'a submit does not check whether the batch of the job is cancelled',
    file: 'core/batch/batch.ts',
    find: `return batch && !retryOf && isBatchCancelled(batch) ? 'cancelled' : undefined;`,
    replace: `return batch && retryOf && isBatchCancelled(batch) ? 'cancelled' : undefined;`,
  },
  {
    name: 'a submit does not check whether the batch of the job is paused',
    file: 'core/batch/batch.ts',
    find: `if (batch?.status === 'paused') return 'paused';`,
    replace: `if (batch?.status === 'paused' && batch.cursor) return 'paused';`,
  },
  {
    name: 'a claim does not check the batch again',
    file: 'handlers/job/submit.ts',
    find: `allows: (batch: Batch | undefined) => submissionStop(batch, job) === undefined,`,
    replace: `allows: (batch: Batch | undefined) => batch !== job,`,
  },
  {
    name: 'a chunk makes jobs after its batch was paused',
    file: 'handlers/batch/batch-work.ts',
    find: `allows: (stored) => stored !== undefined && batchWakeOf(stored)?.seq === batchWakeOf(batch)?.seq,`,
    replace: `allows: (stored) => stored !== undefined && batch.revision > 0,`,
  },
  {
    name: 'a resumed batch does not release the jobs that the pause held',
    file: 'handlers/batch/batch.ts',
    find: `if ('held' in batch && batch.held) return releaseHeldJobs(services, batch);`,
    replace: `if ('held' in batch && batch.held) return { type: 'released' };`,
  },
  {
    name: 'a job may be held after its batch was resumed',
    file: 'handlers/job/submit.ts',
    find: `stored?.status === 'paused'`,
    replace: `stored !== undefined`,
  },
  {
    name: 'the rows of a chunk that a cancel interrupted are not counted',
    file: 'handlers/batch/uncounted-rows.ts',
    find: `if (countedRow === undefined) return NO_TOTALS;`,
    replace: `if (countedRow !== -1) return NO_TOTALS;`,
  },
  {
    name: 'the next step of a batch is not enqueued',
    file: 'handlers/batch/batch.ts',
    find: `if (wake) await enqueueBatchTask(services, { batchId, wake });`,
    replace: `if (wake && from !== batch.status) await enqueueBatchTask(services, { batchId, wake });`,
  },
  {
    name: 'the sweep does not re-enqueue batches',
    file: 'handlers/batch/sweep-batches.ts',
    find: `      if (await sweepOne(services, batch)) reEnqueued++;`,
    replace: `      if (batch.revision < 0 && (await sweepOne(services, batch))) reEnqueued++;`,
  },
  {
    name: 'maxSpendUsd applies to each chunk instead of the batch',
    file: 'handlers/batch/batch-chunk.ts',
    find: `sumUsd(sumUsd(before.priceUsd, spentUsd), laterJobsUsd`,
    replace: `sumUsd(sumUsd(before.priceUsd * 0, spentUsd), laterJobsUsd`,
  },
  {
    name: 'a resumed batch starts again at its first row',
    file: 'core/batch/step-batch.ts',
    find: `return { ...base, status: 'expanding', pass, cursor };`,
    replace: `return { ...base, status: 'expanding', pass, cursor: batch.manifest?.start ?? cursor };`,
  },
  {
    name: 'a strict batch makes jobs before it has checked every row',
    file: 'core/batch/step-batch.ts',
    find: `pass: dryRun || strict ? 'check' : 'admit',`,
    replace: `pass: dryRun ? 'check' : 'admit',`,
  },
  {
    name: 'a batch ends with one job unfinished',
    file: 'handlers/batch/batch-jobs.ts',
    find: `if (unfinished === 0) return { type: 'settled' };`,
    replace: `if (unfinished <= 1) return { type: 'settled' };`,
  },
  {
    name: 'the report after a retry reuses the parts of the previous report',
    file: 'handlers/batch/batch-report.ts',
    find: `report-parts/\${retries}/\``,
    replace: `report-parts/\${Math.min(retries, 0)}/\``,
  },
  {
    name: 'a report that already exists is recorded with 0 rows',
    file: 'handlers/batch/batch-report.ts',
    find: `rows: rows ?? (await countOf(bytesOf(results, parts))) };`,
    replace: `rows: rows ?? 0 };`,
  },
  {
    name: 'the records of jobs are released while their batch may still be retried',
    file: 'core/batch/step-batch.ts',
    find: `if (batch.settings.dryRun || batch.lettingGo !== undefined) return undefined;`,
    replace: `if (batch.settings.dryRun) return undefined;`,
  },
  {
    name: 'an upload is identified by its name without its generation',
    file: 'handlers/batch/upload-errors.ts',
    find: `  name,
  generation,
];`,
    replace: `  name,
  generation.slice(0, 0),
];`,
  },
  {
    name: 'an upload makes another job at each delivery of its event',
    file: 'handlers/batch/upload.ts',
    find: `const jobId = services.ids.jobIdOf(causeOf(work, object));`,
    replace: `const jobId = services.ids.newJobId();`,
  },
  {
    name: 'an image is read in its latest generation instead of the uploaded one',
    file: 'core/batch/upload-rules.ts',
    find: `image: { gcsUri: \`gs://\${bucket}/\${name}\`, mimeType, generation },`,
    replace: `image: { gcsUri: \`gs://\${bucket}/\${name}\`, mimeType, ...(generation === '' ? { generation } : {}) },`,
  },
  {
    name: 'a sidecar does not start the job of its image',
    file: 'handlers/batch/upload.ts',
    find: `  if (arrival.kind === 'image') await handleImage({`,
    replace: `  if (arrival.kind === 'image' && sidecar.name === '') await handleImage({`,
  },
  {
    name: 'a file that waits for another one in vain is never reported',
    file: 'handlers/batch/upload.ts',
    find: `if (object?.generation === generation) await handleObject(work, object, true);`,
    replace: `if (object?.generation === generation) await handleObject(work, object, false);`,
  },
  {
    name: 'an event whose handling failed is acknowledged',
    file: 'handlers/batch/upload.ts',
    find: `    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429)
      throw error;
    const { name`,
    replace: `    if (!(error instanceof ProblemError)) return;
    const { name`,
  },
  {
    name: 'every call for a fire starts another batch',
    file: 'handlers/batch/schedule.ts',
    find: `cause: ['schedule', id, slot ?? time],`,
    replace: `cause: ['schedule', id, slot ?? time, String(work.services.ids.random())],`,
  },
  {
    name: 'a fire whose manifest comes late is dropped',
    file: 'core/batch/schedules.ts',
    find: `(fire) => fire.state === 'waiting' ||`,
    replace: `(fire) =>`,
  },
];
