/** The requests that the Omni models reject, field by field. Rejected calls are not paid. */
import { describe, expect, it } from 'vitest';
import { PNG, startRig } from './harness.ts';
import { create, delivery, HOSTS, type Host, OMNI, omniBody } from './omni-harness.ts';
import { useRig } from './use-rig.ts';

const rig = useRig(startRig, 'file');

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

describe.each(HOSTS)('a request on %s', (host) => {
  const format = (fields: Json): Json => omniBody(host, 'x', fields);
  const rest = (fields: Json): Json => omniBody(host, 'x', {}, fields);
  const withInput = (input: unknown, fields: Json = {}): Json => omniBody(host, input, {}, fields);
  const cases: readonly (readonly [title: string, body: unknown, message: RegExp])[] = [
    ['malformed JSON', '{', /Invalid JSON/],
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
    ['background without store', rest({ store: false }), /background needs store/],
    ['a duration of 2 s', format({ duration: '2s' }), /Unsupported duration 2s/],
    ['a duration of 16 s', format({ duration: '16s' }), /makes 3s to 15s/],
    ['a fractional duration', format({ duration: '4.5s' }), /'response_format.duration'/],
    ['a number as duration', format({ duration: 8 }), /'response_format.duration'/],
    ['resolution 480p', format({ resolution: '480p' }), /'response_format.resolution'/],
    ['aspect ratio 1:1', format({ aspect_ratio: '1:1' }), /'response_format.aspect_ratio'/],
    ['format audio', format({ type: 'audio' }), /'response_format.type'/],
    ['a seed of 33 bits', rest({ generation_config: { seed: 2 ** 32 } }), /'generation_config.seed'/],
    ['an unknown task', rest(task('dream')), /'generation_config.video_config.task'/],
    ['an empty prompt', withInput(' '), /prompt is required/],
    ['an image without text', withInput([image]), /prompt is required/],
    ['an empty input list', withInput([]), /'input'/],
    ['an unknown part', withInput([text, { type: 'audio', data: 'AAAA' }]), /'input\[1\]/],
    [
      'an image without data',
      withInput([text, { type: 'image' }]),
      /'input\[1\]' needs exactly one of data, uri/,
    ],
    [
      'an image without a type',
      withInput([text, { ...image, mime_type: undefined }]),
      /'input\[1\]\.mime_type' is/,
    ],
    ['data that is not base64', withInput([text, { ...image, data: '????' }]), /Base64 decoding failed/],
    ['data that is not an image', withInput([text, { ...image, data: 'AAAA' }]), /not a JPEG or PNG/],
    [
      'a GIF',
      withInput([text, { ...image, mime_type: 'image/gif' }]),
      /supported types are \[image\/jpeg,image\/png,image\/webp,image\/heic,image\/heif\]/,
    ],
    ['a PNG declared as JPEG', withInput([text, { ...image, mime_type: 'image/jpeg' }]), /is image\/png/],
    [
      'data that is not a video',
      { ...withInput([text, video]), response_format: undefined },
      /Unable to process the video/,
    ],
    ['text to video with an image', withInput([text, image], task('text_to_video')), /takes 0 images, not 1/],
    ['image to video without an image', withInput('x', task('image_to_video')), /takes 1 to 2 images, not 0/],
    [
      'image to video with three images',
      withInput([text, image, image, image], task('image_to_video')),
      /takes 1 to 2 images, not 3/,
    ],
    [
      'eleven seconds between two frames',
      omniBody(host, [text, image, image], { duration: '11s' }, task('image_to_video')),
      /makes 3s to 10s/,
    ],
    [
      'reference to video without an image or a video',
      withInput('x', task('reference_to_video')),
      /needs an image or a video/,
    ],
    [
      'eleven reference images',
      withInput([text, ...Array(11).fill(image)], task('reference_to_video')),
      /takes 0 to 10 images, not 11/,
    ],
    [
      'four reference videos',
      withInput([text, image, ...Array(4).fill(video)], task('reference_to_video')),
      /takes at most 3 videos, not 4/,
    ],
    [
      'a reference video that is not a video',
      withInput([text, video], task('reference_to_video')),
      /Unable to process the video at 'input\[1\]'/,
    ],
    [
      'a next turn with references',
      withInput([text, image], { ...task('reference_to_video'), previous_interaction_id: 'v1_x' }),
      /takes no previous_interaction_id/,
    ],
    ['an extension by 11 s', omniBody(host, [text, video], { duration: '11s' }, task('extend')), /3s to 10s/],
    ['an edit without a video', withInput('x', task('edit')), /takes one video/],
    ['an extension without a video', withInput('x', task('extend')), /takes one video/],
    ['an extension of two videos', withInput([text, video, video], task('extend')), /takes one video/],
    [
      'an edit with a duration',
      withInput([text, video], task('edit')),
      /duration is not supported for task edit/,
    ],
    ['an invalid label', rest({ labels: { Team: 'x' } }), /Invalid label "Team"/],
    ['an unknown directive', withInput('[simulate: rain] x'), /Unknown simulation directive/],
  ];

  it.each(cases)('is rejected: %s', async (_, body, message) => {
    expect(await refusal(host, body)).toMatch(message);
  });

  it('with an unknown previous_interaction_id receives 404', async () => {
    const body = withInput('x', { ...task('extend'), previous_interaction_id: 'v1_none' });
    const { status, json } = await create(rig, host, body);
    expect([status, json.error.message]).toEqual([404, 'Interaction v1_none was not found.']);
  });

  it('is accepted with every duration and resolution of model 1.2', async () => {
    for (let seconds = 3; seconds <= 15; seconds++) {
      const resolution = ['360p', '720p', '1080p', '4k'][seconds % 4];
      const body = format({ duration: `${seconds}s`, resolution });
      expect((await create(rig, host, body)).status).toBe(200);
    }
  });
});

describe('delivery', () => {
  const withFormat = (fields: Json): Json => ({
    ...omniBody('vertex', 'x'),
    response_format: { type: 'video', ...fields },
  });

  it('by URI on Vertex requires gcs_uri; all others reject it', async () => {
    expect(await refusal('vertex', withFormat({ delivery: 'uri' }))).toMatch(/gcs_uri is required/);
    expect(await refusal('vertex', withFormat({ gcs_uri: 'gs://out' }))).toMatch(/needs delivery uri/);
    expect(await refusal('vertex', withFormat({ delivery: 'uri', gcs_uri: 'out' }))).toMatch(/must be gs:/);
    expect(await refusal('developer', withFormat(delivery('vertex')))).toMatch(/gcs_uri is not supported/);
  });

  it('can call webhooks on the Developer API only', async () => {
    const webhook_config = { uris: ['https://h.example/hook'], user_metadata: { jobId: '1' } };
    expect(await refusal('vertex', { ...withFormat({}), webhook_config })).toMatch(/webhook_config/);
    const { json } = await create(rig, 'developer', { ...withFormat({}), background: true, webhook_config });
    expect(json).toMatchObject({ status: 'in_progress', webhook_config });
    const invalidWebhook = { ...withFormat({}), webhook_config: { uris: ['ftp://h'] } };
    expect(await refusal('developer', invalidWebhook)).toMatch(/'webhook_config.uris\[0\]'/);
  });

  it('fails when the bucket does not exist', async () => {
    const separate = await startRig();
    const format = { delivery: 'uri', gcs_uri: 'gs://missing-bucket' };
    const { json } = await create(separate, 'vertex', withFormat(format));
    await separate.finish();
    const { surface, state } = separate.models.paidCalls()[0] ?? {};
    expect([json.status, surface, state]).toEqual(['in_progress', 'omni', 'failed']);
    await separate.stop();
  });
});

describe('models', () => {
  const createWith = (host: Host, model: string, fields: Json = {}) =>
    create(rig, host, { ...omniBody(host, 'x', fields), model });

  const table: readonly (readonly [model: string, developer: number, vertex: number])[] = [
    ['gemini-omni-1.2-flash', 200, 200],
    ['gemini-omni-1.1-flash', 200, 404],
    ['gemini-omni-1.1-flash-preview', 404, 200],
    ['gemini-omni-flash-preview', 404, 200],
    ['veo-3.1-generate-001', 404, 404],
  ];

  it.each(table)('%s: %i on the Developer API, %i on Vertex', async (model, developer, vertex) => {
    expect((await createWith('developer', model)).status).toBe(developer);
    expect((await createWith('vertex', model)).status).toBe(vertex);
  });

  it('a retired model is reported as retired on the Developer API', async () => {
    const { json } = await createWith('developer', 'gemini-omni-flash-preview');
    expect(json.error.message).toBe('This model models/gemini-omni-flash-preview is no longer available.');
  });

  it('1.1 makes at most 10 s; the first preview makes 720p only and does not extend', async () => {
    expect((await createWith('developer', 'gemini-omni-1.1-flash', { duration: '10s' })).status).toBe(200);
    expect((await createWith('developer', 'gemini-omni-1.1-flash', { duration: '11s' })).status).toBe(400);
    expect((await createWith('vertex', 'gemini-omni-flash-preview', { resolution: '1080p' })).status).toBe(
      400,
    );
    const body = {
      ...omniBody('vertex', [text, video], {}, task('extend')),
      model: 'gemini-omni-flash-preview',
    };
    expect(await refusal('vertex', body)).toMatch(/extend is not supported by model/);
  });
});
