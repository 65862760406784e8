/** The Omni models through the Interactions API, as the unmodified client sees them on both hosts. */
import { ApiError } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMp4 } from '../../../infra/mp4/mp4-parser.ts';
import {
  get,
  JPEG,
  KEY,
  OTHER_KEY,
  PNG,
  PROJECT,
  post,
  type Rig,
  startRig,
  submitVertex,
  TOKEN,
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

let rig: Rig;

beforeEach(async () => {
  rig = await startRig();
});

afterEach(async () => {
  await rig.stop();
  expect(rig.bugs).toEqual([]);
});

/** The video of a request, made at once. */
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
const text = (words: string) => ({ type: 'text', text: words });
const task = (name: string) => ({ generation_config: { video_config: { task: name } } });

describe.each(HOSTS)('the client on %s', (host) => {
  it('creates, polls and finds the video', async () => {
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

  it('gets the video inline, and in the foreground as the answer itself', async () => {
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

  it('cancels what runs: no video, not charged, and the same answer a second time', async () => {
    const ai = omniClient(host, rig.models.url);
    const { json } = await create(rig, host, omniBody(host, 'a cat'));
    expect((await ai.interactions.cancel(json.id)).status).toBe('cancelled');
    await rig.finish();
    expect(await ai.interactions.get(json.id)).toMatchObject({ status: 'cancelled', steps: [] });
    expect((await ai.interactions.cancel(json.id)).status).toBe('cancelled');
    expect(rig.bucket.objects.size).toBe(0);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'cancelled' }]);
  });

  it('cannot cancel what is finished', async () => {
    const ai = omniClient(host, rig.models.url);
    const { id } = await make(host, omniBody(host, 'a cat'));
    const refused = await ai.interactions
      .cancel(id, null, { maxRetries: 0 })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'BadRequestError', status: 400 });
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('deletes: the interaction is gone, the charge is not', async () => {
    const ai = omniClient(host, rig.models.url);
    const { id } = await make(host, omniBody(host, 'a cat'));
    await ai.interactions.delete(id);
    const gone = await ai.interactions.get(id, null, { maxRetries: 0 }).catch((error: unknown) => error);
    expect(gone).toMatchObject({ name: 'NotFoundError', status: 404 });
    expect(gone).not.toBeInstanceOf(ApiError);
    expect(rig.models.paidCalls()).toMatchObject([{ state: 'succeeded' }]);
  });

  it('is told of a refusal by the class and the words of the error', async () => {
    const ai = omniClient(host, rig.models.url);
    const refused = await ai.interactions
      .create({ model: 'gemini-omni-9-flash', input: 'x', background: true }, { maxRetries: 0 })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
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

  it('is the same for the same seed, and another for another or for another image', async () => {
    const seeded = (seed: number) => omniBody(host, 'a cat', {}, { generation_config: { seed } });
    const [first, again, other] = [
      await make(host, seeded(0)),
      await make(host, seeded(0)),
      await make(host, seeded(1)),
    ];
    expect(again.bytes).toEqual(first.bytes);
    expect(other.bytes).not.toEqual(first.bytes);
    const shown = await make(host, omniBody(host, [text('a cat'), image(PNG)], {}, task('image_to_video')));
    const another = await make(
      host,
      omniBody(host, [text('a cat'), image(JPEG, 'image/jpeg')], {}, task('image_to_video')),
    );
    const several = await make(
      host,
      omniBody(host, [text('a cat'), image(PNG), image(PNG)], {}, task('reference_to_video')),
    );
    expect(another.bytes).not.toEqual(shown.bytes);
    expect(several.bytes).not.toEqual(shown.bytes);
  });

  it('is extended by its URI and by its interaction: the old frames stay', async () => {
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

  it('is edited and enlarged at its own length', async () => {
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

  it('cannot be continued before it is there, when it was cancelled, nor past the longest length', async () => {
    const { json } = await create(rig, host, omniBody(host, 'a cat', { duration: '15s' }));
    const onward = omniBody(
      host,
      'x',
      { duration: '10s' },
      { ...task('extend'), previous_interaction_id: json.id },
    );
    const early = await create(rig, host, onward);
    expect([early.status, early.json.error.message]).toEqual([400, expect.stringMatching(/in progress/)]);
    const cancelled = (await create(rig, host, omniBody(host, 'x'))).json.id;
    await cancel(rig, host, cancelled);
    const empty = await create(rig, host, { ...onward, previous_interaction_id: cancelled });
    expect([empty.status, empty.json.error.message]).toEqual([400, expect.stringMatching(/no video/)]);
    await rig.finish();
    const longer = await make(host, onward);
    expect(parseMp4(longer.bytes).durationSeconds).toBe(25);
    // 25 s and 6 s: more than the Developer API makes in all, and less than Vertex does.
    const further = await create(rig, host, {
      ...onward,
      previous_interaction_id: longer.id,
      response_format: { type: 'video', duration: '6s', ...delivery(host) },
    });
    expect(further.status).toBe(host === 'developer' ? 400 : 200);
    expect(further.json.error?.message).toEqual(
      host === 'developer' ? expect.stringMatching(/ 31 seconds: .* at most 30 /) : undefined,
    );
  });
});

describe('who may ask', () => {
  const anonymous = (host: Host, headers: Record<string, string> = {}) =>
    post(collection(host, rig.models.url), omniBody(host, 'x'), headers);

  it('needs a key on the Developer API, and gets the usual error model', async () => {
    const none = await anonymous('developer');
    expect([none.status, none.json.error.status]).toEqual([403, 'PERMISSION_DENIED']);
    const wrong = await anonymous('developer', { 'x-goog-api-key': 'wrong' });
    expect([wrong.status, wrong.json.error.details[0].reason]).toEqual([400, 'API_KEY_INVALID']);
  });

  it('needs a token on Vertex', async () => {
    const none = await anonymous('vertex', { 'x-goog-api-key': KEY });
    expect([none.status, none.json.error.status]).toEqual([401, 'UNAUTHENTICATED']);
    const wrong = await anonymous('vertex', { authorization: 'Bearer wrong' });
    expect(wrong.status).toBe(401);
    expect(rig.models.paidCalls()).toEqual([]);
  });

  it('sees only its own: other keys and other projects get 404', async () => {
    const mine = (await create(rig, 'developer', omniBody('developer', 'x'))).json.id;
    const theirs = await get(`${collection('developer', rig.models.url)}/${mine}`, {
      'x-goog-api-key': OTHER_KEY,
    });
    expect([theirs.status, theirs.json.error.code]).toEqual([404, 'not_found']);
    const vertex = (await create(rig, 'vertex', omniBody('vertex', 'x'))).json.id;
    const url = `${collection('vertex', rig.models.url)}/${vertex}`;
    expect((await get(url, { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    const other = await get(url.replace(PROJECT, 'other'), { authorization: `Bearer ${TOKEN}` });
    expect([other.status, other.json.error.status]).toEqual([404, 'NOT_FOUND']);
    expect((await read(rig, 'developer', vertex)).status).toBe(404);
  });

  it('finds both versions of the Developer API, and Vertex in location global only', async () => {
    const beta = await post(
      `${rig.models.url}/v1beta/interactions`,
      omniBody('developer', 'x'),
      credentials('developer'),
    );
    expect(beta.status).toBe(200);
    const regional = collection('vertex', rig.models.url).replace('global', 'us-central1');
    expect((await post(regional, omniBody('vertex', 'x'), credentials('vertex'))).status).toBe(400);
  });

  it('keeps the quota apart from that of other models', async () => {
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
