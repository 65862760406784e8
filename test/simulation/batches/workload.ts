/** The sources of work: batches that callers request, files that users upload, and schedules that fire. */
import { type Schedule, schedulesSchema } from '../../../functions/core/batch/schedules.ts';
import { START_MS } from '../engine.ts';
import type { Random } from '../random.ts';
import { JOBS_MAX } from '../run.ts';
import { type Drop, dropsOf } from './drops.ts';
import { manifestOf, type PlannedManifest } from './manifests.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export interface PlannedBatch {
  readonly kind: 'batch';
  readonly name: string;
  readonly caller: string;
  readonly key: string | undefined;
  readonly atMs: number;
  readonly manifest: PlannedManifest;
  /** The rows come with the request. */
  readonly isInline: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface Uploads {
  readonly kind: 'uploads';
  readonly drops: readonly Drop[];
}

export interface Fires {
  readonly kind: 'fires';
  readonly id: string;
  readonly schedule: Schedule;
  /** The due times. */
  readonly ats: readonly number[];
  /** The manifests to put into the bucket. Some come late, some never. */
  readonly manifests: readonly PlacedManifest[];
}

export interface PlacedManifest {
  readonly name: string;
  readonly manifest: PlannedManifest;
  readonly atMs: number | undefined;
}

export type Source = PlannedBatch | Uploads | Fires;

const SOURCES = [
  [0.5, 'batch'],
  [0.3, 'uploads'],
  [0.2, 'fires'],
] as const;
const CALLERS = ['ann', 'bob'] as const;

/** Draws every source, even when fewer are used, so that leaving one out does not change the others. */
export function sourcesOf(random: Random, jobsMax: number): Source[] {
  const count = random.int(1, JOBS_MAX);
  const sources = Array.from({ length: JOBS_MAX }, (_, n) => sourceOf(random, n));
  return sources.slice(0, Math.min(count, jobsMax));
}

function sourceOf(random: Random, n: number): Source {
  switch (random.weighted(SOURCES)) {
    case 'batch':
      return plannedBatchOf(random, `batch ${n}`);
    case 'uploads':
      return { kind: 'uploads', drops: dropsOf(random, n) };
    case 'fires':
      return firesOf(random, n);
  }
}

function plannedBatchOf(random: Random, name: string): PlannedBatch {
  const manifest = manifestOf(random, name, random.pick(['jsonl', 'csv'] as const));
  const isInline = random.chance(0.4) && manifest.rows.length > 0;
  return {
    ...{ kind: 'batch', name, manifest, isInline },
    caller: random.pick(CALLERS),
    key: random.chance(0.9) ? name : undefined,
    atMs: random.int(SECOND, random.chance(0.5) ? 10 * SECOND : 5 * MINUTE),
    settings: settingsOf(random),
  };
}

function settingsOf(random: Random): Record<string, unknown> {
  const cents = random.int(20, 500);
  return {
    ...(random.chance(0.2) ? { strict: true } : {}),
    ...(random.chance(0.08) ? { dryRun: true } : {}),
    ...(random.chance(0.3) ? { maxSpendUsd: cents / 100 } : {}),
    ...(random.chance(0.5) ? { lane: 'interactive' } : {}),
  };
}

/** Fires that are minutes apart. Some name the same manifest. */
function firesOf(random: Random, n: number): Fires {
  const id = `daily-${n}`;
  const byMinute = random.chance(0.6);
  const manifest = byMinute
    ? `gs://in/plans/${id}-{HH}{mm}.jsonl`
    : `gs://in/plans/${id}-{yyyy}{MM}{dd}.jsonl`;
  const { dryRun: _, ...settings } = settingsOf(random);
  const { [id]: schedule } = schedulesSchema.parse({
    [id]: {
      cron: '*/5 * * * *',
      manifest,
      overlap: random.pick(['skip', 'queue', 'allow'] as const),
      missing: random.pick(['skip', 'fail', 'wait'] as const),
      waitMinutes: random.int(1, 30),
      ...settings,
    },
  });
  if (!schedule) throw new Error(`the parsed schedules lack ${id}`);
  const apart = random.chance(0.5) ? 2 : 12;
  const drawn = Array.from({ length: 3 }, () => random.int(1, apart));
  const minutes = drawn
    .slice(0, random.int(1, 3))
    .map((_, k) => drawn.slice(0, k + 1).reduce((a, b) => a + b));
  const names = minutes.map((minute) => {
    const time = new Date(START_MS + minute * MINUTE).toISOString();
    return byMinute
      ? `plans/${id}-${time.slice(11, 13)}${time.slice(14, 16)}.jsonl`
      : `plans/${id}-${time.slice(0, 10).replaceAll('-', '')}.jsonl`;
  });
  const manifests = [...new Set(names)].map((name, k) => ({
    name,
    manifest: manifestOf(random, `${id} ${k}`, 'jsonl'),
    atMs: random.chance(0.9) ? random.int(0, random.chance(0.7) ? 2 * MINUTE : 40 * MINUTE) : undefined,
  }));
  return { kind: 'fires', id, schedule, ats: minutes.map((minute) => START_MS + minute * MINUTE), manifests };
}
