/** The files that requests and schedules name: present from the start, late, or deleted meanwhile. */
import { PNG } from '../../support/images.ts';
import type { Engine } from '../engine.ts';
import type { Random } from '../random.ts';
import type { Drop } from './drops.ts';
import type { InputBucket } from './input-bucket.ts';
import { IMAGES, type PlannedManifest } from './manifests.ts';
import { pathOf } from './requesters.ts';
import type { Fires, PlannedBatch } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Named {
  readonly plannedBatches: readonly PlannedBatch[];
  readonly fires: readonly Fires[];
}

export function placeFiles(
  engine: Engine,
  input: InputBucket,
  random: Random,
  { plannedBatches, fires }: Named,
): void {
  // Put first, because rows name their generations.
  for (const name of IMAGES) {
    const generation = input.put(name, PNG, 'image/png');
    const isReplaced = engine.faults.happens('client', 2);
    const afterMs = random.int(0, random.chance(0.6) ? 10 * SECOND : 10 * MINUTE);
    const isDeleted = random.chance(0.5);
    const forMs = random.int(0, MINUTE);
    if (!isReplaced) continue;
    if (isDeleted) engine.after(afterMs, () => input.delete(name, generation));
    engine.after(afterMs + (isDeleted ? forMs : 0), () => void input.put(name, PNG, 'image/png'));
  }
  for (const planned of plannedBatches) {
    if (planned.isInline) continue;
    const put = (): void => void input.put(pathOf(planned), Buffer.from(planned.manifest.text), 'text/plain');
    put();
    // A second generation with the same content.
    const isReplaced = random.chance(0.1);
    const afterMs = planned.atMs + random.int(0, MINUTE);
    if (isReplaced) engine.after(afterMs, put);
  }
  for (const { manifests } of fires)
    for (const { name, manifest, atMs } of manifests)
      if (atMs !== undefined)
        engine.after(atMs, () => void input.put(name, Buffer.from(manifest.text), 'application/jsonl'));
}

/** Every planned manifest, by its text. */
export function plansOf({
  plannedBatches,
  fires,
  drops,
}: Named & { readonly drops: readonly Drop[] }): ReadonlyMap<string, PlannedManifest> {
  const plans = new Map<string, PlannedManifest>();
  for (const { manifest, isInline } of plannedBatches)
    plans.set(
      isInline ? manifest.bodies.map((body) => `${JSON.stringify(body)}\n`).join('') : manifest.text,
      manifest,
    );
  for (const { manifests } of fires) for (const { manifest } of manifests) plans.set(manifest.text, manifest);
  for (const { expected } of drops)
    if (expected.kind === 'batch') plans.set(expected.manifest.text, expected.manifest);
  return plans;
}
