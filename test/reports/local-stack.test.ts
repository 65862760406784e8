/**
 * pollinations/pollinations#9900: a retired Veo preview runs until it is sent to Google, which answers 404. The local stack
 * accepted and priced it (measured on b5f8afa). Also: what `npm run generate` refuses before it starts a stack.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../infra/cli/generate-options.ts';
import { parseStartOptions } from '../../infra/cli/start-options.ts';
import { functionsEnvironment, makePlan } from '../../infra/stack/plan.ts';
import { apiOf } from '../support/api-client.ts';
import { makeWorld } from '../support/memory.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();
const RETIRED = { prompt: 'a kitten', model: 'veo-3.1-generate-preview', durationSeconds: 8 };

describe('a retired model (pollinations/pollinations#9900)', () => {
  const of = (allowRetiredModels: boolean) => {
    const { settings } = makeWorld().services;
    return apiOf(makeWorld({ settings: { ...settings, allowRetiredModels } }));
  };

  it('is refused with its date and its successor by jobs, estimates and batches', async () => {
    const { post } = of(false);
    for (const call of ['/v1/jobs', '/v1/estimates'])
      expect(await post(call, RETIRED)).toMatchObject({
        status: 400,
        body: { detail: expect.stringContaining('was retired on 2026-10-22; use gemini-omni-1.1-flash') },
      });
    const batch = await post('/v1/batches', { rows: [RETIRED], dryRun: true });
    expect(batch.body).toMatchObject({ rows: { valid: 0, invalid: 1 }, estimate: { priceUsd: 0 } });
  });

  it('runs with the flag, and its job says when it was retired', async () => {
    const { post } = of(true);
    const { status, body } = await post('/v1/jobs', RETIRED);
    expect([status, body['request']]).toMatchObject([201, { retiredOn: '2026-10-22' }]);
    const live = await post('/v1/jobs', { ...RETIRED, model: 'veo-3.1-generate-001' });
    expect(live.body['request']).not.toHaveProperty('retiredOn');
  });

  it('is refused by the local stack unless a flag allows it', async () => {
    const stateOf = (name: string): string => path.join(dir, name);
    const plain = await makePlan({ stateDir: stateOf('plain'), apiPort: 0 });
    expect(functionsEnvironment(plain)).toMatchObject({
      CLAPPER_ALLOW_RETIRED_MODELS: 'false',
      CLAPPER_SCALED_DOWN_VIDEOS: 'true',
    });
    const flagged = await makePlan({ stateDir: stateOf('flagged'), apiPort: 0, allowRetiredModels: true });
    expect(functionsEnvironment(flagged)).toMatchObject({ CLAPPER_ALLOW_RETIRED_MODELS: 'true' });
    // Google's models cannot be brought back.
    const real = await makePlan({
      ...{ stateDir: stateOf('real'), apiPort: 0, allowRetiredModels: true },
      geminiApiKey: 'key',
    });
    expect(functionsEnvironment(real)).toMatchObject({ CLAPPER_ALLOW_RETIRED_MODELS: 'false' });
    expect(parseStartOptions(['--allow-retired-models'])).toMatchObject({ allowRetiredModels: true });
    expect(parseStartOptions([])).not.toMatchObject({ allowRetiredModels: true });
    expect(parseOptions(['a kitten', '--allow-retired-models'])).toMatchObject({ allowRetiredModels: true });
  });
});

describe('npm run generate', () => {
  it('refuses a missing or empty prompt before it starts a stack, with an example', () => {
    for (const args of [[], ['--duration', '4'], ['--model', 'veo-3.1-generate-001']])
      expect(() => parseOptions(args)).toThrow(/^The prompt is missing\. .*npm run generate -- "a kitten"/);
    for (const blank of ['', '  ']) expect(() => parseOptions([blank])).toThrow('The prompt is empty');
    for (const args of [
      ['--video', 'job_a'],
      ['--job', 'job_a'],
      ['--first-frame', 'a cat'],
    ])
      expect(() => parseOptions(args)).not.toThrow();
  });

  it('names reference videos as it names the video to start from', () => {
    const args = ['a cat', '--reference-video', 'job_a/1', '--reference-video', 'gs://b/wave.mp4'];
    expect(parseOptions(args)).toMatchObject({
      body: {
        referenceVideos: [{ video: { job: 'job_a', index: 1 } }, { video: { gcsUri: 'gs://b/wave.mp4' } }],
      },
    });
    expect(() => parseOptions(['a cat', '--reference-video', 'job_a/x'])).toThrow('--reference-video');
  });

  it('names the option and the file that it cannot read, in a sentence', () => {
    const empty = path.join(dir, 'empty.png');
    const folder = path.join(dir, 'folder');
    writeFileSync(empty, '');
    mkdirSync(folder);
    const missing = path.join(dir, 'missing.png');
    for (const [option, file, reason] of [
      ['--image', missing, 'does not exist'],
      ['--reference', missing, 'does not exist'],
      ['--last-frame', folder, 'is a folder, not an image'],
      ['--image', empty, 'is empty'],
      ['--image', path.join(empty, 'x.png'), 'does not exist: a part of its path is a file'],
    ] as const) {
      expect(() => parseOptions(['a kitten', option, file])).toThrow(`${option}: ${file} ${reason}`);
      expect(() => parseOptions(['a kitten', option, file])).not.toThrow(/E[A-Z]{4,}/);
    }
  });
});
