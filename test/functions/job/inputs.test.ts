/** Input images and videos, by URI, inline and uploaded: validated before a job is accepted. */
import { describe, expect, it } from 'vitest';
import { rawApiOf } from '../../support/api-client.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('inputs of a request', () => {
  const mp4 = (seconds: number): Buffer => {
    const mvhd = Buffer.alloc(108);
    mvhd.writeUInt32BE(108);
    mvhd.write('mvhd', 4, 'latin1');
    mvhd.writeUInt32BE(24, 8 + 12);
    mvhd.writeUInt32BE(seconds * 24, 8 + 16);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(116);
    head.write('moov', 4, 'latin1');
    return Buffer.concat([head, mvhd]);
  };
  const inline = (bytes: Uint8Array, mimeType = 'image/png') => ({
    bytesBase64Encoded: Buffer.from(bytes).toString('base64'),
    mimeType,
  });

  it('by URI are validated before a job is accepted', async () => {
    const world = makeWorld({
      settings: { ...makeWorld().services.settings, readablePrefixes: ['gs://in/shared/'] },
    });
    const { post } = rawApiOf(world);
    const put = (name: string, bytes: Uint8Array): void =>
      world.input.put(`shared/${name}`, bytes, 'image/png');
    put('good.png', PNG);
    put('cut.png', PNG.subarray(0, 40));
    put('text.png', Buffer.from('not an image'));
    put('empty.png', new Uint8Array());
    const answer = async (name: string): Promise<[number, string]> => {
      const { status, body } = await post({
        image: { gcsUri: `gs://in/shared/${name}`, mimeType: 'image/png' },
      });
      return [status, String(body['detail'] ?? '')];
    };
    expect((await answer('good.png'))[0]).toBe(201);
    for (const [name, words] of [
      ['cut.png', 'truncated'],
      ['text.png', 'neither PNG nor JPEG'],
      ['empty.png', 'is empty'],
      ['none.png', 'does not exist'],
    ] as const) {
      const [status, detail] = await answer(name);
      expect([status, detail]).toEqual([400, expect.stringContaining(words)]);
      expect(detail).toContain('image.gcsUri');
    }
    expect(world.tasks.enqueued).toBe(1);
  });

  it('by generation are copied for the job, or refused with that field if the generation was deleted', async () => {
    const world = makeWorld({
      settings: { ...makeWorld().services.settings, readablePrefixes: ['gs://in/shared/'] },
    });
    const { post } = rawApiOf(world);
    world.input.put('shared/cam.png', PNG, 'image/png');
    const image = { gcsUri: 'gs://in/shared/cam.png', mimeType: 'image/png' };
    const generation = Number(world.input.objects.get('shared/cam.png')?.generation);
    const { status, body } = await post({ image: { ...image, generation } });
    expect([status, body]).toEqual([
      201,
      expect.objectContaining({
        request: expect.objectContaining({
          image: {
            gcsUri: expect.stringContaining(`gs://in/jobs/${body['id']}/image-`),
            mimeType: 'image/png',
            copyOf: `gs://in/shared/cam.png#${generation}`,
          },
        }),
      }),
    ]);
    world.input.put('shared/cam.png', PNG, 'image/png');
    const gone = await post({ image: { ...image, generation } });
    expect([gone.status, gone.body['detail']]).toEqual([400, expect.stringContaining('image.generation')]);
    expect((await post({ image: { ...image, generation: 'newest' } })).status).toBe(400);
  });

  it('in another caller’s folder, or anywhere else, are refused unread', async () => {
    const world = makeWorld();
    const { send, post } = rawApiOf(world);
    const mine = await send('/v1/uploads', {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"mimeType":"image/png"}',
    });
    const gcsUri = String(mine.body['gcsUri']);
    world.input.put(gcsUri.replace('gs://in/', ''), PNG, 'image/png');
    const image = { gcsUri, mimeType: 'image/png' };
    expect((await post({ image })).status).toBe(201);
    const stolen = await post({ image }, { 'x-test-caller': 'you' });
    expect([stolen.status, String(stolen.body['detail'])]).toEqual([
      400,
      expect.stringContaining('may read from'),
    ]);
    expect((await post({ image: { ...image, gcsUri: 'gs://elsewhere/a.png' } })).status).toBe(400);
  });

  it('inside the request are stored only if the whole request is valid', async () => {
    const world = makeWorld();
    const { post } = rawApiOf(world);
    const refused = await post({
      prompt: 'a',
      referenceImages: [{ image: inline(PNG) }, { image: inline(PNG.subarray(0, 30)) }],
    });
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ errors: [{ field: 'referenceImages.1.image.bytesBase64Encoded' }] });
    expect(world.input.objects.size).toBe(0);
    const taken = await post({
      prompt: 'a',
      referenceImages: [{ image: inline(PNG) }, { image: inline(PNG) }],
    });
    expect(taken.status).toBe(201);
    expect(world.input.objects.size).toBe(2);
  });

  it('can be reference videos, validated one by one before a job is accepted', async () => {
    const world = makeWorld({
      settings: { ...makeWorld().services.settings, readablePrefixes: ['gs://in/shared/'] },
    });
    const { post, send: request } = rawApiOf(world);
    const put = (name: string, bytes: Uint8Array): void =>
      world.input.put(`shared/${name}`, bytes, 'video/mp4');
    put('wave.mp4', mp4(3));
    put('long.mp4', mp4(4));
    put('text.mp4', Buffer.from('not a video'));
    put('huge.mp4', Buffer.concat([mp4(3), Buffer.alloc(20 * 1024 * 1024)]));
    const send = (...names: string[]) =>
      post({
        prompt: 'the person in <VIDEO_REF_0> plays the violin',
        model: 'gemini-omni-1.2-flash',
        referenceVideos: names.map((name) => ({ video: { gcsUri: `gs://in/shared/${name}` } })),
      });
    const faultsOf = async (...names: string[]): Promise<unknown> => (await send(...names)).body['errors'];
    expect(await faultsOf('wave.mp4', 'long.mp4')).toEqual([
      {
        field: 'referenceVideos.1.video',
        detail: 'is 4 s long; gemini-omni-1.2-flash takes reference videos of up to 3 s. Cut it.',
      },
    ]);
    const clip = { video: { gcsUri: 'gs://in/shared/long.mp4' } };
    const body = JSON.stringify({ prompt: 'a', model: 'gemini-omni-1.2-flash', referenceVideos: [clip] });
    const estimate = await request('/v1/estimates', { method: 'POST', headers: JSON_TYPE, body });
    expect([estimate.status, estimate.body['errors']]).toEqual([
      400,
      [{ field: 'referenceVideos.0.video', detail: expect.stringContaining('is 4 s long') }],
    ]);
    const field = 'referenceVideos.0.video.gcsUri';
    const detail = expect.stringMatching(/does not exist|not an MP4 file|20971636 bytes/);
    for (const name of ['none.mp4', 'text.mp4', 'huge.mp4'])
      expect(await faultsOf(name), name).toEqual([{ field, detail }]);
    expect(world.tasks.enqueued).toBe(0);
    expect(await send('wave.mp4', 'wave.mp4')).toMatchObject({
      status: 201,
      body: {
        request: {
          referenceVideos: [
            { gcsUri: 'gs://in/shared/wave.mp4', mimeType: 'video/mp4', durationSeconds: 3 },
            { gcsUri: 'gs://in/shared/wave.mp4', mimeType: 'video/mp4', durationSeconds: 3 },
          ],
        },
      },
    });
    const job = { video: { job: 'job_aaaaaaaaaaaaaaaaaaaaaaaaaa' } };
    const missing = await post({ prompt: 'a', model: 'gemini-omni-1.2-flash', referenceVideos: [job] });
    expect(missing.body).toMatchObject({ errors: [{ field: 'referenceVideos.0.video.job' }] });
  });

  it('can be a video of an own finished job, and not of another caller’s job', async () => {
    const world = makeWorld();
    finishesAfter(world, 0);
    const { post } = rawApiOf(world);
    const first = (await post({ prompt: 'a' })).body['id'];
    expect(String((await post({ video: { job: first } })).body['detail'])).toContain('is queued');
    await runFor(world, 600_000);
    const extended = await post({ prompt: 'go on', video: { job: first } });
    expect(extended).toMatchObject({
      status: 201,
      body: { request: { video: { durationSeconds: 8 } }, priceUsd: { estimate: 0.7 } },
    });
    expect((await post({ video: { job: first, index: 1 } })).status).toBe(400);
    expect((await post({ video: { job: first } }, { 'x-test-caller': 'you' })).body).toMatchObject({
      errors: [{ field: 'video.job', detail: `Job ${first} does not exist.` }],
    });
  });

  it('can be a video by URI, whose duration is read from the file', async () => {
    const world = makeWorld({
      settings: { ...makeWorld().services.settings, readablePrefixes: ['gs://in/'] },
    });
    const { post } = rawApiOf(world);
    world.input.put('short.mp4', mp4(12), 'video/mp4');
    world.input.put('long.mp4', mp4(31), 'video/mp4');
    world.input.put('text.mp4', Buffer.from('no video'), 'video/mp4');
    const answer = (name: string) => post({ prompt: 'go on', video: { gcsUri: `gs://in/${name}` } });
    expect((await answer('short.mp4')).body).toMatchObject({ request: { video: { durationSeconds: 12 } } });
    expect(String((await answer('long.mp4')).body['detail'])).toContain('31 s long');
    expect(String((await answer('text.mp4')).body['detail'])).toContain('not an MP4');
    expect(String((await answer('none.mp4')).body['detail'])).toContain('does not exist');
  });
});

describe('POST /v1/uploads', () => {
  it('returns a link into the caller’s own folder and the URI to use', async () => {
    const { send } = rawApiOf(makeWorld());
    const answer = await send('/v1/uploads', {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"mimeType":"video/mp4"}',
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      gcsUri: expect.stringMatching(/^gs:\/\/in\/callers\/[a-z2-7]{26}\/upl_[a-z2-7]{26}\.mp4$/),
      headers: { 'content-type': 'video/mp4' },
      url: expect.stringContaining('https://signed.test/put/in/callers/'),
    });
  });

  it.each(['{}', '{"mimeType":"text/plain"}', '{"mimeType":"image/png","name":"../a"}'])(
    'refuses %s',
    async (body) => {
      const { send } = rawApiOf(makeWorld());
      expect((await send('/v1/uploads', { method: 'POST', headers: JSON_TYPE, body })).status).toBe(400);
    },
  );
});
