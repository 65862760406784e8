/** Measured on 9fd10aa: 10,000 rows that name one image read it 10,000 times, at two or more requests each. */
import { describe, expect, it } from 'vitest';
import { apiOf } from '../support/api-client.ts';
import { batchNow, jsonl, startBatch } from '../support/batches.ts';
import { PNG, pngOf, webpOf } from '../support/images.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';

function countedWorld() {
  const { settings } = makeWorld().services;
  const world = makeWorld({ settings: { ...settings, readablePrefixes: ['gs://in/'] } });
  let reads = 0;
  world.input.onRead = () => {
    reads++;
  };
  const post = (body: object) => apiOf(world).post('/v1/jobs', { prompt: 'a', ...body });
  return { world, post, readsSince: () => reads };
}

describe('an image that many requests name', () => {
  it('is read once for all rows of a batch, also while they are validated in parallel', async () => {
    const { world } = countedWorld();
    world.input.put('cat.png', PNG, 'image/png');
    const names: string[] = [];
    const read = world.input.readRange.bind(world.input);
    world.input.readRange = async (name, ...range) => {
      names.push(name);
      // As over a network: other rows are validated before the first bytes arrive.
      await new Promise((resolve) => setImmediate(resolve));
      return read(name, ...range);
    };
    const rows = Array.from({ length: 500 }, (_, n) => ({
      prompt: `cat ${n}`,
      image: { gcsUri: 'gs://in/cat.png' },
    }));
    const started = await startBatch(world, jsonl(rows), { dryRun: true });
    await runFor(world, 3_600_000);
    const { totals } = await batchNow(world, started);
    expect(totals).toMatchObject({ rows: 500, valid: 500 });
    expect(names.filter((name) => name.endsWith('cat.png'))).toHaveLength(1);
  });

  it('is read again once it is replaced, and refused if the new one is damaged', async () => {
    const { world, post, readsSince } = countedWorld();
    const image = { gcsUri: 'gs://in/cat.png' };
    world.input.put('cat.png', PNG, 'image/png');
    expect([(await post({ image })).status, (await post({ image })).status, readsSince()]).toEqual([
      201, 201, 1,
    ]);
    world.input.put('cat.png', PNG.subarray(0, 40), 'image/png');
    expect([(await post({ image })).status, (await post({ image })).status, readsSince()]).toEqual([
      400, 400, 2,
    ]);
    world.input.put('cat.png', pngOf(3000), 'image/png');
    expect([(await post({ image })).status, readsSince()]).toEqual([201, 3]);
    world.input.remove('cat.png');
    expect([(await post({ image })).body['detail'], readsSince()]).toEqual([
      'image.gcsUri: is gs://in/cat.png, which does not exist.',
      3,
    ]);
  });

  it('is checked by the rules of each request: the model, and the type that was declared', async () => {
    const { world, post } = countedWorld();
    world.input.put('cat.webp', webpOf(), 'image/webp');
    const image = { gcsUri: 'gs://in/cat.webp' };
    expect((await post({ image, model: 'gemini-omni-1.2-flash' })).status).toBe(201);
    expect((await post({ image })).status).toBe(400);
    expect(
      (await post({ image: { ...image, mimeType: 'image/png' }, model: 'gemini-omni-1.2-flash' })).status,
    ).toBe(400);
    expect((await post({ image, model: 'gemini-omni-1.2-flash' })).status).toBe(201);
  });

  it('is read again after a read that failed', async () => {
    const { world, post } = countedWorld();
    world.input.put('cat.png', PNG, 'image/png');
    const image = { gcsUri: 'gs://in/cat.png' };
    let isBroken = true;
    world.input.onRead = () => {
      if (isBroken) throw new Error('503');
    };
    expect((await post({ image })).status).toBe(500);
    isBroken = false;
    expect((await post({ image })).status).toBe(201);
  });

  it('is checked as one generation, also if it is replaced while it is read', async () => {
    const { world, post } = countedWorld();
    world.input.put('cat.png', PNG, 'image/png');
    let replacements = 1;
    world.input.onRead = () => {
      if (replacements-- > 0) world.input.put('cat.png', Buffer.from('not an image'), 'image/png');
    };
    expect(String((await post({ image: { gcsUri: 'gs://in/cat.png' } })).body['detail'])).toContain(
      'neither PNG nor JPEG',
    );
  });
});
