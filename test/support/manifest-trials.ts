/** Runs a manifest as a batch in a new in-memory world, and returns what it made and reported. */
import type { RowFault } from '../../functions/core/batch/batch.ts';
import { batchNow, startBatch } from './batches.ts';
import { finishesAfter } from './jobs.ts';
import { makeWorld, type World } from './memory.ts';
import { runFor } from './run.ts';

const HOUR_MS = 3_600_000;

export interface Trial {
  readonly world: World;
  readonly batchId: string;
  readonly status: string;
  readonly rows: number;
  /** The message of a batch that failed. */
  readonly error: string | undefined;
  /** `row@line: fault` */
  readonly faults: readonly string[];
  readonly rowFaults: readonly RowFault[];
  /** The prompts of the jobs, in the order of their rows. */
  readonly prompts: readonly (string | undefined)[];
}

export async function tryManifest(
  content: string | Uint8Array,
  body: Record<string, unknown> = {},
  name = 'rows.csv',
): Promise<Trial> {
  const { settings } = makeWorld().services;
  // A quota that no manifest reaches.
  const world = makeWorld({ settings: { ...settings, requestsPerMinute: 600_000 } });
  finishesAfter(world, 30_000);
  const started = await startBatch(world, content, body, name);
  await runFor(world, HOUR_MS);
  const batch = await batchNow(world, started);
  const jobs = await world.jobs.all();
  return {
    ...{ world, batchId: batch.batchId, status: batch.status, rows: batch.totals.rows },
    error: batch.status === 'failed' ? batch.error.message : undefined,
    faults: batch.firstFaults.map(({ row, line, fault }) => `${row}@${line}: ${fault}`),
    rowFaults: batch.firstFaults,
    prompts: jobs
      .sort((a, b) => (a.batch?.row ?? 0) - (b.batch?.row ?? 0))
      .map(({ request }) => request.prompt),
  };
}
