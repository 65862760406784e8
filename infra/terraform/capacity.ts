/**
 * How many jobs an hour the functions can serve with the built-in instances: the table in `docs/operate.md`, "Quotas".
 * `npm run terraform:readme` generates it; a test fails while it is out of date.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cloudSettings } from '../stack/settings.ts';
import { PER_JOB } from './costs.ts';

/** The catalogue's latencies in seconds; a test compares them. The call for an image returns the image. */
export const CALL_SECONDS = { image: 8, imageLongest: 120, video: 120 } as const;
/** The polls of a video that takes `CALL_SECONDS.video`; a test derives them from the poll schedule. */
export const POLLS = 10;
/** Assumed: the call that starts a video returns an operation. */
const START_SECONDS = 2;
/** The mean over all requests of a job, measured on the handlers. */
const REQUEST_SECONDS = PER_JOB.functionSeconds / PER_JOB.requests;
/** Assumed: the download of a video of 10 MB from the Gemini API and its upload to the bucket. */
const COPY_SECONDS = 5;

interface Served {
  readonly step: string;
  readonly functionName: string;
  /** How long one job holds a request of the function. */
  readonly seconds: number;
}

const STEPS: readonly Served[] = [
  { step: 'accept a job', functionName: 'api', seconds: REQUEST_SECONDS },
  { step: 'start a video', functionName: 'submit', seconds: START_SECONDS },
  { step: 'make an image, typically', functionName: 'submit', seconds: CALL_SECONDS.image },
  { step: 'make an image, at the longest', functionName: 'submit', seconds: CALL_SECONDS.imageLongest },
  { step: 'poll and land a video of Vertex AI', functionName: 'poll', seconds: POLLS * REQUEST_SECONDS },
  {
    step: 'poll and land a video of the Gemini API',
    functionName: 'poll',
    seconds: POLLS * REQUEST_SECONDS + COPY_SECONDS,
  },
  { step: 'answer the events of new objects, 4 a job', functionName: 'landed', seconds: 4 * REQUEST_SECONDS },
];

interface Capacity {
  readonly max: number;
  readonly concurrency: number;
}

/** Reads the functions in the form in which `functions.tf` has them, one a line. */
function capacities(moduleDir: string): ReadonlyMap<string, Capacity> {
  const text = readFileSync(path.join(moduleDir, 'functions.tf'), 'utf8');
  const lines = text.matchAll(/^ {4}(\w+)\s+= \{ memory = .* concurrency = (\d+), .* max = (\d+),/gm);
  return new Map(
    [...lines].map(([, name = '', concurrency, max]) => [
      name,
      { concurrency: Number(concurrency), max: Number(max) },
    ]),
  );
}

/** A function is called at most as often as its queue allows. */
const queueMax = (functionName: string): number =>
  cloudSettings.queues[functionName]?.maxConcurrentDispatches ?? Number.POSITIVE_INFINITY;

function table(moduleDir: string): string {
  const functions = capacities(moduleDir);
  const rows = STEPS.map(({ step, functionName, seconds }) => {
    const found = functions.get(functionName);
    if (!found) throw new Error(`functions.tf has no function ${functionName}.`);
    const { max, concurrency } = found;
    const atOnce = Math.min(max * concurrency, queueMax(functionName));
    const shown = atOnce < max * concurrency ? `${atOnce} (its queue)` : `${max} × ${concurrency}`;
    const jobs = Math.floor((atOnce * 3600) / seconds / 100) * 100;
    return [step, `\`${functionName}\``, shown, seconds.toFixed(1), jobs.toLocaleString('en-US')];
  });
  const head = ['to', 'function', 'requests at once', 'seconds a job', 'jobs an hour'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @throws Error if the document has no markers of the table */
export function withCapacity(document: string, moduleDir: string): string {
  const pattern = /<!-- begin: capacity -->[\s\S]*?<!-- end: capacity -->/;
  if (!pattern.test(document)) throw new Error('docs/operate.md has no <!-- begin: capacity --> marker.');
  return document.replace(
    pattern,
    `<!-- begin: capacity -->\n\n${table(moduleDir)}\n\n<!-- end: capacity -->`,
  );
}
