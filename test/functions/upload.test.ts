/** Objects that arrive in the input bucket: which become jobs, how often, and what a bad one is told. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invalidRequest } from '../../functions/core/problem.ts';
import { uploadRulesSchema } from '../../functions/core/upload-rules.ts';
import { createBatch } from '../../functions/handlers/create-batch.ts';
import { handleUpload, type StartBatch } from '../../functions/handlers/upload.ts';
import { JPEG, PNG } from '../support/images.ts';
import { finishesAfter } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import { MemoryUploads } from '../support/upload-bucket.ts';

const MINUTE = 60_000;
const FINALIZED = 'google.cloud.storage.object.v1.finalized';
type Starts = Parameters<StartBatch>[0][];

function arrivals(given: readonly unknown[] = [{ prefix: 'uploads/' }]) {
  const rules = uploadRulesSchema.parse(given);
  const base = makeWorld();
  const settings = { ...base.services.settings, uploadRules: rules };
  const world: World = { ...base, services: { ...base.services, settings } };
  const uploads = new MemoryUploads(world);
  const batches: Starts = [];
  const startBatch: StartBatch = async (start) => {
    batches.push(start);
    return { batch: { batchId: `batch_${batches.length}`, status: 'expanding' }, created: true };
  };
  const work = { services: world.services, uploads, rules, startBatch };
  return {
    ...{ world, uploads, batches, work },
    arrive: (data: unknown, type = FINALIZED) => handleUpload(work, { type, data }),
    drop: (...args: Parameters<MemoryUploads['drop']>) => uploads.drop(...args),
    jobs: () => world.jobs.all(),
    messages: () => world.log.map(({ message }) => message).join('\n'),
  };
}

describe('an uploaded picture', () => {
  it('becomes one job, however often and under whatever message its event comes', async () => {
    const { arrive, drop, jobs } = arrivals();
    const event = drop('uploads/cat.png', PNG, 'image/png', { prompt: 'it purrs', 'clapper-seed': '3' });
    await Promise.all([arrive(event), arrive(event)]);
    await arrive({ ...event, metageneration: '2' });
    const made = await jobs();
    expect(made).toHaveLength(1);
    expect(made[0]).toMatchObject({
      caller: 'upload:in',
      lane: 'batch',
      request: { prompt: 'it purrs', seed: 3, image: { gcsUri: 'gs://in/uploads/cat.png' } },
    });
  });

  it('becomes another job when it is replaced, and the late event of the old one makes none', async () => {
    const { arrive, drop, jobs, messages } = arrivals();
    const first = drop('uploads/cat.jpg', JPEG, 'image/jpeg');
    const second = drop('uploads/cat.jpg', JPEG, 'image/jpeg');
    await arrive(second);
    await arrive(first);
    expect(await jobs()).toHaveLength(1);
    expect(messages()).toContain('was replaced');
  });

  it('says what its sidecar says, and without one what its prefix says', async () => {
    const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', template: { prompt: 'a {name} moves' } }]);
    drop('uploads/a.txt', ' it sleeps \n');
    drop('uploads/b.png.json', '{"prompt":"it wakes","durationSeconds":4}');
    for (const name of ['a', 'b', 'c']) await arrive(drop(`uploads/${name}.png`, PNG, 'image/png'));
    const prompts = (await jobs()).map(({ request }) => request.prompt);
    expect(prompts.sort()).toEqual(['a c moves', 'it sleeps', 'it wakes']);
  });

  it('waits for its sidecar where that is required, whichever comes first, and is one job', async () => {
    for (const imageFirst of [true, false]) {
      const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', sidecar: 'required' }]);
      const send = {
        image: () => arrive(drop('uploads/cat.png', PNG, 'image/png')),
        sidecar: () => arrive(drop('uploads/cat.json', '{"prompt":"it jumps"}')),
      };
      await (imageFirst ? send.image() : send.sidecar());
      expect(await jobs()).toHaveLength(0);
      await (imageFirst ? send.sidecar() : send.image());
      await send.sidecar();
      expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it jumps']);
    }
  });

  it('becomes its job once a sidecar that was no JSON is mended', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    drop('uploads/cat.png.json', '{"prompt":');
    const picture = drop('uploads/cat.png', PNG, 'image/png');
    await arrive(picture);
    expect(uploads.json('uploads/cat.png.error.json')).toMatchObject({
      errors: [{ field: 'uploads/cat.png.json', detail: expect.stringContaining('is not JSON') }],
    });
    const mended = drop('uploads/cat.png.json', '{"prompt":"it yawns"}');
    await arrive(mended);
    await arrive(picture);
    await arrive(drop('uploads/cat.png.json', '{"prompt":"too late"}'));
    expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it yawns']);
  });

  it('is told once what is wrong with it, and again when another one is wrong too', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    const bad = drop('uploads/cat.png', 'no picture', 'image/png');
    await arrive(bad);
    await arrive(bad);
    const told = uploads.objects.get('uploads/cat.png.error.json');
    expect(uploads.json('uploads/cat.png.error.json')).toEqual({
      object: 'gs://in/uploads/cat.png',
      generation: bad['generation'],
      errors: [{ field: 'image.gcsUri', detail: expect.stringContaining('neither PNG nor JPEG') }],
    });
    const worse = drop('uploads/cat.png', 'no picture either', 'image/png');
    await arrive(worse);
    await arrive(bad);
    const toldAgain = uploads.objects.get('uploads/cat.png.error.json');
    expect(toldAgain?.generation).not.toBe(told?.generation);
    expect(uploads.json('uploads/cat.png.error.json')).toMatchObject({ generation: worse['generation'] });
    await arrive(drop('uploads/cat.png', PNG, 'image/png'));
    expect(await jobs()).toHaveLength(1);
  });

  it('is left to the next delivery while the bucket does not answer', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    const event = drop('uploads/cat.png', PNG, 'image/png');
    uploads.failNext = 1;
    await expect(arrive(event)).rejects.toThrow('503');
    await arrive(event);
    expect(await jobs()).toHaveLength(1);
    expect(uploads.objects.has('uploads/cat.png.error.json')).toBe(false);
  });
});

describe('an uploaded request', () => {
  it('is a job of its own, with the defaults of its prefix', async () => {
    const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', template: { durationSeconds: 4 } }]);
    const event = drop('uploads/night.json', '{"prompt":"a moon"}', 'application/json');
    await arrive(event);
    await arrive(event);
    expect(await jobs()).toMatchObject([{ request: { prompt: 'a moon', durationSeconds: 4 } }]);
  });

  it('may name pictures of its own prefix, and none of another caller', async () => {
    const { arrive, drop, jobs, uploads } = arrivals([{ prefix: '' }]);
    const asking = (name: string) =>
      JSON.stringify({ prompt: 'x', image: { gcsUri: `gs://in/${name}`, mimeType: 'image/png' } });
    drop('pictures/a.png', PNG, 'image/png');
    drop('callers/other/a.png', PNG, 'image/png');
    await arrive(drop('one.json', asking('pictures/a.png')));
    await arrive(drop('two.json', asking('callers/other/a.png')));
    expect(await jobs()).toHaveLength(1);
    expect(uploads.json('two.json.error.json')).toMatchObject({ errors: [{ field: 'image.gcsUri' }] });
  });

  it('is about the picture of its name where that is there, and is no job', async () => {
    const { arrive, drop, jobs } = arrivals();
    const picture = drop('uploads/cat.png', PNG, 'image/png');
    const sidecar = drop('uploads/cat.json', '{"prompt":"it jumps"}');
    await arrive(sidecar);
    await arrive(picture);
    expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it jumps']);
  });

  it('that is no JSON, or not valid, is told so by field', async () => {
    const { arrive, drop, uploads } = arrivals();
    await arrive(drop('uploads/a.json', '{'));
    await arrive(drop('uploads/b.json', '{"prompt":"x","durationSeconds":9,"colour":"red"}'));
    expect(uploads.json('uploads/a.json.error.json')).toMatchObject({ errors: [{ field: '' }] });
    expect(uploads.json('uploads/b.json.error.json')).toMatchObject({ errors: [{ field: 'colour' }] });
  });
});

describe('an uploaded manifest', () => {
  it('starts a batch of exactly that generation, and the same cause for every delivery', async () => {
    const { arrive, drop, batches } = arrivals([
      { prefix: 'uploads/', batch: { defaults: { durationSeconds: 4 }, maxSpendUsd: 5 } },
    ]);
    const event = drop('uploads/many.csv', 'prompt\na\n', 'text/csv');
    await arrive(event);
    await arrive(event);
    expect(batches).toHaveLength(2);
    expect(batches[0]).toEqual(batches[1]);
    expect(batches[0]).toEqual({
      caller: 'upload:in',
      cause: ['upload', 'in', 'uploads/many.csv', event['generation']],
      body: {
        manifest: { gcsUri: 'gs://in/uploads/many.csv', generation: event['generation'] },
        lane: 'batch',
        title: 'uploads/many.csv',
        defaults: { durationSeconds: 4 },
        maxSpendUsd: 5,
      },
    });
  });

  it('that is no use has its faults told beside it, with their lines', async () => {
    const { work, drop, uploads } = arrivals();
    const data = drop('uploads/many.csv', 'colour\nred\n', 'text/csv');
    const startBatch: StartBatch = async () => {
      throw invalidRequest([{ ...{ line: 2 }, field: 'colour', detail: 'is not a field.' }]);
    };
    await handleUpload({ ...work, startBatch }, { type: FINALIZED, data });
    expect(uploads.json('uploads/many.csv.error.json')).toMatchObject({
      errors: [{ line: 2, field: 'colour', detail: 'is not a field.' }],
    });
  });
});

describe('the batch of an uploaded manifest', () => {
  it('has its faults told beside the manifest, and one of another cause has not', async () => {
    const { work, world, uploads, drop } = arrivals();
    const services = { ...world.services, uploads };
    const withUploads = { ...world, services };
    finishesAfter(withUploads, MINUTE);
    const startBatch: StartBatch = (start) => createBatch(services, { ...start, isTrusted: true });
    const manifest = 'prompt,durationSeconds\na,4\nb,9\n';
    // A bucket in memory has generations of its own for each of its ports; here they have to agree.
    const data = drop('uploads/many.csv', manifest, 'text/csv');
    const head = await world.input.head('gs://in/uploads/many.csv');
    uploads.setGeneration('uploads/many.csv', head?.generation ?? '');
    const event = { ...data, generation: head?.generation };
    await handleUpload({ ...work, startBatch }, { type: FINALIZED, data: event });
    await createBatch(services, { caller: 'other', body: { rows: [{ durationSeconds: 9 }] } });
    await runFor(withUploads, 60 * MINUTE);
    expect(uploads.json('uploads/many.csv.error.json')).toEqual({
      object: 'gs://in/uploads/many.csv',
      generation: head?.generation,
      errors: [{ line: 3, field: 'durationSeconds', detail: expect.stringContaining('is 9') }],
    });
    const told = [...uploads.objects.keys()].filter((name) => name.endsWith('.error.json'));
    expect(told).toHaveLength(1);
  });
});

describe('anything else', () => {
  it('is ignored with a line in the log', async () => {
    const { arrive, drop, jobs, world } = arrivals();
    await arrive(drop('uploads/film.mp4', 'x', 'video/mp4'));
    await arrive(drop('elsewhere/cat.png', PNG, 'image/png'));
    await arrive({ ...drop('uploads/cat.png', PNG, 'image/png'), bucket: 'other' });
    await arrive(drop('uploads/dog.png', PNG, 'image/png'), 'google.cloud.storage.object.v1.metadataUpdated');
    await arrive({ nonsense: true });
    expect(await jobs()).toHaveLength(0);
    expect(world.log.filter(({ message }) => message.includes('ignored'))).toHaveLength(5);
  });
});

describe('a set of files, their events several times in any order', () => {
  it('becomes the same jobs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), async (picks) => {
        const { arrive, drop, jobs, batches } = arrivals();
        const events = [
          ...[1, 2, 3].map((n) => drop(`uploads/${n}.png`, PNG, 'image/png', { prompt: `picture ${n}` })),
          drop('uploads/4.json', '{"prompt":"request 4"}'),
          drop('uploads/5.csv', 'prompt\nx\n'),
        ];
        const deliveries = events.flatMap((event) => [event, event, event]);
        while (deliveries.length > 0) {
          const [at] = picks.take(1);
          await arrive(deliveries.splice((at ?? 0) % deliveries.length, 1)[0]);
        }
        expect((await jobs()).map(({ request }) => request.prompt).sort()).toEqual([
          ...['picture 1', 'picture 2', 'picture 3', 'request 4'],
        ]);
        expect(new Set(batches.map(({ cause }) => cause.join(' '))).size).toBe(1);
      }),
      { numRuns: 30 },
    );
  });
});
