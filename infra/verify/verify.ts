/** Runs the steps: free ones, paid ones within the limit, and those that look at what the paid ones made. */
import type { ClapperApi, JobAnswer } from './clapper-api.ts';
import { type Google, vertexHost, wordsOf } from './google.ts';
import { imageBody } from './inputs.ts';
import { builtInPriceUsd, deployedPriceUsd } from './prices.ts';
import type { Spending } from './spending.ts';
import type { Context, Finding, PaidAnswer, PaidCall, PaidStep, Step } from './step.ts';

export interface Result extends Finding {
  readonly step: string;
  readonly title: string;
  /** What a paid step costs by the catalogue. */
  readonly priceUsd?: number;
  /** The job that a paid step made. */
  readonly job?: string;
}

export interface Run {
  readonly steps: readonly Step[];
  readonly context: Omit<Context, 'jobs'>;
  readonly spending: Spending;
  /** Part of the idempotency keys, so that a repeated request of this run is the same job, and one of another run is not. */
  readonly runId: string;
  readonly progress: (line: string) => void;
  /** How long to wait for a job before it is cancelled. */
  readonly jobTimeoutMs: number;
}

export async function verify(run: Run): Promise<Result[]> {
  const jobs = new Map<string, JobAnswer>();
  const context: Context = { ...run.context, jobs };
  const results: Result[] = [];
  /** A step whose job did not finish in time. The next ones would wait for as long. */
  let stuck: string | undefined;
  for (const step of run.steps) {
    run.progress(`${step.id}: ${step.title}`);
    const result = await (step.paid ? runPaid(run, step, jobs, stuck) : runFree(context, step)).catch(
      (error: unknown): Result => ({ ...nameOf(step), ...failure(error) }),
    );
    if (jobs.get(step.id)?.status === 'cancelled') stuck ??= step.id;
    run.progress(`  ${result.verdict}: ${result.detail}`);
    results.push(result);
  }
  return results;
}

const nameOf = ({ id, title }: Step) => ({ step: id, title });
const failure = (error: unknown): Finding => ({ verdict: 'unknown', detail: messageOf(error) });

/** With the cause: fetch says only that it failed. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

async function runFree(context: Context, step: Extract<Step, { paid?: undefined }>): Promise<Result> {
  if (step.after !== undefined && context.jobs.get(step.after)?.status !== 'succeeded')
    return { ...nameOf(step), verdict: 'unknown', detail: `It needs the video of the step ${step.after}.` };
  return { ...nameOf(step), ...(await step.check(context)) };
}

async function runPaid(
  run: Run,
  step: PaidStep,
  jobs: Map<string, JobAnswer>,
  stuck: string | undefined,
): Promise<Result> {
  const { context, spending } = run;
  const own = builtInPriceUsd(step.paid, context.now());
  const notPaid = (priceUsd: number, detail: string): Result => ({
    ...nameOf(step),
    verdict: 'not paid',
    detail,
    priceUsd,
  });
  if (spending.limitUsd === 0) return notPaid(own, 'It costs money. Allow it with --yes-spend.');
  const why = whyNothingIsPaid(context, stuck);
  if (why !== undefined) return notPaid(own, why);
  const priceUsd = Math.max(own, await deployedPriceUsd(step.paid, context.api));
  if (!spending.tryReserve(priceUsd))
    return notPaid(
      priceUsd,
      `$${priceUsd.toFixed(4)} more than the $${spending.totalUsd.toFixed(4)} so far would pass the limit of ` +
        `$${spending.limitUsd.toFixed(2)}.`,
    );
  run.progress(`  pays up to $${priceUsd.toFixed(4)}; in all $${spending.totalUsd.toFixed(4)}`);
  let answer: PaidAnswer;
  try {
    answer = await pay(run, step, step.paid);
  } catch (error) {
    return { ...nameOf(step), ...failure(error), priceUsd };
  }
  const { job } = answer;
  if (!job) return { ...nameOf(step), ...step.conclude(answer), priceUsd };
  jobs.set(step.id, job);
  spending.addExcess(job.priceUsd.charged + job.priceUsd.unknown - priceUsd);
  const isDone = job.status === 'succeeded' || job.status === 'failed';
  const finding = isDone ? step.conclude(answer) : tooLate(run, job);
  return { ...nameOf(step), ...finding, priceUsd, job: job.id };
}

/** A job with an unknown outcome must not be submitted again: it could be paid twice, beyond the price that is reserved. */
function whyNothingIsPaid(
  { deployment: { environment } }: Pick<Context, 'deployment'>,
  stuck: string | undefined,
): string | undefined {
  if (stuck !== undefined) return `The job of the step ${stuck} did not finish in time, so no other is made.`;
  if (Object.keys(environment).length === 0)
    return 'The environment of the function api is not readable, so it is not known whether a job may be paid twice.';
  const policy = environment['CLAPPER_UNKNOWN_OUTCOME'];
  if (policy === undefined || policy === 'fail') return undefined;
  return (
    `The deployment has unknown_outcome = "${policy}", so a job may be paid for twice and have no certain price. ` +
    'Apply with "fail" for the verification.'
  );
}

async function pay(run: Run, step: PaidStep, call: PaidCall): Promise<PaidAnswer> {
  const { api, google } = run.context;
  if (call.kind === 'image') return payForImage(call, api, google, run.context.deployment.project);
  const created = await api.createJob(call.body, `verify-${run.runId}-${step.id}`);
  run.progress(`  job ${created.id}`);
  try {
    return { job: await finished(run, created) };
  } catch (error) {
    throw new Error(`Job ${created.id} may be running and charged; look at it: ${messageOf(error)}`);
  }
}

/** One request: an image call has no idempotency key, so it is never repeated. */
async function payForImage(
  { model, location, method, through }: Extract<PaidCall, { kind: 'image' }>,
  api: ClapperApi,
  google: Google,
  project: string,
): Promise<PaidAnswer> {
  const path = `/v1beta1/projects/${project}/locations/${location}/publishers/google/models/${model}:${method}`;
  const init = { method: 'POST', body: JSON.stringify(imageBody(method)) };
  const response = await (through === 'clapper'
    ? api.send(path, init)
    : google.send(vertexHost(location), path, init));
  if (!response.ok) return { status: response.status, message: await wordsOf(response) };
  const text = await response.text();
  // The image itself stays out of the report.
  return {
    status: response.status,
    message: /"(?:data|bytesBase64Encoded)":\s*"/.test(text) ? 'an image' : 'no image',
  };
}

const isFinished = ({ status }: JobAnswer): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);

/** Seconds of one request that waits. */
const WAIT_SECONDS = 30;

/** A job that takes too long is cancelled, so that it is not submitted, and paid, after the report. */
async function finished({ context, jobTimeoutMs }: Run, created: JobAnswer): Promise<JobAnswer> {
  const until = context.now() + jobTimeoutMs;
  let job = created;
  while (!isFinished(job)) {
    if (context.now() >= until) return context.api.cancelJob(job.id);
    job = await context.api.waitForJob(job.id, WAIT_SECONDS);
  }
  return job;
}

const tooLate = ({ jobTimeoutMs }: Run, { id, status, reason }: JobAnswer): Finding => ({
  verdict: 'unknown',
  detail:
    `Job ${id} did not finish within ${jobTimeoutMs / 60_000} minutes and was cancelled; it is ${status}` +
    `${reason === undefined ? '' : ` (${reason})`}. Are the queues paused?`,
});
