/** Files that people drop into the input bucket: pictures, what is said about them, requests and manifests. */
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
  /** What is to become of it. */
  readonly becomes:
    | { readonly kind: 'job'; readonly prompt: string }
    | { readonly kind: 'batch'; readonly manifest: PlannedManifest }
    /** With what is said about it. */
    | { readonly kind: 'asking'; readonly about: readonly string[] }
    /** It says something about another. */
    | { readonly kind: 'nothing' }
    | { readonly kind: 'fault' };
}

const SHAPES = [
  [0.25, 'picture'],
  [0.15, 'picture with sidecar'],
  [0.25, 'asking'],
  [0.15, 'request'],
  [0.2, 'manifest'],
] as const;

/** One file or two that belong together; now and then a file is put there again. */
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
  const isBackwards = random.chance(0.5);
  const inOrder = isBackwards ? [...files].reverse() : files;
  const drops = inOrder.map((file, k) => ({ ...file, atMs: atMs + (k === 0 ? 0 : random.int(0, apart)) }));
  const [first] = drops;
  // A second file under the name of the first: perhaps before anybody has read that one.
  const isReplaced = random.chance(0.35);
  const again = filesOf(random, form, `u${n}`, ' anew').find(({ name }) => name === first?.name);
  const afterMs = random.int(0, random.chance(0.5) ? 3 * SECOND : 15 * MINUTE);
  if (!first || !again || !isReplaced) return drops;
  return [...drops, { ...again, atMs: first.atMs + 1 + afterMs }];
}

type File = Omit<Drop, 'atMs'>;

/** What stays the same when a file is put there again: its name. */
interface Form {
  readonly shape: (typeof SHAPES)[number][1];
  readonly sidecar: '.txt' | '.png.json';
  readonly folder: 'drop' | 'capped';
  readonly format: PlannedManifest['format'];
}

function filesOf(random: Random, form: Form, id: string, version = ''): [File, ...File[]] {
  const { shape, sidecar: sidecarForm, folder, format } = form;
  const isFaulty = random.chance(0.2);
  const says = random.chance(0.5);
  switch (shape) {
    case 'picture': {
      const metadata = says ? { prompt: `${id} of its own${version}` } : {};
      return [picture(`drop/${id}.png`, metadata, isFaulty, metadata.prompt ?? `pans over ${id}`)];
    }
    case 'picture with sidecar':
      return [
        picture(`drop/${id}.png`, {}, isFaulty, ''),
        sidecar(`drop/${id}${sidecarForm}`, `${id} with words${version}`),
      ];
    case 'asking': {
      const name = `ask/${id}.png`;
      const asking = picture(name, {}, false, '');
      const about = [`ask/${id}${sidecarForm}`];
      return [
        { ...asking, becomes: { kind: 'asking', about } },
        sidecar(`ask/${id}${sidecarForm}`, `${id} as asked${version}`),
      ];
    }
    case 'request': {
      const prompt = `${id} requested${version}`;
      const body = { prompt, ...(isFaulty ? { durationSeconds: 999 } : {}) };
      const becomes = isFaulty ? { kind: 'fault' as const } : { kind: 'job' as const, prompt };
      return [file(`drop/${id}.json`, JSON.stringify(body), 'application/json', becomes)];
    }
    case 'manifest': {
      const manifest = manifestOf(random, `${id}${version}`, format);
      const name = `${folder}/${id}.${format}`;
      return [file(name, manifest.text, 'text/plain', { kind: 'batch', manifest })];
    }
  }
}

const file = (name: string, text: string, contentType: string, becomes: Drop['becomes']): File => ({
  ...{ name, contentType, becomes, metadata: {} },
  content: Buffer.from(text),
});

const sidecar = (name: string, prompt: string): File =>
  file(name, name.endsWith('.json') ? JSON.stringify({ prompt }) : prompt, 'text/plain', { kind: 'nothing' });

/** @param prompt of its job, where that can be known */
const picture = (
  name: string,
  metadata: Readonly<Record<string, string>>,
  isFaulty: boolean,
  prompt: string,
): File => ({
  ...{ name, metadata, contentType: 'image/png' },
  content: isFaulty ? PNG.subarray(0, 40) : PNG,
  becomes: isFaulty ? { kind: 'fault' } : { kind: 'job', prompt },
});
