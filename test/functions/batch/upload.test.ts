/** Uploads to the input bucket: which of them become jobs, how often, and the error files of invalid ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uploadRulesSchema } from '../../../functions/core/batch/upload-rules.ts';
import type { Job } from '../../../functions/core/job/job.ts';
import { invalidRequest } from '../../../functions/core/problem.ts';
import { createBatch } from '../../../functions/handlers/batch/create-batch.ts';
import { handleUpload, type StartBatch } from '../../../functions/handlers/batch/upload.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';
import { MemoryUploads, MemoryWaits } from '../../support/upload-bucket.ts';

const MINUTE = 60_000;
const FINALIZED = 'google.cloud.storage.object.v1.finalized';
type Starts = Parameters<StartBatch>[0][];

function arrivals(given: readonly unknown[] = [{ prefix: 'uploads/' }], { hasVersions = true } = {}) {
  const rules = uploadRulesSchema.parse(given);
  const base = makeWorld();
  const settings = { ...base.services.settings, uploadRules: rules };
  const world: World = { ...base, services: { ...base.services, settings } };
  const uploads = new MemoryUploads(world);
  world.input.hasVersions = hasVersions;
  const batches: Starts = [];
  const startBatch: StartBatch = async (start) => {
    batches.push(start);
    return { batch: { batchId: `batch_${batches.length}`, status: 'expanding' }, created: true };
  };
  const work = { services: world.services, uploads, waits: new MemoryWaits(), rules, startBatch };
  return {
    ...{ world, uploads, batches, work },
    arrive: (data: unknown, type = FINALIZED) => handleUpload(work, { type, data }),
    drop: (...args: Parameters<MemoryUploads['drop']>) => uploads.drop(...args),
    jobs: () => world.jobs.all(),
    imageOf: ({ request }: Job) => world.input.find(request.image?.gcsUri ?? '')?.body,
  };
}

describe('an uploaded image', () => {
  it('becomes one job, however often its event is delivered', async () => {
    const { arrive, drop, jobs } = arrivals();
    const event = drop('uploads/cat.png', PNG, 'image/png', { prompt: 'it purrs', 'clapper-seed': '3' });
    await Promise.all([arrive(event), arrive(event)]);
    await arrive({ ...event, metageneration: '2' });
    const made = await jobs();
    expect(made).toHaveLength(1);
    expect(made[0]).toMatchObject({
      caller: 'upload:in',
      lane: 'batch',
      request: {
        ...{ prompt: 'it purrs', seed: 3 },
        image: { copyOf: `gs://in/uploads/cat.png#${event['generation']}` },
      },
    });
  });

  it('becomes another job when it is replaced, in either order of events, and each job uses its own image', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { arrive, drop, jobs, imageOf } = arrivals();
      const images = [PNG, Buffer.concat([PNG, Buffer.from(' another')])];
      const events = images.map((image) => drop('uploads/cam.png', image, 'image/png'));
      for (const n of order) await arrive(events[n]);
      drop('uploads/cam.png', 'no image', 'image/png');
      const shown = (await jobs()).map((job) => {
        const generation = job.request.image?.copyOf?.split('#')[1];
        const n = events.findIndex((event) => event['generation'] === generation);
        expect(job.request.image?.gcsUri).toMatch(new RegExp(`^gs://in/jobs/${job.jobId}/image-`));
        expect(imageOf(job)).toEqual(images[n]);
        return n;
      });
      expect(shown.sort()).toEqual([0, 1]);
    }
  });

  it('that was deleted before it was read gets an error file, even if the next one becomes a job', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { arrive, drop, jobs, uploads } = arrivals([{ prefix: 'uploads/' }], { hasVersions: false });
      const events = [1, 2].map(() => drop('uploads/cam.png', PNG, 'image/png'));
      for (const n of order) await arrive(events[n]);
      expect(await jobs()).toHaveLength(1);
      const generation = events[0]?.['generation'];
      expect(uploads.json('uploads/cam.png.error.json')).toMatchObject({
        generation,
        errors: [
          {
            detail: expect.stringContaining(
              `Generation ${generation} of gs://in/uploads/cam.png was replaced`,
            ),
          },
        ],
      });
    }
  });

  it('uses the prompt of its sidecar, and without one the template of its prefix', async () => {
    const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', template: { prompt: 'a {name} moves' } }]);
    drop('uploads/a.txt', ' it sleeps \n');
    drop('uploads/b.png.json', '{"prompt":"it wakes","durationSeconds":4}');
    for (const name of ['a', 'b', 'c']) await arrive(drop(`uploads/${name}.png`, PNG, 'image/png'));
    const prompts = (await jobs()).map(({ request }) => request.prompt);
    expect(prompts.sort()).toEqual(['a c moves', 'it sleeps', 'it wakes']);
  });

  it('waits for its sidecar if that is required, in either order, and becomes one job', async () => {
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

  it('becomes a job once its malformed sidecar is corrected', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    drop('uploads/cat.png.json', '{"prompt":');
    const image = drop('uploads/cat.png', PNG, 'image/png');
    await arrive(image);
    expect(uploads.json('uploads/cat.png.error.json')).toMatchObject({
      errors: [{ field: 'uploads/cat.png.json', detail: expect.stringContaining('is not JSON') }],
    });
    const corrected = drop('uploads/cat.png.json', '{"prompt":"it yawns"}');
    await arrive(corrected);
    await arrive(image);
    await arrive(drop('uploads/cat.png.json', '{"prompt":"too late"}'));
    expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it yawns']);
  });

  it('gets one error file if it is invalid, and a new one if its replacement is invalid too', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    const bad = drop('uploads/cat.png', 'no image', 'image/png');
    await arrive(bad);
    await arrive(bad);
    const errorFile = uploads.objects.get('uploads/cat.png.error.json');
    expect(uploads.json('uploads/cat.png.error.json')).toEqual({
      object: 'gs://in/uploads/cat.png',
      generation: bad['generation'],
      errors: [
        {
          field: 'uploads/cat.png',
          detail: 'is text, but its name ends in .png. An image has to be PNG or JPEG.',
        },
      ],
    });
    const worse = drop('uploads/cat.png', 'no image either', 'image/png');
    await arrive(worse);
    await arrive(bad);
    const newErrorFile = uploads.objects.get('uploads/cat.png.error.json');
    expect(newErrorFile?.generation).not.toBe(errorFile?.generation);
    expect(uploads.json('uploads/cat.png.error.json')).toMatchObject({ generation: worse['generation'] });
    await arrive(drop('uploads/cat.png', PNG, 'image/png'));
    expect(await jobs()).toHaveLength(1);
    expect(uploads.json('uploads/cat.png.error.json')).toBeUndefined();
    await arrive(bad);
    expect(uploads.json('uploads/cat.png.error.json')).toBeUndefined();
  });

  it('gets an error file for each invalid sidecar, and none once it has a job', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    const errorFile = () => uploads.json('uploads/dog.png.error.json');
    const first = drop('uploads/dog.png.json', '{"prompt":"x","durationSeconds":99}');
    await arrive(first);
    const image = drop('uploads/dog.png', PNG, 'image/png');
    await arrive(image);
    expect(errorFile()).toMatchObject({
      generation: image['generation'],
      sidecar: { name: 'uploads/dog.png.json', generation: first['generation'] },
      errors: [{ field: 'durationSeconds' }],
    });
    const generation = uploads.objects.get('uploads/dog.png.error.json')?.generation;
    await arrive(image);
    expect(uploads.objects.get('uploads/dog.png.error.json')?.generation).toBe(generation);
    await arrive(drop('uploads/dog.png.json', '{"prompt":"x","aspectRatio":"1:1"}'));
    await arrive(first);
    expect(errorFile()).toMatchObject({ errors: [{ field: 'aspectRatio' }] });
    await arrive(drop('uploads/dog.png.json', '{"prompt":"it barks","durationSeconds":4}'));
    expect(await jobs()).toHaveLength(1);
    expect(errorFile()).toBeUndefined();
  });

  it('gets an error file and no job if its sidecar is not UTF-8', async () => {
    for (const bytes of [Buffer.from('caf\xe9', 'latin1'), Buffer.from('\ufeffa cat', 'utf16le')]) {
      const { arrive, drop, jobs, uploads } = arrivals();
      drop('uploads/cat.png.txt', bytes);
      await arrive(drop('uploads/cat.png', PNG, 'image/png'));
      expect(await jobs()).toHaveLength(0);
      expect(uploads.json('uploads/cat.png.error.json')).toMatchObject({
        errors: [{ field: 'uploads/cat.png.txt', detail: expect.stringContaining('UTF-8') }],
      });
    }
  });

  it('finds a sidecar whose name is in capitals', async () => {
    const { arrive, drop, jobs } = arrivals();
    drop('uploads/CAT.TXT', 'it purrs');
    await arrive(drop('uploads/CAT.PNG', PNG, 'image/png'));
    expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it purrs']);
  });

  it('does not wait for a sidecar if its metadata has a prompt, in either spelling of the key', async () => {
    for (const key of ['clapper-prompt', 'Prompt']) {
      const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', sidecar: 'required' }]);
      await arrive(drop('uploads/cat.png', PNG, 'image/png', { [key]: 'it purrs' }));
      expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it purrs']);
    }
  });

  it('is left to the next delivery if the bucket fails', async () => {
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
  it('becomes a job with the defaults of its prefix', async () => {
    const { arrive, drop, jobs } = arrivals([{ prefix: 'uploads/', template: { durationSeconds: 4 } }]);
    const event = drop('uploads/night.json', '{"prompt":"a moon"}', 'application/json');
    await arrive(event);
    await arrive(event);
    expect(await jobs()).toMatchObject([{ request: { prompt: 'a moon', durationSeconds: 4 } }]);
  });

  it('can name images under its own prefix, and not those of another caller', async () => {
    const { arrive, drop, jobs, uploads } = arrivals();
    const requestWith = (name: string) =>
      JSON.stringify({ prompt: 'x', image: { gcsUri: `gs://in/${name}`, mimeType: 'image/png' } });
    drop('uploads/images/a.png', PNG, 'image/png');
    drop('callers/other/a.png', PNG, 'image/png');
    await arrive(drop('uploads/one.json', requestWith('uploads/images/a.png')));
    await arrive(drop('uploads/two.json', requestWith('callers/other/a.png')));
    expect(await jobs()).toHaveLength(1);
    expect(uploads.json('uploads/two.json.error.json')).toMatchObject({
      errors: [{ field: 'image.gcsUri' }],
    });
  });

  it('is the sidecar of an image with the same name if that exists, and not a job', async () => {
    const { arrive, drop, jobs } = arrivals();
    const image = drop('uploads/cat.png', PNG, 'image/png');
    const sidecar = drop('uploads/cat.json', '{"prompt":"it jumps"}');
    await arrive(sidecar);
    await arrive(image);
    expect((await jobs()).map(({ request }) => request.prompt)).toEqual(['it jumps']);
  });

  it('becomes a job even if it was replaced before its event, and gets an error file if it was deleted', async () => {
    const { arrive, drop, jobs, uploads, world } = arrivals();
    const first = drop('uploads/night.json', '{"prompt":"a moon"}', 'application/json');
    const second = drop('uploads/night.json', '{"prompt":"a star"}', 'application/json');
    world.input.hasVersions = false;
    const third = drop('uploads/night.json', '{"prompt":"a cloud"}', 'application/json');
    for (const event of [third, second, first]) await arrive(event);
    expect((await jobs()).map(({ request }) => request.prompt).sort()).toEqual(['a cloud', 'a moon']);
    expect(uploads.json('uploads/night.json.error.json')).toMatchObject({ generation: second['generation'] });
  });

  it('that is not JSON, or is invalid, gets an error file with the field', async () => {
    const { arrive, drop, uploads } = arrivals();
    await arrive(drop('uploads/a.json', '{'));
    await arrive(drop('uploads/b.json', '{"prompt":"x","durationSeconds":9,"colour":"red"}'));
    expect(uploads.json('uploads/a.json.error.json')).toMatchObject({
      errors: [{ field: 'uploads/a.json', detail: expect.stringContaining('is not JSON') }],
    });
    expect(uploads.json('uploads/b.json.error.json')).toMatchObject({
      errors: [{ field: 'colour' }, { field: 'durationSeconds' }],
    });
  });
});

describe('an uploaded manifest', () => {
  it('starts a batch for exactly its generation, with the same cause for every delivery', async () => {
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

  it('that is refused gets an error file with the lines of its faults', async () => {
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
  it('gets an error file with the number of valid rows, and a warning that a second upload pays for them again', async () => {
    const { work, world, uploads, drop } = arrivals();
    finishesAfter(world, MINUTE);
    const services = { ...world.services, uploads };
    const startBatch: StartBatch = (start) => createBatch(services, { ...start, isTrusted: true });
    const upload = (name: string, text: string) =>
      handleUpload({ ...work, services, startBatch }, { type: FINALIZED, data: drop(name, text) });
    const csv = 'prompt,durationSeconds\na fox,4\na hen,9\na cow,4\n#REF!,"8,0"\n';
    await upload('uploads/some.csv', csv);
    await upload('uploads/none.csv', 'prompt,durationSeconds\na hen,9\n');
    await runFor({ ...world, services }, 60 * MINUTE);
    expect(uploads.json('uploads/some.csv.error.json')).toMatchObject({
      errors: [
        { line: 3, field: 'durationSeconds' },
        { line: 5, field: 'durationSeconds', detail: expect.stringContaining('is "8,0"') },
        { line: 5, field: 'prompt', detail: expect.stringContaining('is "#REF!"') },
        {
          field: '',
          detail: expect.stringMatching(/^2 valid rows became jobs of batch bat_.*again\.$/),
        },
      ],
    });
    expect(uploads.json('uploads/none.csv.error.json')).toMatchObject({ errors: [{ line: 2 }] });
  });

  it('reads its own generation, even if it was replaced before its event', async () => {
    const { work, world, uploads, drop } = arrivals();
    finishesAfter(world, MINUTE);
    const startBatch: StartBatch = (start) => createBatch(world.services, { ...start, isTrusted: true });
    const name = `uploads/${'long-name-'.repeat(21)}.jsonl`;
    const row = (prompt: string) => `${JSON.stringify({ prompt, durationSeconds: 4 })}\n`;
    const first = drop(name, row('v1 a') + row('v1 b'));
    const second = drop(name, row('v2'));
    world.input.hasVersions = false;
    const third = drop(name, row('v3'));
    for (const data of [third, first, second])
      await handleUpload({ ...work, startBatch }, { type: FINALIZED, data });
    await runFor(world, 60 * MINUTE);
    const prompts = (await world.jobs.all()).map(({ request }) => request.prompt);
    expect(prompts.sort()).toEqual(['v1 a', 'v1 b', 'v3']);
    expect(uploads.json(`${name}.error.json`)).toMatchObject({
      generation: second['generation'],
      errors: [{ detail: expect.stringContaining(`Generation ${second['generation']}`) }],
    });
  });

  it('gets an error file with its faults, which a batch of another cause does not', async () => {
    const { work, world, uploads, drop } = arrivals();
    const services = { ...world.services, uploads };
    const withUploads = { ...world, services };
    finishesAfter(withUploads, MINUTE);
    const startBatch: StartBatch = (start) => createBatch(services, { ...start, isTrusted: true });
    const manifest = 'prompt,durationSeconds\na,4\nb,9\n';
    const data = drop('uploads/many.csv', manifest, 'text/csv');
    await handleUpload({ ...work, startBatch }, { type: FINALIZED, data });
    await createBatch(services, { caller: 'other', body: { rows: [{ durationSeconds: 9 }] } });
    await runFor(withUploads, 60 * MINUTE);
    expect(uploads.json('uploads/many.csv.error.json')).toEqual({
      object: 'gs://in/uploads/many.csv',
      generation: data['generation'],
      errors: [
        { line: 3, field: 'durationSeconds', detail: expect.stringContaining('is 9') },
        { field: '', detail: expect.stringMatching(/^1 valid row became a job of batch bat_/) },
      ],
    });
    const errorFiles = [...uploads.objects.keys()].filter((name) => name.endsWith('.error.json'));
    expect(errorFiles).toHaveLength(1);
    await handleUpload({ ...work, startBatch }, { type: FINALIZED, data });
    expect(uploads.json('uploads/many.csv.error.json')).toBeDefined();
    const corrected = drop('uploads/many.csv', 'prompt\na\n', 'text/csv');
    await handleUpload({ ...work, startBatch }, { type: FINALIZED, data: corrected });
    expect(uploads.json('uploads/many.csv.error.json')).toBeUndefined();
  });
});

describe('an object that is not for Clapper', () => {
  it('is ignored and logged', async () => {
    const { arrive, drop, jobs, uploads, world } = arrivals();
    await arrive(drop('uploads/folder/', '', 'image/png'));
    await arrive(drop('uploads/cat.png.error.json', '{}', 'application/json'));
    await arrive(drop('elsewhere/cat.png', PNG, 'image/png'));
    await arrive(drop('jobs/job_1/image-x.png', PNG, 'image/png'));
    await arrive({ ...drop('uploads/cat.png', PNG, 'image/png'), bucket: 'other' });
    await arrive(drop('uploads/dog.png', PNG, 'image/png'), 'google.cloud.storage.object.v1.metadataUpdated');
    await arrive({ nonsense: true });
    expect(await jobs()).toHaveLength(0);
    expect(world.log.filter(({ message }) => message.includes('ignored'))).toHaveLength(7);
    expect([...uploads.objects.keys()].filter((name) => name.endsWith('.error.json'))).toEqual([
      'uploads/cat.png.error.json',
    ]);
  });
});

describe('a set of files whose events are delivered several times in any order', () => {
  it('becomes the same jobs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), async (picks) => {
        const { arrive, drop, jobs, batches } = arrivals();
        const events = [
          ...[1, 2, 3].map((n) => drop(`uploads/${n}.png`, PNG, 'image/png', { prompt: `image ${n}` })),
          drop('uploads/4.json', '{"prompt":"request 4"}'),
          drop('uploads/5.csv', 'prompt\nx\n'),
        ];
        const deliveries = events.flatMap((event) => [event, event, event]);
        while (deliveries.length > 0) {
          const [at] = picks.take(1);
          await arrive(deliveries.splice((at ?? 0) % deliveries.length, 1)[0]);
        }
        expect((await jobs()).map(({ request }) => request.prompt).sort()).toEqual([
          ...['image 1', 'image 2', 'image 3', 'request 4'],
        ]);
        expect(new Set(batches.map(({ cause }) => cause.join(' '))).size).toBe(1);
      }),
      { numRuns: 30 },
    );
  });
});
