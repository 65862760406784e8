/** The Omni models through the Interactions API, with the unmodified SDK on both hosts. */
import { ApiError } from '@google/genai';
import { describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import { heicOf, webpOf } from '../../support/images.ts';
import {
  BEARER,
  get,
  JPEG,
  KEY,
  OTHER_KEY,
  PNG,
  PROJECT,
  post,
  startRig,
  submitVertex,
  textBody,
} from './harness.ts';
import {
  cancel,
  collection,
  create,
  credentials,
  delivery,
  HOSTS,
  type Host,
  OMNI,
  omniBody,
  omniClient,
  read,
  videoOf,
} from './omni-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

/** Creates the interaction, advances the clock, and returns the finished video. */
async function make(host: Host, body: unknown): Promise<{ id: string; bytes: Buffer }> {
  const { json } = await create(rig, host, body);
  expect(json.status).toBe('in_progress');
  await rig.finish();
  return { id: json.id, bytes: await videoOf(rig, host, json.id) };
}

const image = (bytes: Buffer, mime_type = 'image/png') => ({
  type: 'image',
  data: bytes.toString('base64'),
  mime_type,
});
const text = (content: string) => ({ type: 'text', text: content });
const task = (name: string) => ({ generation_config: { video_config: { task: name } } });

describe.each(HOSTS)('the SDK on %s', (host) => {
  it('creates and polls an interaction, and receives the video URI', async () => {
    const ai = omniClient(host, rig.models.url);
    const created = await ai.interactions.create(
      {
        model: OMNI,
        input: 'a cat',
        background: true,
        store: true,
        response_format: {
          type: 'video',
          aspect_ratio: '9:16',
          resolution: '1080p',
          duration: '4s',
          ...delivery(host),
        },
        generation_config: { seed: 0, video_config: { task: 'text_to_video' } },
        labels: { team: 'x' },
      },
      { maxRetries: 0 },
    );
    expect(created).toMatchObject({ object: 'interaction', model: OMNI, status: 'in_progress', steps: [] });
    expect(created.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((await ai.interactions.get(created.id)).status).toBe('in_progress');
    await rig.finish();
    const done = await ai.interactions.get(created.id);
    expect(done).toMatchObject({ status: 'completed', labels: { team: 'x' } });
    expect(done.output_video).toMatchObject({ type: 'video', mime_type: 'video/mp4' });
    expect(done.output_video?.uri).toMatch(
      host === 'developer'
        ? /^http:\/\/[^/]+\/v1\/files\/[a-z0-9]{12}:download\?alt=media$/
        : /^gs:\/\/out\/omni\/\d+\/sample_0\.mp4$/,
    );
    const video = parseMp4(await videoOf(rig, host, created.id));
    expect([video.durationSeconds, video.frameCount, video.width < video.height]).toEqual([4, 96, true]);
    expect(rig.models.paidCalls()).toMatchObject([
      {
        surface: 'omni',
        model: OMNI,
        prompt: 'a cat',
        durationSeconds: 4,
        resolution: '1080p',
        state: 'succeeded',
      },
    ]);
  });

  it('receives the video inline, in the reply to a foreground create', async () => {
    const ai = omniClient(host, rig.models.url);
    const accepted = rig.nextPaidCall();
    const answer = ai.interactions.create(
      { model: OMNI, input: 'a cat', response_format: { type: 'video', duration: '3s' } },
      { maxRetries: 0 },
    );
    await accepted;
    await rig.finish();
    const done = await answer;
    expect(done.status).toBe('completed');
    const bytes = Buffer.from(done.output_video?.data ?? '', 'base64');
    expect(parseMp4(bytes).durationSeconds).toBe(3);
    expect(rig.bucket.writes).toEqual([]);
  });

  it('cancels a running interaction: no video and no charge; a second cancel returns the same', async () => {
    const ai = omniClient(host, rig.models.url);
    const { json } = await create(rig, host, omniBody(host, 'a cat'));
    expect((await ai.interactions.cancel(json.id)).status).toBe('cancelled');
    await rig.finish();
    expect(await ai.interactions.get(json.id)).toMatchObject({ status: 'cancelled', steps: [] });
    expect((await ai.interactions.cancel(json.id)).status).toBe('cancelled');
    expect(rig.bucket.objects.size).toBe(0);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'cancelled' }]);
  });

  it('cannot cancel a finished interaction', async () => {
    const ai = omniClient(host, rig.models.url);
    const { id } = await make(host, omniBody(host, 'a cat'));
    const error = await ai.interactions
      .cancel(id, null, { maxRetries: 0 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'BadRequestError', status: 400 });
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('deletes an interaction, but not its charge', async () => {
    const ai = omniClient(host, rig.models.url);
    const { id } = await make(host, omniBody(host, 'a cat'));
    await ai.interactions.delete(id);
    const error = await ai.interactions.get(id, null, { maxRetries: 0 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NotFoundError', status: 404 });
    expect(error).not.toBeInstanceOf(ApiError);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('throws the error class and message of the rejection', async () => {
    const ai = omniClient(host, rig.models.url);
    const error = await ai.interactions
      .create({ model: 'gemini-omni-9-flash', input: 'x', background: true }, { maxRetries: 0 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'NotFoundError',
      status: 404,
      message: expect.stringMatching(/^404 .*gemini-omni-9-flash/),
      error: { error: host === 'developer' ? { code: 'not_found' } : { code: 404, status: 'NOT_FOUND' } },
    });
  });
});

describe.each(HOSTS)('a video on %s', (host) => {
  const uriOf = async (id: string): Promise<string> =>
    (await read(rig, host, id)).json.steps[0].content[0].uri;

  it('is equal for equal seeds, and differs for another seed or another image', async () => {
    const seeded = (seed: number) => omniBody(host, 'a cat', {}, { generation_config: { seed } });
    const [first, again, other] = [
      await make(host, seeded(0)),
      await make(host, seeded(0)),
      await make(host, seeded(1)),
    ];
    expect(again.bytes).toEqual(first.bytes);
    expect(other.bytes).not.toEqual(first.bytes);
    const withPng = await make(host, omniBody(host, [text('a cat'), image(PNG)], {}, task('image_to_video')));
    const withJpeg = await make(
      host,
      omniBody(host, [text('a cat'), image(JPEG, 'image/jpeg')], {}, task('image_to_video')),
    );
    const withReferences = await make(
      host,
      omniBody(host, [text('a cat'), image(PNG), image(PNG)], {}, task('reference_to_video')),
    );
    const withLastFrame = await make(
      host,
      omniBody(host, [text('a cat'), image(PNG), image(PNG)], {}, task('image_to_video')),
    );
    expect(withLastFrame.bytes).not.toEqual(withPng.bytes);
    expect(withLastFrame.bytes).not.toEqual(withReferences.bytes);
    expect(withJpeg.bytes).not.toEqual(withPng.bytes);
    expect(withReferences.bytes).not.toEqual(withPng.bytes);
  });

  it('may have reference videos of up to 3 s: another video gives another result', async () => {
    const [short, long] = [
      await make(host, omniBody(host, 'a wave')),
      await make(host, omniBody(host, 'a wave', { duration: '4s' })),
    ];
    const clip = (bytes: Buffer) => ({
      type: 'video',
      data: bytes.toString('base64'),
      mime_type: 'video/mp4',
    });
    const withClips = (...clips: Buffer[]) =>
      omniBody(host, [text('a cat'), image(PNG), ...clips.map(clip)], {}, task('reference_to_video'));
    const [none, one, two] = [
      await make(host, withClips()),
      await make(host, withClips(short.bytes)),
      await make(host, withClips(short.bytes, short.bytes)),
    ];
    expect(one.bytes).not.toEqual(none.bytes);
    expect(two.bytes).not.toEqual(one.bytes);
    expect(parseMp4(one.bytes).durationSeconds).toBe(3);
    const refused = await create(rig, host, withClips(short.bytes, long.bytes));
    expect([refused.status, refused.json.error.message]).toEqual([
      400,
      "Unsupported reference video duration 4 seconds at 'input[3]', it must be at most 3 seconds.",
    ]);
  });

  it.each([
    ['image/webp', webpOf()],
    ['image/heic', heicOf()],
    ['image/heif', heicOf('mif1')],
  ])('may start from an image of type %s', async (mimeType, bytes) => {
    const input = [text('a cat'), image(bytes, mimeType)];
    const { json } = await create(rig, host, omniBody(host, input, {}, task('image_to_video')));
    expect(json.status).toBe('in_progress');
  });

  it('can be extended by URI and by interaction id: the existing frames stay', async () => {
    const first = await make(host, omniBody(host, 'a cat'));
    const input = [text('it jumps'), { type: 'video', uri: await uriOf(first.id), mime_type: 'video/mp4' }];
    const second = await make(host, omniBody(host, input, { duration: '5s' }, task('extend')));
    const third = await make(
      host,
      omniBody(host, 'it sleeps', {}, { ...task('extend'), previous_interaction_id: second.id }),
    );
    expect((await read(rig, host, third.id)).json.previous_interaction_id).toBe(second.id);
    const [a, b, c] = [first, second, third].map(({ bytes }) => parseMp4(bytes));
    expect([a, b, c].map((video) => video?.durationSeconds)).toEqual([3, 8, 11]);
    const frames = c?.frames() ?? [];
    expect(frames.slice(0, 72).map((frame) => frame.data)).toEqual(a?.frames().map((frame) => frame.data));
    expect(frames.slice(0, 192).map((frame) => frame.data)).toEqual(b?.frames().map((frame) => frame.data));
  });

  it('of more than 10 s can be extended by interaction id, and on Vertex AI also by its content', async () => {
    const first = await make(host, omniBody(host, 'a cat', { duration: '11s' }));
    const bytes = { type: 'video', data: first.bytes.toString('base64'), mime_type: 'video/mp4' };
    const byContent = await create(rig, host, omniBody(host, [text('x'), bytes], {}, task('extend')));
    expect([byContent.status, byContent.json.error?.message]).toEqual(
      host === 'vertex' ? [200, undefined] : [400, 'Uploaded videos can be at most 10 seconds, not 11.'],
    );
    const next = { ...task('extend'), previous_interaction_id: first.id };
    expect((await create(rig, host, omniBody(host, 'x', {}, next))).status).toBe(200);
  });

  it('keeps its length when it is edited and upscaled', async () => {
    const first = await make(host, omniBody(host, 'a cat', { aspect_ratio: '9:16' }));
    const format = { type: 'video', ...delivery(host) };
    const edited = await make(host, {
      ...omniBody(host, 'make it blue'),
      previous_interaction_id: first.id,
      response_format: format,
    });
    const large = await make(host, {
      ...omniBody(host, '', {}, task('upscale')),
      previous_interaction_id: edited.id,
      response_format: { ...format, resolution: '4k' },
    });
    const [a, b, c] = [first, edited, large].map(({ bytes }) => parseMp4(bytes));
    expect([a, b, c].map((video) => video?.durationSeconds)).toEqual([3, 3, 3]);
    expect([b?.width, b?.height]).toEqual([a?.width, a?.height]);
    expect(c?.width).toBeGreaterThan(b?.width ?? 0);
    expect(edited.bytes).not.toEqual(first.bytes);
  });

  it('cannot be extended before it is finished, after a cancellation, or past the maximum length', async () => {
    const { json } = await create(rig, host, omniBody(host, 'a cat', { duration: '15s' }));
    const extension = omniBody(
      host,
      'x',
      { duration: '10s' },
      { ...task('extend'), previous_interaction_id: json.id },
    );
    const early = await create(rig, host, extension);
    expect([early.status, early.json.error.message]).toEqual([400, expect.stringMatching(/in progress/)]);
    const cancelled = (await create(rig, host, omniBody(host, 'x'))).json.id;
    await cancel(rig, host, cancelled);
    const empty = await create(rig, host, { ...extension, previous_interaction_id: cancelled });
    expect([empty.status, empty.json.error.message]).toEqual([400, expect.stringMatching(/no video/)]);
    await rig.finish();
    const longer = await make(host, extension);
    expect(parseMp4(longer.bytes).durationSeconds).toBe(25);
    // 31 s in total: the limit is 30 s on the Developer API and 40 s on Vertex.
    const further = await create(rig, host, {
      ...extension,
      previous_interaction_id: longer.id,
      response_format: { type: 'video', duration: '6s', ...delivery(host) },
    });
    expect(further.status).toBe(host === 'developer' ? 400 : 200);
    expect(further.json.error?.message).toEqual(
      host === 'developer' ? expect.stringMatching(/ 31 seconds: .* at most 30 /) : undefined,
    );
  });
});

describe('access', () => {
  const createAs = (host: Host, headers: Record<string, string> = {}) =>
    post(collection(host, rig.models.url), omniBody(host, 'x'), headers);

  it('requires a key on the Developer API; the error has the usual model', async () => {
    const none = await createAs('developer');
    expect([none.status, none.json.error.status]).toEqual([403, 'PERMISSION_DENIED']);
    const wrong = await createAs('developer', { 'x-goog-api-key': 'wrong' });
    expect([wrong.status, wrong.json.error.details[0].reason]).toEqual([400, 'API_KEY_INVALID']);
  });

  it('requires a token on Vertex', async () => {
    const none = await createAs('vertex', { 'x-goog-api-key': KEY });
    expect([none.status, none.json.error.status]).toEqual([401, 'UNAUTHENTICATED']);
    const wrong = await createAs('vertex', { authorization: 'Bearer wrong' });
    expect(wrong.status).toBe(401);
    expect(rig.models.paidCalls()).toEqual([]);
  });

  it('is limited to own interactions: other keys and other projects receive 404', async () => {
    const developer = (await create(rig, 'developer', omniBody('developer', 'x'))).json.id;
    const withOtherKey = await get(`${collection('developer', rig.models.url)}/${developer}`, {
      'x-goog-api-key': OTHER_KEY,
    });
    expect([withOtherKey.status, withOtherKey.json.error.code]).toEqual([404, 'not_found']);
    const vertex = (await create(rig, 'vertex', omniBody('vertex', 'x'))).json.id;
    const url = `${collection('vertex', rig.models.url)}/${vertex}`;
    expect((await get(url, BEARER)).status).toBe(200);
    const inOtherProject = await get(url.replace(PROJECT, 'other'), BEARER);
    expect([inOtherProject.status, inOtherProject.json.error.status]).toEqual([404, 'NOT_FOUND']);
    expect((await read(rig, 'developer', vertex)).status).toBe(404);
  });

  it('works on v1 and v1beta of the Developer API, and on Vertex at location global only', async () => {
    const beta = await post(
      `${rig.models.url}/v1beta/interactions`,
      omniBody('developer', 'x'),
      credentials('developer'),
    );
    expect(beta.status).toBe(200);
    const regional = collection('vertex', rig.models.url).replace('global', 'us-central1');
    expect((await post(regional, omniBody('vertex', 'x'), credentials('vertex'))).status).toBe(400);
  });

  it('counts against a quota per model and host', async () => {
    const limited = await startRig({ requestsPerMinute: 1 });
    expect((await create(limited, 'vertex', omniBody('vertex', 'x'))).status).toBe(200);
    expect((await submitVertex(limited, textBody('x'))).status).toBe(200);
    const second = await create(limited, 'vertex', omniBody('vertex', 'x'));
    expect([second.status, second.json.error.status]).toEqual([429, 'RESOURCE_EXHAUSTED']);
    expect((await create(limited, 'developer', omniBody('developer', 'x'))).status).toBe(200);
    const again = await create(limited, 'developer', omniBody('developer', 'x'));
    expect([again.status, again.json.error.code]).toEqual([429, 'too_many_requests']);
    await limited.stop();
  });
});
