/** The content decides what an image is. Only a mimeType that was written in a request is held against it. */
import { describe, expect, it } from 'vitest';
import { apiOf } from '../support/api-client.ts';
import { JPEG, PNG } from '../support/images.ts';
import { makeWorld } from '../support/memory.ts';
import { reportFile, sendImage, WAYS } from '../support/report-files.ts';
import { runFor } from '../support/run.ts';

describe.each(WAYS)('an image sent by the %s', (way) => {
  it('may be a JPEG named .png if no mimeType is written (gemini-cli-extensions/nanobanana#68)', async () => {
    const bytes = reportFile('really-jpeg.png');
    for (const mimeType of [undefined, '', 'application/octet-stream', 'image/jpg', 'IMAGE/JPEG']) {
      const { job, image } = await sendImage(way, { bytes, mimeType });
      expect([mimeType, job?.request.image?.mimeType]).toEqual([mimeType, 'image/jpeg']);
      expect(Buffer.from(image ?? [])).toEqual(bytes);
    }
  });

  it('is refused with both types if a wrong mimeType is written (googleapis/python-genai#1824)', async () => {
    for (const [bytes, mimeType, words] of [
      [reportFile('photo.jfif'), 'image/png', 'is image/jpeg, but its mimeType is image/png'],
      [PNG, 'image/jpeg', 'is image/png, but its mimeType is image/jpeg'],
      [PNG, 'image/gif', 'is image/png, but its mimeType is image/gif'],
      [reportFile('webp.jpg'), 'image/jpeg', 'is a WebP image (image/webp), but its mimeType is image/jpeg'],
    ] as const) {
      const { status, text, job } = await sendImage(way, { bytes, mimeType });
      expect([status, text, job]).toEqual([400, expect.stringContaining(words), undefined]);
    }
  });
});

describe('an image in a cell of a table', () => {
  it('is what its content says, whatever its name (llmsresearch/paperbanana#53)', async () => {
    const world = makeWorld();
    const settings = { ...world.services.settings, readablePrefixes: ['gs://in/shared/'] };
    const own = { ...world, services: { ...world.services, settings } };
    for (const [name, bytes] of [
      ['jpeg.png', JPEG],
      ['png.jpeg', PNG],
      ['none', JPEG],
    ] as const)
      world.input.put(`shared/${name}`, bytes);
    world.input.put(
      'shared/rows.csv',
      Buffer.from(
        'prompt,image,lastFrame.gcsUri\n' +
          'a,gs://in/shared/jpeg.png,gs://in/shared/none\n' +
          'b,gs://in/shared/png.jpeg,\n',
      ),
    );
    const { post, get } = apiOf(own);
    const manifest = { gcsUri: 'gs://in/shared/rows.csv' };
    expect((await post('/v1/batches', { manifest })).status).toBe(201);
    await runFor(own, 60_000);
    const jobs = await world.jobs.all();
    expect(
      jobs
        .map(({ request }) => [request.prompt, request.image?.mimeType, request.lastFrame?.mimeType])
        .sort(),
    ).toEqual([
      ['a', 'image/jpeg', 'image/jpeg'],
      ['b', 'image/png', undefined],
    ]);
    expect((await get('/v1/batches')).status).toBe(200);
  });
});
