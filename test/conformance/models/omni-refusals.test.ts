/** What the Omni models refuse, field by field. Nothing that is refused is paid. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PNG, type Rig, startRig } from './harness.ts';
import { create, delivery, HOSTS, type Host, OMNI, omniBody } from './omni-harness.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  await rig.stop();
  expect(rig.bugs).toEqual([]);
});

type Json = Record<string, unknown>;

const text = { type: 'text', text: 'x' };
const image = { type: 'image', data: PNG.toString('base64'), mime_type: 'image/png' };
const video = { type: 'video', data: 'AAAA', mime_type: 'video/mp4' };
const task = (name: string): Json => ({ generation_config: { video_config: { task: name } } });

async function refusal(host: Host, body: unknown): Promise<string> {
  const before = rig.models.paidCalls().length;
  const { status, json } = await create(rig, host, body);
  expect([status, rig.models.paidCalls().length]).toEqual([400, before]);
  if (host === 'developer') expect(Object.keys(json.error)).toEqual(['message', 'code']);
  expect(host === 'developer' ? json.error.code : json.error.status).toBe(
    host === 'developer' ? 'invalid_request' : 'INVALID_ARGUMENT',
  );
  return json.error.message;
}

describe.each(HOSTS)('on %s', (host) => {
  const format = (fields: Json): Json => omniBody(host, 'x', fields);
  const rest = (fields: Json): Json => omniBody(host, 'x', {}, fields);
  const given = (input: unknown, fields: Json = {}): Json => omniBody(host, input, {}, fields);
  const cases: readonly (readonly [title: string, body: unknown, message: RegExp])[] = [
    ['what is no JSON', '{', /Invalid JSON/],
    ['an empty body', {}, /'model' is required/],
    ['no input', { model: OMNI, background: true }, /'input' is required/],
    [
      'a negative prompt',
      rest({ negativePrompt: 'dogs' }),
      /Unknown name "negativePrompt": Cannot find field/,
    ],
    ['an unknown field of the format', format({ fps: 24 }), /Unknown name "fps" at 'response_format'/],
    [
      'an unknown field of the settings',
      rest({ generation_config: { sampleCount: 2 } }),
      /Unknown name "sampleCount" at 'generation_config'/,
    ],
    ['camel case', rest({ responseFormat: {} }), /Unknown name "responseFormat"/],
    ['a stream', rest({ stream: true }), /'stream'/],
    ['a background that is not stored', rest({ store: false }), /background needs store/],
    ['2 s', format({ duration: '2s' }), /Unsupported duration 2s/],
    ['16 s', format({ duration: '16s' }), /makes 3s to 15s/],
    ['half seconds', format({ duration: '4.5s' }), /'response_format.duration'/],
    ['a number as duration', format({ duration: 8 }), /'response_format.duration'/],
    ['480p', format({ resolution: '480p' }), /'response_format.resolution'/],
    ['1:1', format({ aspect_ratio: '1:1' }), /'response_format.aspect_ratio'/],
    ['audio', format({ type: 'audio' }), /'response_format.type'/],
    ['a seed of 33 bits', rest({ generation_config: { seed: 2 ** 32 } }), /'generation_config.seed'/],
    ['an unknown task', rest(task('dream')), /'generation_config.video_config.task'/],
    ['an empty prompt', given(' '), /prompt is required/],
    ['an image without words', given([image]), /prompt is required/],
    ['an empty list', given([]), /'input'/],
    ['an unknown part', given([text, { type: 'audio', data: 'AAAA' }]), /'input\[1\]/],
    [
      'an image without data',
      given([text, { type: 'image' }]),
      /'input\[1\]' needs exactly one of data, uri/,
    ],
    [
      'an image without a type',
      given([text, { ...image, mime_type: undefined }]),
      /'input\[1\]\.mime_type' is/,
    ],
    ['what is no base64', given([text, { ...image, data: '????' }]), /Base64 decoding failed/],
    ['an image that is none', given([text, { ...image, data: 'AAAA' }]), /not a JPEG or PNG/],
    ['an image of another type', given([text, { ...image, mime_type: 'image/jpeg' }]), /is image\/png/],
    [
      'a video that is none',
      { ...given([text, video]), response_format: undefined },
      /Unable to process the video/,
    ],
    ['text to video with an image', given([text, image], task('text_to_video')), /takes 0 images, not 1/],
    ['image to video without one', given('x', task('image_to_video')), /takes 1 images, not 0/],
    ['image to video with two', given([text, image, image], task('image_to_video')), /takes 1 images, not 2/],
    ['references without one', given('x', task('reference_to_video')), /takes 1 to 10 images/],
    [
      'eleven references',
      given([text, ...Array(11).fill(image)], task('reference_to_video')),
      /takes 1 to 10 images, not 11/,
    ],
    ['references with a video', given([text, image, video], task('reference_to_video')), /takes no video/],
    ['an extension by 11 s', omniBody(host, [text, video], { duration: '11s' }, task('extend')), /3s to 10s/],
    ['an edit of nothing', given('x', task('edit')), /takes one video/],
    ['an extension of nothing', given('x', task('extend')), /takes one video/],
    ['an extension of two', given([text, video, video], task('extend')), /takes one video/],
    [
      'an edit with a duration',
      given([text, video], task('edit')),
      /duration is not supported for task edit/,
    ],
    ['a wrong label', rest({ labels: { Team: 'x' } }), /Invalid label "Team"/],
    ['an unknown directive', given('[simulate: rain] x'), /Unknown simulation directive/],
  ];

  it.each(cases)('is refused: %s', async (_, body, message) => {
    expect(await refusal(host, body)).toMatch(message);
  });

  it('is not found: an interaction that never was, to read, cancel or go on from', async () => {
    const body = given('x', { ...task('extend'), previous_interaction_id: 'v1_none' });
    const { status, json } = await create(rig, host, body);
    expect([status, json.error.message]).toEqual([404, 'Interaction v1_none was not found.']);
  });

  it('accepts every duration and resolution of 1.2', async () => {
    for (let seconds = 3; seconds <= 15; seconds++) {
      const resolution = ['360p', '720p', '1080p', '4k'][seconds % 4];
      const body = format({ duration: `${seconds}s`, resolution });
      expect((await create(rig, host, body)).status).toBe(200);
    }
  });
});

describe('where videos go', () => {
  const bare = (fields: Json): Json => ({
    ...omniBody('vertex', 'x'),
    response_format: { type: 'video', ...fields },
  });

  it('needs a bucket on Vertex by URI, and takes none otherwise', async () => {
    expect(await refusal('vertex', bare({ delivery: 'uri' }))).toMatch(/gcs_uri is required/);
    expect(await refusal('vertex', bare({ gcs_uri: 'gs://out' }))).toMatch(/needs delivery uri/);
    expect(await refusal('vertex', bare({ delivery: 'uri', gcs_uri: 'out' }))).toMatch(/must be gs:/);
    expect(await refusal('developer', bare(delivery('vertex')))).toMatch(/gcs_uri is not supported/);
  });

  it('takes webhooks on the Developer API only', async () => {
    const webhook_config = { uris: ['https://h.example/hook'], user_metadata: { jobId: '1' } };
    expect(await refusal('vertex', { ...bare({}), webhook_config })).toMatch(/webhook_config/);
    const { json } = await create(rig, 'developer', { ...bare({}), background: true, webhook_config });
    expect(json).toMatchObject({ status: 'in_progress', webhook_config });
    const wrong = { ...bare({}), webhook_config: { uris: ['ftp://h'] } };
    expect(await refusal('developer', wrong)).toMatch(/'webhook_config.uris\[0\]'/);
  });

  it('fails when the bucket does not exist', async () => {
    const mine = await startRig();
    const format = { delivery: 'uri', gcs_uri: 'gs://missing-bucket' };
    const { json } = await create(mine, 'vertex', bare(format));
    await mine.finish();
    const { surface, state } = mine.models.paidCalls()[0] ?? {};
    expect([json.status, surface, state]).toEqual(['in_progress', 'omni', 'failed']);
    await mine.stop();
  });
});

describe('models', () => {
  const ask = (host: Host, model: string, fields: Json = {}) =>
    create(rig, host, { ...omniBody(host, 'x', fields), model });

  const table: readonly (readonly [model: string, developer: number, vertex: number])[] = [
    ['gemini-omni-1.2-flash', 200, 200],
    ['gemini-omni-1.1-flash', 200, 404],
    ['gemini-omni-1.1-flash-preview', 404, 200],
    ['gemini-omni-flash-preview', 404, 200],
    ['veo-3.1-generate-001', 404, 404],
  ];

  it.each(table)('%s: %i on the Developer API, %i on Vertex', async (model, developer, vertex) => {
    expect((await ask('developer', model)).status).toBe(developer);
    expect((await ask('vertex', model)).status).toBe(vertex);
  });

  it('the retired one says so, and only where it is', async () => {
    const { json } = await ask('developer', 'gemini-omni-flash-preview');
    expect(json.error.message).toBe('This model models/gemini-omni-flash-preview is no longer available.');
  });

  it('1.1 makes at most 10 s; the first preview makes 720p and extends nothing', async () => {
    expect((await ask('developer', 'gemini-omni-1.1-flash', { duration: '10s' })).status).toBe(200);
    expect((await ask('developer', 'gemini-omni-1.1-flash', { duration: '11s' })).status).toBe(400);
    expect((await ask('vertex', 'gemini-omni-flash-preview', { resolution: '1080p' })).status).toBe(400);
    const body = {
      ...omniBody('vertex', [text, video], {}, task('extend')),
      model: 'gemini-omni-flash-preview',
    };
    expect(await refusal('vertex', body)).toMatch(/extend is not supported by model/);
  });
});
