/** Files that users drop into the input bucket: images, their sidecars, requests and manifests. */
import { type UploadRule, uploadRulesSchema } from '../../../functions/core/batch/upload-rules.ts';
import { PNG } from '../../support/images.ts';
import type { Random } from '../random.ts';
import { manifestOf, type PlannedManifest } from './manifests.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const MODEL = 'veo-3.1-fast-generate-001';

export const RULES: readonly UploadRule[] = uploadRulesSchema.parse([
  { prefix: 'drop/', template: { prompt: 'pans over {name}', model: MODEL, durationSeconds: 8 } },
  { prefix: 'ask/', sidecar: 'required', template: { model: MODEL, durationSeconds: 8 } },
  { prefix: 'capped/', batch: { maxSpendUsd: 2 } },
]);

export interface Drop {
  readonly name: string;
  readonly contentType: string;
  readonly content: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly atMs: number;
  /** The expected result. */
  readonly expected:
    | { readonly kind: 'job'; readonly prompt: string }
    | { readonly kind: 'batch'; readonly manifest: PlannedManifest }
    /** A job, once the image and one of these sidecars exist. */
    | { readonly kind: 'needsSidecar'; readonly about: readonly string[] }
    /** No job of its own: a sidecar. */
    | { readonly kind: 'nothing' }
    | { readonly kind: 'fault' };
}

const SHAPES = [
  [0.25, 'image'],
  [0.15, 'image with sidecar'],
  [0.2, 'image that needs a sidecar'],
  [0.05, 'sidecar without an image'],
  [0.15, 'request'],
  [0.2, 'manifest'],
] as const;

/** One file, or two that belong together. Sometimes the first one is replaced. */
export function dropsOf(random: Random, n: number): Drop[] {
  const form: Form = {
    shape: random.weighted(SHAPES),
    sidecar: random.pick(['.txt', '.png.json'] as const),
    folder: random.pick(['drop', 'capped'] as const),
    format: random.pick(['jsonl', 'csv'] as const),
  };
  const files = filesOf(random, form, `u${n}`);
  const atMs = random.int(SECOND, 5 * MINUTE);
  const apart = random.chance(0.6) ? 2 * SECOND : 10 * MINUTE;
  const isReversed = random.chance(0.5);
  const inOrder = isReversed ? [...files].reverse() : files;
  const drops = inOrder.map((file, k) => ({ ...file, atMs: atMs + (k === 0 ? 0 : random.int(0, apart)) }));
  const [first] = drops;
  // A second file under the name of the first, perhaps before the first has been read.
  const isReplaced = random.chance(0.35);
  const again = filesOf(random, form, `u${n}`, ' anew').find(({ name }) => name === first?.name);
  const afterMs = random.int(0, random.chance(0.5) ? 3 * SECOND : 15 * MINUTE);
  if (!first || !again || !isReplaced) return drops;
  return [...drops, { ...again, atMs: first.atMs + 1 + afterMs }];
}

type File = Omit<Drop, 'atMs'>;

/** What stays the same when a file is replaced, so that it keeps its name. */
interface Form {
  readonly shape: (typeof SHAPES)[number][1];
  readonly sidecar: '.txt' | '.png.json';
  readonly folder: 'drop' | 'capped';
  readonly format: PlannedManifest['format'];
}

function filesOf(random: Random, form: Form, id: string, version = ''): [File, ...File[]] {
  const { shape, sidecar: sidecarForm, folder, format } = form;
  const isFaulty = random.chance(0.2);
  const hasPrompt = random.chance(0.5);
  switch (shape) {
    case 'image': {
      const metadata = hasPrompt ? { prompt: `${id} of its own${version}` } : {};
      return [imageFile(`drop/${id}.png`, metadata, isFaulty, metadata.prompt ?? `pans over ${id}`)];
    }
    case 'image with sidecar':
      return [
        imageFile(`drop/${id}.png`, {}, isFaulty, ''),
        sidecar(`drop/${id}${sidecarForm}`, `${id} with words${version}`),
      ];
    case 'image that needs a sidecar': {
      const name = `ask/${id}.png`;
      const image = imageFile(name, {}, false, '');
      const about = [`ask/${id}${sidecarForm}`];
      return [
        { ...image, expected: { kind: 'needsSidecar', about } },
        sidecar(`ask/${id}${sidecarForm}`, `${id} as asked${version}`),
      ];
    }
    case 'sidecar without an image':
      return [sidecar(`drop/${id}${sidecarForm}`, `${id} of nothing${version}`)];
    case 'request': {
      const prompt = `${id} requested${version}`;
      const body = { prompt, ...(isFaulty ? { durationSeconds: 999 } : {}) };
      const expected = isFaulty ? { kind: 'fault' as const } : { kind: 'job' as const, prompt };
      return [file(`drop/${id}.json`, JSON.stringify(body), 'application/json', expected)];
    }
    case 'manifest': {
      const manifest = manifestOf(random, `${id}${version}`, format);
      const name = `${folder}/${id}.${format}`;
      // An empty file is refused before it becomes a batch.
      const expected =
        manifest.text === '' ? { kind: 'fault' as const } : { kind: 'batch' as const, manifest };
      return [file(name, manifest.text, 'text/plain', expected)];
    }
  }
}

const file = (name: string, text: string, contentType: string, expected: Drop['expected']): File => ({
  ...{ name, contentType, expected, metadata: {} },
  content: Buffer.from(text),
});

const sidecar = (name: string, prompt: string): File =>
  file(name, name.endsWith('.json') ? JSON.stringify({ prompt }) : prompt, 'text/plain', { kind: 'nothing' });

/** The bytes of the video that phones append. */
const MOTION = Buffer.alloc(3000, 7);

/** @param prompt the prompt of its job; empty when it depends on a sidecar */
const imageFile = (
  name: string,
  metadata: Readonly<Record<string, string>>,
  isFaulty: boolean,
  prompt: string,
): File => ({
  ...{ name, metadata, contentType: 'image/png' },
  content: isFaulty ? PNG.subarray(0, 40) : prompt === '' ? Buffer.concat([PNG, MOTION]) : PNG,
  expected: isFaulty ? { kind: 'fault' } : { kind: 'job', prompt },
});
