/** Defects that the simulation has to find: each takes away one thing that the life of a job rests on. */
import type { Edit } from './planted.ts';

export interface Mutation extends Edit {
  readonly name: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a claim does not look at the wake it belongs to',
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
    name: 'the paid call is made before it is claimed',
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
    name: 'any claim is taken for our own',
    file: 'handlers/job/submit.ts',
    find: `claimed.job.status === 'submitting' && liveAttemptOf(claimed.job)?.attemptId === attemptId`,
    replace: `claimed.job.status === 'submitting'`,
  },
  {
    name: 'a time-out is a refusal',
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
    name: 'a 5xx is a refusal',
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
    name: 'an operation that is not found has failed',
    file: 'core/job/attempt.ts',
    find: `    return toUncertain(next, cause, ctx, ctx.now + ctx.latency.longestMs);`,
    replace: `    return end(next, { outcome: 'failed', charged: 'no' }, ctx, true);`,
  },
  {
    name: 'what is not known is not charged',
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
    name: 'an operation that may have been charged is made again',
    file: 'core/job/attempt.ts',
    find: `error.retryable && error.charged === 'no';`,
    replace: `error.retryable;`,
  },
  {
    name: 'the first object is taken for all of them',
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
    name: 'what is finished can be cancelled',
    file: 'core/job/step.ts',
    find: `  if (isTerminal(job)) return undefined;
  const end = error`,
    replace: `  if (job.status === 'cancelled') return undefined;
  const end = error`,
  },
  {
    name: 'an attempt is forgotten when its job is ended',
    file: 'core/job/step.ts',
    find: `  if (job.status === 'queued') return { ...base, ...end };
`,
    replace: `  if (job.status !== 'succeeded') return { ...base, ...end };
`,
  },
  {
    name: 'a job that is queued again gets no task',
    file: 'core/job/effects.ts',
    find: `if (after.status === 'submitting' && wake.ring === 0) return [];`,
    replace: `if ((after.status === 'submitting' || (after.status === 'queued' && wake.seq > 1)) && wake.ring === 0)
    return [];`,
  },
  {
    name: 'the sweep forgets to ring',
    file: 'handlers/sweep.ts',
    find: `  await advanceAndPerform(services, job.jobId, { type: waiting ? 'stillWaiting' : 'enqueueAgain' }, wake.seq);
`,
    replace: ``,
  },
  {
    name: 'the sweep rings under the old name',
    file: 'core/job/wake-schedule.ts',
    find: `ring: wake.ring + added, at };`,
    replace: `ring: wake.ring, at };`,
  },
  {
    name: 'landing takes what is there for all that was promised',
    file: 'handlers/job/landing.ts',
    find: `objects.length === 0 || objects.length < promised`,
    replace: `objects.length === 0`,
  },
  {
    name: 'a repeated request makes another job',
    file: 'handlers/job/create-job.ts',
    find: `(idempotencyKey === undefined ? ids.newJobId() : ids.jobIdOf(['http', caller, idempotencyKey]));`,
    replace: `ids.newJobId();`,
  },
  {
    name: 'every attempt counts as a stage',
    file: 'core/job/stages.ts',
    find: `  ...attempts
    .filter(({ outcome }) => outcome === 'landed')`,
    replace: `  ...attempts`,
  },
  {
    name: 'one video is reserved for, however many are asked for',
    file: 'core/job/price.ts',
    find: `perSecond * stage.durationSeconds * stage.sampleCount`,
    replace: `perSecond * stage.durationSeconds`,
  },
  {
    name: 'a claim takes whatever it finds',
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
    name: 'landing takes what other attempts have left',
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
    name: 'a reply that names no video means that there is none',
    file: 'core/job/attempt.ts',
    find: `result.sources.length === 0 && result.filteredCount > 0`,
    replace: `result.sources.length === 0`,
  },
  {
    name: 'a retry pays twice without asking',
    file: 'handlers/job/retry-job.ts',
    find: `if (risk !== undefined && !acceptDoubleCharge) return`,
    replace: `if (risk === 'never' && !acceptDoubleCharge) return`,
  },
  {
    name: 'a retry begins at the beginning',
    file: 'core/job/retry.ts',
    find: `job.jobId, landed, lostUsd`,
    replace: `job.jobId, landed: [], lostUsd`,
  },
  {
    name: 'every retry is another job',
    file: 'handlers/job/retry-job.ts',
    find: `    if (stored.retriedBy !== undefined) return undefined;
    const jobId = retryIdOf(services, stored.jobId);`,
    replace: `    const jobId = services.ids.newJobId();`,
  },
  {
    name: 'what only could not be landed is paid for again',
    file: 'core/job/retry.ts',
    find: `  if (unlanded) return withNewAttempt(`,
    replace: `  if (unlanded && unlanded.reservedUsd < 0) return withNewAttempt(`,
  },
  {
    name: 'a retry does not wait for what is still followed',
    file: 'core/job/retry.ts',
    find: `  if (live) return \``,
    replace: `  if (live?.state === 'submitting') return \``,
  },
  {
    name: 'a retry that succeeds at once keeps a wake',
    file: 'core/job/retry.ts',
    find: `{ ...baseOf(fresh), retryOf`,
    replace: `{ ...fresh, retryOf`,
  },
  {
    name: 'a webhook is believed of whatever attempt there is',
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
    name: 'an operator can wake the dead',
    file: 'core/job/step.ts',
    find: `  return { ...job, attempts };
}`,
    replace: `  return charged === 'no' ? requeue(baseOf({ ...job, attempts }), ctx.now, undefined, 0) : { ...job, attempts };
}`,
  },
  {
    name: 'an operator rules on whatever attempt there is',
    file: 'core/job/step.ts',
    find: `  if (live?.attemptId === ruling.attemptId) {`,
    replace: `  if (live) {`,
  },
  {
    name: 'an operator who gives up means that nothing was charged',
    file: 'core/job/attempt.ts',
    find: `{ outcome: 'unknown', charged: 'unknown', error, resolved }`,
    replace: `{ outcome: 'unknown', charged: 'no', error, resolved }`,
  },
  {
    name: 'startBy is not looked at',
    file: 'core/job/wake-schedule.ts',
    find: `  attempts.length === 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;`,
    replace: `  attempts.length < 0 ? Math.min(startByAt ?? deadlineAt, deadlineAt) : deadlineAt;`,
  },
  {
    name: 'finishBy is not looked at',
    file: 'core/request/job-times.ts',
    find: `deadlineAt: finishBy ?? now`,
    replace: `deadlineAt: now`,
  },
  {
    name: 'what appears late is written off',
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
    name: 'an operation is asked to stop once, or never',
    file: 'core/job/effects.ts',
    find: `...cancelEffects(after),`,
    replace: `...(before?.status === 'cancelled' ? [] : cancelEffects(after)),`,
  },
  {
    name: 'callers share their keys',
    file: 'handlers/job/create-job.ts',
    find: `ids.jobIdOf(['http', caller, idempotencyKey])`,
    replace: `ids.jobIdOf(['http', idempotencyKey])`,
  },
];
