/**
 * Files under an upload prefix are used or reported, whatever their names, types and contents.
 * cds-snc/report-a-cybercrime#1753 (.jfif), paperless-ngx/paperless-ngx#11974 (no extension) and
 * paperless-ngx/paperless-ngx#166 (empty first, then filled).
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JPEG, PNG } from '../support/images.ts';
import { reportFile } from '../support/report-files.ts';
import { uploadWorld } from '../support/uploads.ts';

describe('cds-snc/report-a-cybercrime#1753: an image', () => {
  it('becomes one job with the type of its content, whatever its name and declared type', async () => {
    for (const [name, bytes] of [
      ['photo.jfif', reportFile('photo.jfif')],
      ['really-jpeg.png', reportFile('really-jpeg.png')],
      ['no-extension', JPEG],
      ['cat.jpeg.bak', JPEG],
      ['cat.txt', JPEG],
      ['cat.json', JPEG],
    ] as const)
      for (const type of ['', 'application/octet-stream', 'image/png', 'text/csv']) {
        const { world, uploads, deliver, errors } = uploadWorld();
        const event = uploads.drop(`uploads/${name}`, bytes, type);
        await deliver(event);
        await deliver(event);
        const jobs = await world.jobs.all();
        expect(jobs.map(({ request }) => request.image?.mimeType)).toEqual(['image/jpeg']);
        expect(errors()).toEqual({});
      }
  });

  it('that was deleted after its job was made has no error file after another delivery', async () => {
    const { world, uploads, deliver, errors } = uploadWorld();
    world.input.hasVersions = false;
    const event = uploads.drop('uploads/photo.jfif', JPEG);
    await deliver(event);
    world.input.remove('uploads/photo.jfif');
    await deliver(event);
    expect(errors()).toEqual({});
  });

  it('that is deleted before its event has an error file that says so', async () => {
    const { world, uploads, deliver, errors } = uploadWorld();
    world.input.hasVersions = false;
    const event = uploads.drop('uploads/photo.jfif', JPEG);
    world.input.remove('uploads/photo.jfif');
    await deliver(event);
    expect(errors()['uploads/photo.jfif.error.json']).toEqual([
      expect.stringContaining('was replaced or deleted before it was read'),
    ]);
  });
});

describe('paperless-ngx/paperless-ngx#166: a file that a program creates empty and then fills', () => {
  it('becomes its job, and the error file of the empty one is removed, in either order of events', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { uploads, deliver, errors, prompts } = uploadWorld();
      const events = ['', PNG].map((content) =>
        uploads.drop('uploads/cat.png', content, '', { prompt: 'it purrs' }),
      );
      for (const n of order) await deliver(events[n]);
      expect(await prompts()).toEqual(['it purrs']);
      expect(errors()).toEqual({});
    }
  });
});

describe('paperless-ngx/paperless-ngx#11974: a file that cannot be used', () => {
  it('has one error file, however often its event arrives, and that is no upload itself', async () => {
    const { uploads, deliver, errors, world } = uploadWorld();
    const event = uploads.drop('uploads/book', 'no table', 'application/octet-stream');
    await deliver(event);
    const written = uploads.objects.get('uploads/book.error.json')?.generation;
    await deliver(event);
    expect(uploads.objects.get('uploads/book.error.json')?.generation).toBe(written);
    await deliver({ bucket: 'in', name: 'uploads/book.error.json', generation: written, size: '9' });
    expect(Object.keys(errors())).toEqual(['uploads/book.error.json']);
    expect(await world.jobs.all()).toEqual([]);
  });

  it('is refused within the size limit if it expands to more than that', async () => {
    const bomb = gzipSync(Buffer.alloc(33 * 1024 * 1024, ' '), { level: 1 });
    const { drop, errors, world } = uploadWorld();
    await drop('uploads/night.json', bomb);
    expect(errors()['uploads/night.json.error.json']).toEqual([
      expect.stringContaining('cannot be decompressed with gzip, or has more than'),
    ]);
    expect(await world.jobs.all()).toEqual([]);
  });
});

describe('measured on b5f8afa: a file that waits for another one', () => {
  it('is reported only after 10 minutes, once, and becomes a job when the other one arrives', async () => {
    const image = { name: 'uploads/cat.png', content: PNG };
    const sidecar = { name: 'uploads/cat.txt', content: 'it purrs' };
    for (const [rule, first, second] of [
      [{}, sidecar, image],
      [{ sidecar: 'required' }, image, sidecar],
    ] as const) {
      const { drop, waitInVain, waits, errors, prompts } = uploadWorld([{ prefix: 'uploads/', ...rule }]);
      await drop(first.name, first.content);
      expect(errors()).toEqual({});
      await waitInVain();
      expect(Object.keys(errors())).toEqual([`${first.name}.error.json`]);
      expect(waits.waits.size).toBe(0);
      await waitInVain();
      await drop(second.name, second.content);
      expect(await prompts()).toEqual(['it purrs']);
      expect(errors()).toEqual({});
    }
  });

  it('is no longer reported once the other one has arrived, or it was deleted or replaced', async () => {
    for (const [then, made] of [
      [({ drop }) => drop('uploads/cat.png', PNG), 1],
      [async ({ world }) => world.input.remove('uploads/cat.txt'), 0],
    ] satisfies [(world: ReturnType<typeof uploadWorld>) => Promise<void>, number][]) {
      const world = uploadWorld();
      await world.drop('uploads/cat.txt', 'it purrs');
      await then(world);
      await world.waitInVain();
      expect(world.errors()).toEqual({});
      expect(world.waits.waits.size).toBe(0);
      expect(await world.prompts()).toHaveLength(made);
    }
  });

  it('becomes a job by the sweep if the event of the other one was lost', async () => {
    const { drop, uploads, waitInVain, errors, prompts } = uploadWorld();
    await drop('uploads/cat.txt', 'it purrs');
    uploads.drop('uploads/cat.png', PNG);
    await waitInVain();
    expect(await prompts()).toEqual(['it purrs']);
    expect(errors()).toEqual({});
  });

  it('is checked again later if the bucket fails, without keeping the others from being checked', async () => {
    const { drop, uploads, waitInVain, waits, errors } = uploadWorld();
    for (const name of ['a', 'b']) await drop(`uploads/${name}.txt`, 'it purrs');
    uploads.failNext = 1;
    await waitInVain();
    expect(Object.keys(errors())).toEqual(['uploads/b.txt.error.json']);
    expect(waits.waits.size).toBe(1);
    await waitInVain();
    expect(Object.keys(errors()).sort()).toEqual(['uploads/a.txt.error.json', 'uploads/b.txt.error.json']);
  });
});

describe('measured on b5f8afa: a prompt that arrives after its image became a job', () => {
  it('is reported, and a repeated event of the prompt that was used is not', async () => {
    const { uploads, deliver, errors } = uploadWorld();
    const used = uploads.drop('uploads/cat.txt', 'it purrs');
    await deliver(uploads.drop('uploads/cat.png', PNG));
    await deliver(used);
    expect(errors()).toEqual({});
    await deliver(uploads.drop('uploads/cat.txt', 'it sleeps'));
    expect(errors()['uploads/cat.txt.error.json']).toEqual([expect.stringContaining('has no effect')]);
  });
});

describe('measured on b5f8afa: a request in JSON beside an image that no model accepts', () => {
  it('is its sidecar and makes no job of its own, which would be paid for', async () => {
    for (const name of ['IMG_1.heic.json', 'IMG_1.json', 'IMG_1.HEIC.json']) {
      const { drop, prompts } = uploadWorld();
      const heic = Buffer.from('000000186674797068656963000000006d69663168656963', 'hex');
      await drop(name.startsWith('IMG_1.HEIC') ? 'uploads/IMG_1.HEIC' : 'uploads/IMG_1.heic', heic);
      await drop(`uploads/${name}`, '{"prompt": "it purrs"}');
      expect(await prompts()).toEqual([]);
    }
  });
});

describe('any file under an upload prefix', () => {
  it('is used, waits, or has an error file, and never throws', async () => {
    const names = fc.constantFrom(
      ...['a', 'a.png', 'a.jfif', 'a.txt', 'a.json', 'a.csv', 'a.csv.gz', 'a.json.gz', 'a.heic', 'a.csv.txt'],
      ...[
        'a.xlsm',
        '.DS_Store',
        '._a.png',
        'a.PNG',
        'a.',
        '.a',
        'a b.tsv',
        'é.jpg',
        'a.png.json',
        'a.png.txt',
      ],
    );
    const contents = fc.oneof(
      fc.constantFrom<Uint8Array>(PNG, JPEG, gzipSync('{"prompt":"x"}'), gzipSync(PNG), Buffer.from('')),
      fc.constantFrom('{"prompt":"x"}', 'prompt\nx\n', 'x', '[]', '"', '{"prompt":5}').map(Buffer.from),
      fc.uint8Array({ maxLength: 40 }),
      // A valid file with one byte changed.
      fc.tuple(fc.constantFrom(PNG, JPEG), fc.nat(), fc.nat(255)).map(([image, at, byte]) => {
        const changed = Buffer.from(image);
        changed[at % changed.length] = byte;
        return changed;
      }),
    );
    await fc.assert(
      fc.asyncProperty(names, contents, async (name, content) => {
        const { drop, world, waits, errors } = uploadWorld();
        await drop(`uploads/${name}`, content);
        const made =
          (await world.jobs.all()).length +
          (await world.batches.list({ caller: undefined, pageSize: 5, after: undefined })).length;
        expect(made + waits.waits.size + Object.keys(errors()).length).toBe(1);
      }),
      { numRuns: 300 },
    );
  });
});
