/** A prompt that still has a placeholder would be paid for with the braces in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uploadRulesSchema } from '../../functions/core/batch/upload-rules.ts';
import { fillPlaceholders, withoutPlaceholders } from '../../functions/core/request/template.ts';
import { handleUpload } from '../../functions/handlers/batch/upload.ts';
import { apiOf } from '../support/api-client.ts';
import { batchNow, startBatch } from '../support/batches.ts';
import { googleClient, googleWorld } from '../support/google.ts';
import { PNG } from '../support/images.ts';
import { finishesAfter } from '../support/jobs.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import { MemoryUploads, MemoryWaits } from '../support/upload-bucket.ts';

async function promptOf(body: Record<string, unknown>): Promise<string | undefined> {
  const world = makeWorld();
  const answer = await apiOf(world).post('/v1/jobs', body);
  expect([answer.status, answer.body['detail']]).toEqual([201, undefined]);
  return (await world.jobs.all())[0]?.request.prompt;
}

describe('a prompt without variables on the own API (langchain-ai/langchain#1660, backblaze-labs/genblaze#88)', () => {
  it('is refused by the name of its placeholder, with how braces are written', async () => {
    const world = makeWorld();
    for (const path of ['/v1/jobs', '/v1/estimates']) {
      const { status, body } = await apiOf(world).post(path, { prompt: 'A {animal} in {place=Rome}' });
      expect(status).toBe(400);
      expect(body['errors']).toEqual([
        {
          field: 'prompt',
          detail: expect.stringMatching(/\{animal\}.*variables\.animal.*\{animal=text\}.*\{\{animal\}\}/),
        },
      ]);
    }
    expect([await world.jobs.all(), world.tasks.enqueued]).toEqual([[], 0]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['negativePrompt', { prompt: 'a', negativePrompt: 'no {x}' }],
    ['firstFrame.prompt', { prompt: 'a', firstFrame: { prompt: '{x}' } }],
    ['extensions.0.prompt', { prompt: 'a', extensions: [{ prompt: '{x}' }] }],
  ])('is refused in %s', async (field, body) => {
    const answer = await apiOf(makeWorld()).post('/v1/jobs', body);
    expect([answer.status, answer.body]).toMatchObject([400, { errors: [{ field }] }]);
  });

  it.each([
    ['{"shot": "x", "camera": {"move": "pan"}}', '{"shot": "x", "camera": {"move": "pan"}}'],
    ['A {animal=cat} in {place=}', 'A cat in '],
    ['A {{animal}}', 'A {animal}'],
    ['A {{{animal}}}', 'A {{animal}}'],
    ['a { b } c {} {1} } {', 'a { b } c {} {1} } {'],
    ['{"a":{"b":{"c":[1,{}]}}}', '{"a":{"b":{"c":[1,{}]}}}'],
    ['{ animal }', '{ animal }'],
  ])('%j is sent as %j', async (prompt, sent) => {
    expect(await promptOf({ prompt })).toBe(sent);
  });

  it('is not filled when its variables are faulty; only they are reported', async () => {
    const { body } = await apiOf(makeWorld()).post('/v1/jobs', { prompt: 'A {animal}', variables: ['cat'] });
    expect(body['errors']).toMatchObject([{ field: 'variables' }]);
  });

  it('can be any text once its placeholders are escaped', () => {
    const piece = fc.constantFrom('{', '}', '{a}', '{{', '}}', '{a=b}', '=', 'x', '"', ' ');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('');
        expect(fillPlaceholders(withoutPlaceholders(text))).toEqual({ text, missing: [] });
      }),
    );
  });
});

it('Google’s surfaces send every brace as it is (measured on b5f8afa)', async () => {
  const world = googleWorld();
  const prompt = 'A {animal} {{x}} {y=1}';
  await googleClient(world).submit('veo-3.1-generate-001', { instances: [{ prompt }] });
  expect((await world.jobs.all()).map(({ request }) => request.prompt)).toEqual([prompt]);
});

it('a row with an unfilled placeholder is faulty, with or without a template (measured on b5f8afa)', async () => {
  const world = makeWorld();
  finishesAfter(world, 30_000);
  const rows =
    '{"prompt":"A {animal}"}\n{"prompt":"A {animal=cat}"}\n{"prompt":"A {animal}","animal":"dog"}\n';
  const batch = await startBatch(world, rows);
  await runFor(world, 3_600_000);
  expect((await batchNow(world, batch)).totals).toMatchObject({ rows: 3, valid: 2, faults: 1 });
  const prompts = (await world.jobs.all()).map(({ request }) => request.prompt);
  expect(prompts.sort()).toEqual(['A cat', 'A dog']);
});

describe('a placeholder (measured on 3aa1975)', () => {
  it('may have letters of every language in its name', async () => {
    const { status, body } = await apiOf(makeWorld()).post('/v1/estimates', { prompt: 'Eine {größe} Katze' });
    expect([status, body['errors']]).toEqual([
      400,
      [{ field: 'prompt', detail: expect.stringContaining('variables.größe') }],
    ]);
    expect(await promptOf({ prompt: 'Eine {größe} Katze', variables: { größe: 'kleine' } })).toBe(
      'Eine kleine Katze',
    );
  });

  it('with a space in its name is refused with what a name has', async () => {
    const body = { prompt: 'A {cat breed}', variables: { a: 'b' } };
    const answer = await apiOf(makeWorld()).post('/v1/estimates', body);
    expect(answer.body['detail']).toContain('a name has only letters, digits, _, . and -');
  });

  it('is searched for once in a run of braces, and not at each of them', () => {
    const braces = '{'.repeat(1_000_000);
    expect(fillPlaceholders(braces)).toEqual({ text: braces, missing: [] });
    expect(withoutPlaceholders(braces)).toBe(braces);
  });
});

describe('a dropped image (measured on b5f8afa)', () => {
  const arrive = async (rule: object, name: string, metadata: Record<string, string> = {}) => {
    const rules = uploadRulesSchema.parse([{ prefix: 'uploads/', ...rule }]);
    const { settings } = makeWorld().services;
    const world = makeWorld({ settings: { ...settings, uploadRules: rules } });
    const uploads = new MemoryUploads(world);
    const startBatch = () => Promise.reject(new Error('no batch'));
    const data = uploads.drop(name, PNG, 'image/png', metadata);
    await handleUpload(
      { services: world.services, uploads, waits: new MemoryWaits(), rules, startBatch },
      { type: 'google.cloud.storage.object.v1.finalized', data },
    );
    return { jobs: await world.jobs.all(), error: uploads.json(`${name}.error.json`) };
  };

  it('with an unfilled prompt of its own gets an error file', async () => {
    const { jobs, error } = await arrive({}, 'uploads/a.png', { prompt: 'A {animal}' });
    expect(jobs).toEqual([]);
    expect(error).toMatchObject({ errors: [{ field: 'prompt' }] });
  });

  it('keeps braces that its rule’s template or its name put into the prompt', async () => {
    const rule = { template: { prompt: 'A {name} with {{braces}}' } };
    const { jobs, error } = await arrive(rule, 'uploads/{draft}.png');
    expect(error).toBeUndefined();
    expect(jobs.map(({ request }) => request.prompt)).toEqual(['A {draft} with {braces}']);
  });
});
