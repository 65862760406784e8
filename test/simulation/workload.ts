/** The jobs that callers request: with a key and repeated until answered, or without one and only once. */
import { PNG } from '../support/images.ts';
import { START_MS } from './engine.ts';
import type { Random } from './random.ts';
import { JOBS_MAX } from './run.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export interface PlannedJob {
  /** The prompt, by which the job's record is found. */
  readonly name: string;
  readonly caller: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly key: string | undefined;
  readonly atMs: number;
  /** After the first request. The cancellation may overtake the request. */
  readonly cancelAtMs: number | undefined;
  /** The caller cancels moments after the job has reached this state. */
  readonly cancelIn: 'landing' | 'between stages' | undefined;
}

const SHAPES = [
  [0.45, 'text'],
  [0.15, 'samples'],
  [0.2, 'chain'],
  [0.15, 'firstFrame'],
  [0.05, 'image'],
] as const;
type Shape = (typeof SHAPES)[number][1];

const CALLERS = ['ann', 'bob', 'cleo'] as const;
const OTHER_MODELS = { gemini: 'veo-3.1-fast-generate-preview', omni: 'gemini-omni-1.1-flash' } as const;

/** Draws every job, even when fewer are used, so that leaving one out does not change the others. */
export function plannedJobsOf(random: Random, jobsMax: number): PlannedJob[] {
  const count = random.int(1, JOBS_MAX);
  const jobs = Array.from({ length: JOBS_MAX }, (_, n) => plannedJobOf(random, `request ${n}`));
  return jobs.slice(0, Math.min(count, jobsMax)).map((job, n) => {
    // Each caller numbers its own keys, so that two callers use the same key.
    const ownBefore = jobs.slice(0, n).filter(({ caller }) => caller === job.caller).length;
    return job.key === undefined ? job : { ...job, key: `key-${ownBefore}` };
  });
}

function plannedJobOf(random: Random, name: string): PlannedJob {
  const atMs = random.int(0, random.chance(0.5) ? SECOND : 5 * MINUTE);
  return {
    name,
    caller: random.pick(CALLERS),
    body: { ...bodyOf(random, name), ...timesOf(random, atMs) },
    key: random.chance(0.9) ? name : undefined,
    atMs,
    cancelAtMs: random.chance(0.12)
      ? random.int(0, random.chance(0.4) ? 20 * SECOND : 12 * MINUTE)
      : undefined,
    cancelIn: random.chance(0.1) ? random.pick(['landing', 'between stages'] as const) : undefined,
  };
}

/** Some jobs have a `startBy`, some a `finishBy`. A time that is already past is refused. */
function timesOf(random: Random, atMs: number): Record<string, unknown> {
  const startMs = atMs + random.int(5 * SECOND, random.chance(0.5) ? MINUTE : 10 * MINUTE);
  const finishMs = startMs + random.int(MINUTE, 30 * MINUTE);
  const rfc3339 = (ms: number): string => new Date(START_MS + ms).toISOString();
  return {
    ...(random.chance(0.12) ? { startBy: rfc3339(startMs) } : {}),
    ...(random.chance(0.12) ? { finishBy: rfc3339(finishMs) } : {}),
  };
}

function bodyOf(random: Random, name: string): Record<string, unknown> {
  const provider = random.weighted([
    [0.7, 'vertex'],
    [0.2, 'gemini'],
    [0.1, 'omni'],
  ] as const);
  const vertex = provider === 'vertex';
  const shape = random.weighted<Shape>(SHAPES);
  const model = vertex
    ? random.pick(['veo-3.1-generate-001', 'veo-3.1-fast-generate-001'] as const)
    : OTHER_MODELS[provider];
  const sampleCount = random.int(2, 4);
  const extensionCount = random.int(1, 2);
  const imageModel = random.pick(['gemini-3.1-flash-image', 'imagen-4.0-generate-001'] as const);
  const rerollOnSafety = random.chance(0.25) ? random.int(1, 2) : undefined;
  return {
    prompt: name,
    model,
    ...(random.chance(0.25) ? { lane: 'batch' } : {}),
    durationSeconds: random.pick([4, 6, 8] as const),
    ...(rerollOnSafety === undefined ? {} : { rerollOnSafety }),
    ...(shape === 'samples' && vertex ? { sampleCount } : {}),
    ...(shape === 'chain'
      ? { extensions: Array.from({ length: extensionCount }, () => ({ prompt: `${name} goes on` })) }
      : {}),
    ...(shape === 'firstFrame'
      ? { firstFrame: { prompt: `${name} begins`, model: imageModel, provider: 'vertex' } }
      : {}),
    ...(shape === 'image'
      ? { image: { bytesBase64Encoded: PNG.toString('base64'), mimeType: 'image/png' } }
      : {}),
  };
}
