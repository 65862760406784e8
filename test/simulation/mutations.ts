/** Defects that the simulation has to catch. Each removes one rule that the correctness of jobs depends on. */
import type { Edit } from './planted.ts';

export interface Mutation extends Edit {
  readonly name: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a claim does not check the sequence number of its wake',
    file: 'core/job/step.ts',
    find: `): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base`,
    replace: `): Job | undefined {
  if (job.status !== 'queued' || seq < 0) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base`,
  },
  {
    name: 'the paid call is made before the job is claimed',
    file: 'handlers/job/submit.ts',
    find: `  const claimed = await claim(services, job, attemptId, seq);
  if (!claimed) return 'taken';
`,
    replace: `  const answer = await submission();
  submission = async () => answer;
  const claimed = await claim(services, job, attemptId, seq);
  if (!claimed) return 'taken';
`,
  },
  {
    name: "a claim by another task is treated as the task's own",
    file: 'handlers/job/submit.ts',
    find: `claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId`,
    replace: `claimed.job.status === 'submitting'`,
  },
  {
    name: 'a time-out is classified as a rejection',
    file: 'core/job/errors.ts',
    find: `    case 'timeout':
    case 'unreadable':
      return { outcome: 'unknown', message: signal.message };`,
    replace: `      return { outcome: 'unknown', message: signal.message };
    case 'timeout':
    case 'unreadable':
      return {
        outcome: 'rejected',
        retry: 'quota',
        error: { code: 'TIMEOUT', message: signal.message, retryable: true, charged: 'no' },
      };`,
  },
  {
    name: 'a 5xx is classified as a rejection',
    file: 'core/job/errors.ts',
    find: `if (!row) return { outcome: 'unknown', message:`,
    replace: `if (!row)
        return {
          outcome: 'rejected',
          retry: 'counted',
          error: { code: 'UNAVAILABLE', message: signal.message, retryable: true, charged: 'no' },
        };
      if (row.code === '') return { outcome: 'unknown', message:`,
  },
  {
    name: 'an operation that is not found is treated as failed',
    file: 'core/job/attempt.ts',
    find: `    return toUncertain(next, cause, ctx, ctx.now + ctx.latency.longestMs);`,
    replace: `    return end(next, { outcome: 'failed', charged: 'no' }, ctx, true);`,
  },
  {
    name: 'an unknown outcome is recorded as not charged',
    file: 'core/job/attempt.ts',
    find: `{ outcome: 'unknown', charged: 'unknown', error: unknownOutcome(attempt) },`,
    replace: `{ outcome: 'unknown', charged: 'no', error: unknownOutcome(attempt) },`,
  },
  {
    name: 'an unknown outcome is submitted again by default',
    file: 'core/job/attempt.ts',
    find: `ctx.policy.unknownOutcome === 'resubmit',`,
    replace: `true,`,
  },
  {
    name: 'an operation that may have been charged is submitted again',
    file: 'core/job/attempt.ts',
    find: `error.retryable && error.charged === 'no';`,
    replace: `error.retryable;`,
  },
  {
    name: 'an attempt is resolved at its first object, before the others appear',
    file: 'core/job/attempt.ts',
    find: `newestAt !== undefined && ctx.now >= newestAt + ctx.policy.settleMs;`,
    replace: `newestAt !== undefined;`,
  },
  {
    name: 'a late result changes a terminal job',
    file: 'core/job/step.ts',
    find: `return isTerminal(job) ? follow(job, attempt, change, ctx) : settle(job, attempt, change, ctx);`,
    replace: `return settle(job, attempt, change, ctx);`,
  },
  {
    name: 'a finished job can be cancelled',
    file: 'core/job/step.ts',
    find: `  if (isTerminal(job)) return undefined;
  const end = error`,
    replace: `  if (job.status === 'cancelled') return undefined;
  const end = error`,
  },
  {
    name: 'the live attempt is dropped when its job ends',
    file: 'core/job/step.ts',
    find: `  if (job.status === 'queued') return { ...base, ...end, deadlineAt: deadlineAfterHold(job, ctx.now) };
`,
    replace: `  if (job.status !== 'succeeded') return { ...base, ...end };
`,
  },
  {
    name: 'a job that is queued again gets no submit task',
    file: 'core/job/effects.ts',
    find: `if (after.status === 'submitting' && wake.ring === 0) return [];`,
    replace: `if ((after.status === 'submitting' || (after.status === 'queued' && wake.seq > 1)) && wake.ring === 0)
    return [];`,
  },
  {
    name: 'a deferred submit task is not enqueued again',
    file: 'handlers/job/defer-submit.ts',
    find: `    if (job.wake.ring === ring + 1) await enqueue(job.wake);`,
    replace: `    if (job.wake.ring === ring - 1) await enqueue(job.wake);`,
  },
  {
    name: 'a deferred submit task whose job was started by another task ends',
    file: 'handlers/job/defer-submit.ts',
    find: `  return enqueue({ seq, ring: ring + 1, at });
}`,
    replace: `}`,
  },
  {
    name: 'every delivery of a deferred submit task enqueues another one',
    file: 'handlers/job/defer-submit.ts',
    find: `    if (job.wake.ring === ring + 1) await enqueue(job.wake);`,
    replace: `    await enqueue({ ...job.wake, ring: ring + 1 + Math.floor(ids.random() * 1e6) });`,
  },
  {
    name: 'a rate limiter that is closed answers the submit task with 429',
    file: 'handlers/job/fair-dispatch.ts',
    find: `  await deferSubmit(services, message, closedMs, 60_000 / quotaOf(services, message.line));`,
    replace: `  if (closedMs > 0) throw overQuota(message.line, closedMs);
  await deferSubmit(services, message, closedMs, 60_000 / quotaOf(services, message.line));`,
  },
  {
    name: 'an outdated submit task defers the new wake of its job',
    file: 'core/job/step.ts',
    find: `job.wake.seq !== seq || job.wake.ring !== ring) return undefined;`,
    replace: `job.wake.ring !== ring) return undefined;`,
  },
  {
    name: 'the sweep does not re-enqueue',
    file: 'handlers/sweep.ts',
    find: `  await advanceAndPerform(services, job.jobId, { type: waiting ? 'stillWaiting' : 'enqueueAgain' }, wake.seq);
`,
    replace: ``,
  },
  {
    name: 'the sweep re-enqueues under the same task name',
    file: 'core/job/wake-schedule.ts',
    find: `ring: wake.ring + added, at };`,
    replace: `ring: wake.ring, at };`,
  },
  {
    name: 'landing accepts fewer objects than the result promised',
    file: 'handlers/job/landing.ts',
    find: `objects.length === 0 || objects.length < promised`,
    replace: `objects.length === 0`,
  },
  {
    name: 'a request repeated under its key makes another job',
    file: 'handlers/job/create-job.ts',
    find: `(idempotencyKey === undefined ? ids.newJobId() : ids.jobIdOf(['http', caller, idempotencyKey]));`,
    replace: `ids.newJobId();`,
  },
  {
    name: 'every ended attempt counts as a landed stage',
    file: 'core/job/stages.ts',
    find: `  ...attempts
    .filter(({ outcome }) => outcome === 'landed')`,
    replace: `  ...attempts`,
  },
  {
    name: 'the reservation covers one video, however many are requested',
    file: 'core/job/price.ts',
    find: `perSecond * stage.durationSeconds * stage.sampleCount`,
    replace: `perSecond * stage.durationSeconds`,
  },
  {
    name: 'a claim accepts a job in any state and with any wake',
    file: 'core/job/step.ts',
    find: `): Job | undefined {
  if (job.status !== 'queued' || job.wake.seq !== seq) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base`,
    replace: `): Job | undefined {
  if (isTerminal(job) || seq < 0) return undefined;
  if (ctx.now >= timeUpAt(job)) return expire(job, ctx);
  const base`,
  },
  {
    name: 'landing accepts the objects of other attempts',
    file: 'handlers/job/landing.ts',
    find: `outputsAmong(await services.results.list(attempt.outputPrefix), stage);`,
    replace: `outputsAmong(await services.results.list(\`jobs/\${job.jobId}/\`), stage);`,
  },
  {
    name: 'landing gives up at the first failed download',
    file: 'handlers/job/landing.ts',
    find: `final: classifyDownloadFailure(signal, clock.now() - attempt.doneAt) === 'deleted',`,
    replace: `final: true,`,
  },
  {
    name: 'a result without video names is treated as a result without videos',
    file: 'core/job/attempt.ts',
    find: `result.sources.length === 0 && result.filteredCount > 0`,
    replace: `result.sources.length === 0`,
  },
  {
    name: 'a retry may pay twice without acceptDoubleCharge',
    file: 'handlers/job/retry-job.ts',
    find: `if (risk !== undefined && !acceptDoubleCharge) return`,
    replace: `if (risk === 'never' && !acceptDoubleCharge) return`,
  },
  {
    name: 'a retry repeats the stages that have landed',
    file: 'core/job/retry.ts',
    find: `job.jobId, landed, lostUsd`,
    replace: `job.jobId, landed: [], lostUsd`,
  },
  {
    name: 'every retry request makes another job',
    file: 'handlers/job/retry-job.ts',
    find: `    if (stored.retriedBy !== undefined) return undefined;
    const jobId = retryIdOf(services, stored.jobId);`,
    replace: `    const jobId = services.ids.newJobId();`,
  },
  {
    name: 'a video that only failed to land is paid for again',
    file: 'core/job/retry.ts',
    find: `  if (unlanded) return withNewAttempt(`,
    replace: `  if (unlanded && unlanded.reservedUsd < 0) return withNewAttempt(`,
  },
  {
    name: 'a retry does not wait for an attempt that is still followed',
    file: 'core/job/retry.ts',
    find: `  if (live) return \``,
    replace: `  if (live?.state === 'submitting') return \``,
  },
  {
    name: 'a retry that succeeds immediately keeps a wake',
    file: 'core/job/retry.ts',
    find: `{ ...baseOf(fresh), retryOf`,
    replace: `{ ...fresh, retryOf`,
  },
  {
    name: 'a webhook is applied to the live attempt, whichever it names',
    file: 'handlers/job/provider-event.ts',
    find: `  const { job_id: jobId, attempt_id: attemptId } = ours;
  const job = await services.jobs.get(jobId);
  const attempt = job && attemptOf(job, attemptId);
  if (!job || !attempt) return;`,
    replace: `  const { job_id: jobId } = ours;
  const job = await services.jobs.get(jobId);
  const attempt = job && liveAttemptOf(job);
  if (!job || !attempt) return;
  const { attemptId } = attempt;`,
  },
  {
    name: "an operator's decision requeues a finished job",
    file: 'core/job/step.ts',
    find: `  return { ...job, attempts };
}`,
    replace: `  return charged === 'no' ? requeue(baseOf({ ...job, attempts }), ctx.now, undefined, 0) : { ...job, attempts };
}`,
  },
  {
    name: "an operator's decision is applied to the live attempt, whichever it names",
    file: 'core/job/step.ts',
    find: `  if (live?.attemptId === ruling.attemptId) {`,
    replace: `  if (live) {`,
  },
  {
    name: "an operator's decision to fail is recorded as not charged",
    file: 'core/job/attempt.ts',
    find: `{ outcome: 'unknown', charged: 'unknown', error, resolved }`,
    replace: `{ outcome: 'unknown', charged: 'no', error, resolved }`,
  },
  {
    name: 'startBy is ignored',
    file: 'core/job/wake-schedule.ts',
    find: `  attempts.length === 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;`,
    replace: `  attempts.length < 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;`,
  },
  {
    name: 'finishBy is ignored',
    file: 'core/request/job-times.ts',
    find: `deadlineAt: finishBy ?? now`,
    replace: `deadlineAt: now`,
  },
  {
    name: 'objects that appear late are ignored',
    file: 'core/job/following.ts',
    find: `  const attempt: LiveAttempt = {
    ...attemptBaseOf(ended),`,
    replace: `  if (now > 0) {
    const attempts = job.attempts.map((each) => (each === ended ? { ...each, charged: 'no' as const } : each));
    return { ...job, attempts };
  }
  const attempt: LiveAttempt = {
    ...attemptBaseOf(ended),`,
  },
  {
    name: 'an operation is cancelled at most once, without further tries',
    file: 'core/job/effects.ts',
    find: `...cancelEffects(after),`,
    replace: `...(before?.status === 'cancelled' ? [] : cancelEffects(after)),`,
  },
  {
    name: 'two callers with the same key share a job',
    file: 'handlers/job/create-job.ts',
    find: `ids.jobIdOf(['http', caller, idempotencyKey])`,
    replace: `ids.jobIdOf(['http', idempotencyKey])`,
  },
];
