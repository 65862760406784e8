import { expect, it } from 'vitest';
import { batchNow, startBatch } from '../support/batches.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';

it('a fault that quotes a row of a megabyte is cut: the record of the batch has room for the first twenty', async () => {
  const world = makeWorld();
  const row = JSON.stringify({ prompt: 'a', aspectRatio: 'x'.repeat(1_000_000) });
  const batch = await startBatch(world, `${row}\n`.repeat(3));
  await runFor(world, 3_600_000);
  const { firstFaults, totals } = await batchNow(world, batch);
  expect(totals).toMatchObject({ rows: 3, faults: 3 });
  for (const { fault } of firstFaults) {
    expect(fault).toMatch(/^aspectRatio: is "x+…$/);
    expect(fault.length).toBeLessThan(1_100);
  }
});
