/** `npm run generate`: runs one job over the whole production path on this machine, from prompt to video file. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import { type Stack, startStack } from '../stack/stack.ts';
import { messageOf, optionsOrExit } from './command-line.ts';
import { type GenerateOptions, parseOptions, USAGE } from './generate-options.ts';
import { isFinished, type JobAnswer, JobClient, RefusedError } from './job-client.ts';
import { findRunningStack } from './running-stack.ts';

/** Interval of the progress bar. */
const REFRESH_SECONDS = 1;
/** Time to read the price and cancel. */
const GRACE_SECONDS = 3;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = optionsOrExit(parseOptions, USAGE);
  if (typeof options === 'number') return options;
  const startedAt = Date.now();
  const real = realOptions(options);
  const stateDir = path.resolve(real ? `${options.stateDir}-real` : options.stateDir);
  const body = real?.body ?? options.body;
  const running = await findRunningStack(stateDir);
  let stack: Stack | undefined;
  try {
    const { speedUp } = options;
    stack = running
      ? undefined
      : await startStack({
          ...{ stateDir, apiPort: 0, speedUp, allowRetiredModels: options.allowRetiredModels },
          geminiApiKey: real?.apiKey,
        });
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
  const api = running?.api ?? stack?.endpoints.api ?? '';
  console.log(
    `Clapper is at ${api}${running ? ' (already running)' : `, started in ${seconds(Date.now() - startedAt)}`}.`,
  );
  let jobId: string | undefined;
  process.once('SIGINT', () => {
    console.log(`\nStopped.${jobId === undefined ? '' : ` ${resumeHint(jobId)}`}`);
    void (stack?.stop() ?? Promise.resolve()).then(() => process.exit(130));
  });
  try {
    const client = new JobClient(api);
    const job =
      options.jobId === undefined
        ? await submitJob(client, body, real !== undefined)
        : await client.wait(options.jobId, 0);
    jobId = job.id;
    return await finish(client, job, path.resolve(options.outDir), real !== undefined);
  } catch (error) {
    // fetch throws a TypeError when the connection fails.
    if (running && error instanceof TypeError) console.error(`The stack at ${api} stopped during the job.`);
    else console.error(messageOf(error));
    if (jobId !== undefined) console.error(resumeHint(jobId));
    return error instanceof RefusedError ? 2 : 1;
  } finally {
    await stack?.stop();
  }
}

/** With GEMINI_API_KEY, Omni requests go to the real Developer API. Other models, and --simulate, stay simulated. */
function realOptions({
  body,
  simulate,
}: GenerateOptions): { apiKey: string; body: GenerateOptions['body'] } | undefined {
  const apiKey = process.env['GEMINI_API_KEY'];
  const model = body['model'] ?? 'gemini-omni-1.2-flash';
  if (apiKey === undefined || apiKey === '' || simulate || !String(model).startsWith('gemini-omni-'))
    return undefined;
  return { apiKey, body: { ...body, model } };
}

/** A paid job is not lost when this program exits. A new job would be paid for again. */
function resumeHint(jobId: string): string {
  return `To resume job ${jobId} and download its videos, run this command with --job ${jobId} instead of the request.`;
}

async function submitJob(client: JobClient, body: unknown, real: boolean): Promise<JobAnswer> {
  const price = await client.estimateUsd(body);
  if (real) {
    console.log(
      `GEMINI_API_KEY is set: Google will generate this video and charge about $${price.toFixed(2)} for it.`,
    );
    console.log(
      `The job starts in ${GRACE_SECONDS} s. Ctrl-C cancels it. --simulate uses the simulated models.`,
    );
    await sleep(GRACE_SECONDS * 1000);
  } else {
    console.log('The model is simulated: nothing is paid, and every frame is marked as simulated.');
  }
  return client.create(body, randomUUID());
}

async function finish(
  client: JobClient,
  submitted: JobAnswer,
  outDir: string,
  real: boolean,
): Promise<number> {
  console.log(`Job ${submitted.id}, estimated price $${submitted.priceUsd.estimate.toFixed(2)}.`);
  const { model, retiredOn } = submitted.request;
  if (retiredOn !== undefined)
    console.log(`Google retired ${model} on ${retiredOn}. It runs here only because it is simulated.`);
  const job = await follow(client, submitted);
  if (job.status !== 'succeeded') {
    console.error(
      `Job ${job.id} ${job.status}: ${job.error?.code ?? ''} ${job.error?.message ?? ''} (charged: ${job.error?.charged ?? 'no'})`,
    );
    return 1;
  }
  const files: string[] = [];
  for (const [n, video] of (job.videos ?? []).entries()) {
    const file = path.join(outDir, `${job.id}-${n}.mp4`);
    await client.download(video, file);
    files.push(file);
  }
  report(job, files, real);
  return 0;
}

/** Shows a progress bar until the job is finished. */
async function follow(client: JobClient, created: JobAnswer): Promise<JobAnswer> {
  const bar = new SingleBar({
    format: '{bar} {state} | elapsed {elapsed} | expected remaining {remaining}',
    barsize: 30,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 2000,
  });
  let job = created;
  bar.start(100, 0, display(job));
  while (!isFinished(job)) {
    job = await client.wait(job.id, REFRESH_SECONDS);
    bar.update(fraction(job) * 100, display(job));
  }
  bar.stop();
  return job;
}

function fraction({ progress }: JobAnswer): number {
  if (!progress) return 1;
  return (
    progress.elapsedMs /
    (progress.elapsedMs + Math.max(progress.expectedRemainingMs, progress.elapsedMs * 0.05, 1))
  );
}

function display({ status, reason, progress, createdAt, finishedAt }: JobAnswer): Record<string, string> {
  const elapsedMs = progress?.elapsedMs ?? Date.parse(finishedAt ?? createdAt) - Date.parse(createdAt);
  return {
    state: reason === undefined ? status : `${status} (${reason.slice(0, 60)})`,
    elapsed: seconds(elapsedMs),
    remaining: progress ? seconds(progress.expectedRemainingMs) : seconds(0),
  };
}

function report(job: JobAnswer, files: readonly string[], real: boolean): void {
  const [attempt] = job.attempts.slice(-1);
  const createdAt = Date.parse(job.createdAt);
  const submittedAt = Date.parse(attempt?.submittedAt ?? job.createdAt);
  const finishedAt = Date.parse(job.finishedAt ?? job.createdAt);
  const polls = job.attempts.reduce((sum, each) => sum + each.polls, 0);
  console.log(`job        ${job.id}`);
  for (const [n, video] of (job.videos ?? []).entries()) {
    const length = video.durationSeconds === undefined ? '' : `, ${video.durationSeconds} s`;
    console.log(`video ${n}    ${video.uri}`);
    console.log(`file       ${files[n] ?? ''} (${(video.bytes / 1024).toFixed(0)} KiB${length})`);
  }
  if (job.filtered)
    console.log(`withheld   ${job.filtered.count} by a safety filter: ${job.filtered.reasons.join(' ')}`);
  console.log(
    `timings    queued ${seconds(submittedAt - createdAt)}, model and landing ${seconds(finishedAt - submittedAt)}, in all ${seconds(finishedAt - createdAt)}`,
  );
  console.log(`polls      ${polls}`);
  const paid = real
    ? `, $${job.priceUsd.charged.toFixed(2)} charged by Google's list`
    : ' (simulated: nothing was paid)';
  console.log(`price      $${job.priceUsd.estimate.toFixed(2)} estimated${paid}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
