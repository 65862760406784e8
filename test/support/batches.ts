/** Creates batches in an in-memory world and reads them and their reports. */
import { expect } from 'vitest';
import { z } from 'zod';
import type { Batch } from '../../functions/core/batch/batch.ts';
import { handleBatch } from '../../functions/handlers/batch/batch.ts';
import { createBatch } from '../../functions/handlers/batch/create-batch.ts';
import type { World } from './memory.ts';

const reportRowSchema = z.object({
  row: z.number(),
  line: z.number().nullable(),
  job: z.string().nullable(),
  status: z.string(),
  uris: z.array(z.string()),
  seconds: z.number(),
  priceUsd: z.number(),
  unknownUsd: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
type ReportRow = z.infer<typeof reportRowSchema>;

/** Starts a batch of a manifest with this content, stored under a readable prefix. */
export async function startBatch(
  world: World,
  content: string | Uint8Array,
  body: Record<string, unknown> = {},
  name = 'manifest.jsonl',
): Promise<Batch> {
  world.input.put(
    `shared/${name}`,
    typeof content === 'string' ? Buffer.from(content) : content,
    'text/plain',
  );
  const manifest = { gcsUri: `gs://in/shared/${name}` };
  const { batch } = await createBatch(world.services, {
    caller: 'local',
    body: { manifest, ...body },
    isTrusted: true,
  });
  return batch;
}

/** Runs a chunk whose process crashes before its result is saved. The first write records that the chunk begins. */
export async function dieBeforeSaving(
  { batches, services }: World,
  message: { readonly batchId: string; readonly seq: number },
): Promise<void> {
  const update = batches.update.bind(batches);
  let writes = 0;
  batches.update = (...of) =>
    ++writes === 1 ? update(...of) : Promise.reject(new Error('the process dies'));
  await expect(handleBatch(services, message)).rejects.toThrow('dies');
  batches.update = update;
}

export async function batchNow(world: World, { batchId }: Pick<Batch, 'batchId'>): Promise<Batch> {
  const batch = await world.batches.get(batchId);
  if (!batch) throw new Error('the batch does not exist');
  return batch;
}

export async function reportOf(world: World, batch: Pick<Batch, 'batchId'>): Promise<ReportRow[]> {
  return textOfReport(await batchNow(world, batch), world, 'jsonl')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => reportRowSchema.parse(JSON.parse(line)));
}

export function textOfReport(batch: Batch, world: World, format: 'csv' | 'jsonl'): string {
  if (!('report' in batch)) throw new Error(`batch is ${batch.status} and has no report`);
  return Buffer.from(world.output.objects.get(batch.report[format])?.body ?? []).toString('utf8');
}

export const jsonl = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

export const kittens = (count: number): unknown[] =>
  Array.from({ length: count }, (_, n) => ({ prompt: `kitten number ${n + 1}`, durationSeconds: 4 }));
