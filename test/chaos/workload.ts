/** The jobs of a chaos run, drawn from the seed: of every kind, some with faults in their prompts, some cancelled. */
import type { Random } from '../../infra/models/random.ts';
import { PNG } from '../support/images.ts';

const KINDS = ['text', 'image', 'firstFrame', 'chain', 'developer', 'omni'] as const;
export type JobKind = (typeof KINDS)[number];

/** One model call of a job. Its prompt is unique, so that it identifies the call in the ledger. */
export interface PlannedStage {
  readonly kind: 'image' | 'video' | 'extend';
  readonly prompt: string;
}

export interface PlannedJob {
  readonly n: number;
  readonly kind: JobKind;
  /** Since the start of the run. */
  readonly atMs: number;
  readonly idempotencyKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly stages: readonly PlannedStage[];
  /** The duration of the whole chain. */
  readonly seconds: number;
  readonly sampleCount: number;
  /** The fault that the prompt requests from the simulated models. */
  readonly fault: string | undefined;
  /** A second request under the same key is sent at the same time. */
  readonly isSentTwice: boolean;
  /** Delay of the cancellation after the job was accepted. */
  readonly cancelAfterMs: number | undefined;
}

const SUBMIT_FAULTS = [
  ...['429 x2', '429=2', '500', '503-after-accept', '500-after-accept', 'reset', 'reset-after-accept'],
  ...['hang', 'hang-after-accept', 'not-json', 'no-name', 'error', 'error=13 x1', 'error=14 x1', 'error=4'],
  ...['safety-filter', 'safety-filter x1', 'empty', 'lost', 'lost-but-lands', 'slow=300'],
];
const POLL_FAULTS = [
  ...['poll-404', 'poll-429 x2', 'poll-500 x3', 'poll-503', 'poll-reset x2', 'poll-hang', 'poll-not-json x2'],
];
const DOWNLOAD_FAULTS = ['torn-download', 'download-503 x2', 'download-reset'];
const VERTEX_FAULTS = ['legacy-shape', 'safety-filter=1'];
const FRAME_FAULTS = ['429 x2', '500', 'reset', 'reset-after-accept', 'hang', 'prompt-blocked', 'text-only'];

const FAULT_SHARE = 0.3;
const CANCEL_SHARE = 0.08;
const SENT_TWICE_SHARE = 0.1;
/** Long enough for a sped-up job to be in any of its states. */
const CANCEL_WITHIN_MS = 8_000;

const inline = { bytesBase64Encoded: PNG.toString('base64'), mimeType: 'image/png' };
const OMNI_MODEL = 'gemini-omni-1.2-flash';
const DEVELOPER_MODEL = 'veo-3.1-generate-preview';
const FIRST_FRAME_MODELS = [
  { model: 'gemini-3.1-flash-image', provider: 'vertex' },
  { model: 'gemini-3.1-flash-image', provider: 'gemini' },
  { model: 'imagen-4.0-fast-generate-001', provider: 'vertex' },
] as const;

export interface WorkloadOptions {
  readonly seed: number;
  readonly jobs: number;
  /** The jobs are submitted over this time at a steady rate. */
  readonly durationMs: number;
}

export function planJobs({ seed, jobs, durationMs }: WorkloadOptions, random: Random): PlannedJob[] {
  return Array.from({ length: jobs }, (_, n) => ({
    ...planJob(`chaos ${seed}-${n}`, random),
    n,
    atMs: Math.floor((n / jobs) * durationMs),
    idempotencyKey: `chaos-${seed}-${n}`,
    isSentTwice: random() < SENT_TWICE_SHARE,
    cancelAfterMs: random() < CANCEL_SHARE ? Math.floor(random() * CANCEL_WITHIN_MS) : undefined,
  }));
}

type Planned = Pick<PlannedJob, 'kind' | 'body' | 'stages' | 'seconds' | 'sampleCount' | 'fault'>;

function planJob(name: string, random: Random): Planned {
  const kind = pick(random, KINDS);
  const fault = random() < FAULT_SHARE ? pick(random, faultsOf(kind)) : undefined;
  const isFrameFault = kind === 'firstFrame' && random() < 0.5;
  const frameFault = fault !== undefined && isFrameFault ? pick(random, FRAME_FAULTS) : undefined;
  const videoFault = frameFault === undefined ? fault : undefined;
  const video: PlannedStage = { kind: 'video', prompt: withFault(`${name} video`, videoFault) };
  const frame: PlannedStage = { kind: 'image', prompt: withFault(`${name} frame`, frameFault) };
  const sampleCount = fault === 'safety-filter=1' ? 2 : 1;
  const reroll = fault?.startsWith('safety-filter') === true ? { rerollOnSafety: 1 } : {};
  const base = { prompt: video.prompt, durationSeconds: 4, ...reroll };
  const plan = (over: Partial<Planned> & Pick<Planned, 'body'>): Planned => ({
    ...{ kind, stages: [video], seconds: 4, sampleCount: 1, fault: frameFault ?? videoFault, ...over },
  });
  switch (kind) {
    case 'text': {
      const samples = Math.max(sampleCount, 1 + Math.floor(random() * 4));
      const durationSeconds = pick(random, [4, 4, 6, 8]);
      const body = { ...base, durationSeconds, sampleCount: samples };
      return plan({ body, seconds: durationSeconds, sampleCount: samples });
    }
    case 'image':
      return plan({ body: { ...base, image: inline, sampleCount }, sampleCount });
    case 'firstFrame': {
      const firstFrame = { prompt: frame.prompt, ...pick(random, FIRST_FRAME_MODELS) };
      return plan({ body: { ...base, firstFrame, sampleCount }, stages: [frame, video], sampleCount });
    }
    case 'chain':
      return plan(chainOf(name, base, video, 1 + Math.floor(random() * 2)));
    case 'developer': {
      const body = { ...base, model: DEVELOPER_MODEL };
      return plan(random() < 0.7 ? { body } : chainOf(name, body, video, 1));
    }
    case 'omni':
      return plan({ body: { ...base, model: OMNI_MODEL } });
  }
}

/** Each extension by Veo adds seven seconds. */
function chainOf(
  name: string,
  base: Readonly<Record<string, unknown>>,
  video: PlannedStage,
  extensionCount: number,
): Pick<Planned, 'body' | 'stages' | 'seconds'> {
  const extensions = Array.from({ length: extensionCount }, (_, k): PlannedStage => {
    return { kind: 'extend', prompt: `${name} part ${k + 2}` };
  });
  const body = { ...base, extensions: extensions.map(({ prompt }) => ({ prompt })) };
  return { body, stages: [video, ...extensions], seconds: 4 + 7 * extensionCount };
}

function faultsOf(kind: JobKind): readonly string[] {
  const common = [...SUBMIT_FAULTS, ...POLL_FAULTS];
  switch (kind) {
    case 'developer':
      return [...common, ...DOWNLOAD_FAULTS];
    case 'omni':
      return [...common, ...DOWNLOAD_FAULTS, 'refusal'];
    case 'chain':
      return [...common, 'legacy-shape'];
    case 'text':
    case 'image':
    case 'firstFrame':
      return [...common, ...VERTEX_FAULTS];
  }
}

const withFault = (prompt: string, fault: string | undefined): string =>
  fault === undefined ? prompt : `${prompt} [simulate: ${fault}]`;

function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('cannot pick from an empty list');
  return item;
}
