/** Files that are named by requests and schedules: there from the beginning, or late, or gone meanwhile. */
import { PNG } from '../../support/images.ts';
import type { Engine } from '../engine.ts';
import type { Random } from '../random.ts';
import type { Drop } from './drops.ts';
import type { InputBucket } from './input-bucket.ts';
import { PICTURES, type PlannedManifest } from './manifests.ts';
import { pathOf } from './requesters.ts';
import type { Fires, Wish } from './workload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Named {
  readonly wishes: readonly Wish[];
  readonly fires: readonly Fires[];
}

export function placeFiles(
  engine: Engine,
  input: InputBucket,
  random: Random,
  { wishes, fires }: Named,
): void {
  // First of all, because rows name their generations.
  for (const name of PICTURES) {
    const generation = input.put(name, PNG, 'image/png');
    const isMoved = engine.faults.happens('client', 2);
    const afterMs = random.int(0, random.chance(0.6) ? 10 * SECOND : 10 * MINUTE);
    const isGone = random.chance(0.5);
    const forMs = random.int(0, MINUTE);
    if (!isMoved) continue;
    if (isGone) engine.after(afterMs, () => input.take(name, generation));
    engine.after(afterMs + (isGone ? forMs : 0), () => void input.put(name, PNG, 'image/png'));
  }
  for (const wish of wishes) {
    if (wish.isInline) continue;
    const put = (): void => void input.put(pathOf(wish), Buffer.from(wish.manifest.text), 'text/plain');
    put();
    // Another manifest of the same content: only the generation tells them apart.
    const isReplaced = random.chance(0.1);
    const afterMs = wish.atMs + random.int(0, MINUTE);
    if (isReplaced) engine.after(afterMs, put);
  }
  for (const { manifests } of fires)
    for (const { name, manifest, atMs } of manifests)
      if (atMs !== undefined)
        engine.after(atMs, () => void input.put(name, Buffer.from(manifest.text), 'application/jsonl'));
}

/** Every manifest there may be, by its text. */
export function plansOf({
  wishes,
  fires,
  drops,
}: Named & { readonly drops: readonly Drop[] }): ReadonlyMap<string, PlannedManifest> {
  const plans = new Map<string, PlannedManifest>();
  for (const { manifest, isInline } of wishes)
    plans.set(
      isInline ? manifest.bodies.map((body) => `${JSON.stringify(body)}\n`).join('') : manifest.text,
      manifest,
    );
  for (const { manifests } of fires) for (const { manifest } of manifests) plans.set(manifest.text, manifest);
  for (const { becomes } of drops)
    if (becomes.kind === 'batch') plans.set(becomes.manifest.text, becomes.manifest);
  return plans;
}
