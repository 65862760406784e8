import { expect, it } from 'vitest';
import { batchNow, jsonl, kittens, reportOf, startBatch } from '../../support/batches.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const HOUR = 3_600_000;

it('a row with many faults is reported with the first of them, so that the first twenty fit the batch’s record', async () => {
  const world = makeWorld();
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`Label ${n}`, 'x'.repeat(10_000)]));
  const row = JSON.stringify({ prompt: 'a', labels });
  const batch = await startBatch(world, `${row}\n`.repeat(3));
  await runFor(world, HOUR);
  const { firstFaults, totals } = await batchNow(world, batch);
  expect(totals).toMatchObject({ rows: 3, faults: 3 });
  for (const { fault } of firstFaults) {
    expect(fault).toMatch(/^labels\.Label 0: .*…$/);
    expect(fault.length).toBeLessThan(1_100);
  }
});

it('an image that is deleted while its row is processed makes that row invalid, not the batch', async () => {
  const { settings } = makeWorld().services;
  const world = makeWorld({ settings: { ...settings, readablePrefixes: ['gs://in/shared/'] } });
  finishesAfter(world, 30_000);
  world.input.put('shared/cat.png', PNG, 'image/png');
  const generation = world.input.objects.get('shared/cat.png')?.generation;
  const image = { gcsUri: 'gs://in/shared/cat.png', mimeType: 'image/png', generation };
  const copyOnce = world.input.copyOnce.bind(world.input);
  world.input.copyOnce = (...args) => {
    world.input.remove('shared/cat.png');
    return copyOnce(...args);
  };
  const batch = await startBatch(world, jsonl([...kittens(1), { prompt: 'a cat', image }]));
  await expect(runFor(world, HOUR)).rejects.toThrow('cat.png');
  await runFor(world, HOUR);
  expect(await batchNow(world, batch)).toMatchObject({ status: 'done', totals: { rows: 2, faults: 1 } });
  const report = await reportOf(world, batch);
  expect(report.map(({ status }) => status)).toEqual(['succeeded', 'invalid']);
  expect(report[1]?.error?.message).toContain('no longer exists');
});

it('a report whose CSV already exists after a crash has the right number of rows', async () => {
  const world = makeWorld();
  finishesAfter(world, 30_000);
  const writeOnce = world.output.writeOnce.bind(world.output);
  let isDown = true;
  world.output.writeOnce = async (name, ...rest) => {
    // Refused without reading the body, as Cloud Storage may do.
    if (world.output.objects.has(name)) return;
    if (name.endsWith('report.jsonl') && isDown) throw new Error('503');
    await writeOnce(name, ...rest);
  };
  const batch = await startBatch(world, jsonl(kittens(3)));
  await expect(runFor(world, HOUR)).rejects.toThrow('503');
  isDown = false;
  await runFor(world, HOUR);
  expect(await batchNow(world, batch)).toMatchObject({ status: 'done', report: { rows: 3 } });
});
