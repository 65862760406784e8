/** Text that cannot be stored as it is would be paid for as another text, so every surface refuses it by its field. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uploadRulesSchema } from '../../functions/core/batch/upload-rules.ts';
import { textErrors, textFault } from '../../functions/core/request/text-check.ts';
import { handleUpload } from '../../functions/handlers/batch/upload.ts';
import { apiOf } from '../support/api-client.ts';
import { batchNow, startBatch } from '../support/batches.ts';
import { googleClient, googleWorld, VERTEX } from '../support/google.ts';
import { PNG } from '../support/images.ts';
import { finishesAfter } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import { MemoryUploads, MemoryWaits } from '../support/upload-bucket.ts';

const HALF = 'a cat \ud83d';
const ILL_FORMED = [
  HALF,
  'a \udc31cat',
  'a\0cat',
  'a\u000bcat',
  'a\u001b[31mcat',
  'a cat\u007f',
  'a \u0093cat\u0094',
];
const FINE = ['a 🐱', 'a\tcat\r\nand a dog\n', 'é, ß, 猫, \u2028, \ufffd', '👩‍👩‍👧'];

const isUntouched = async ({ jobs, tasks, input }: World): Promise<void> => {
  expect([await jobs.all(), tasks.enqueued, [...input.objects.keys()]]).toEqual([[], 0, []]);
};

describe('ill-formed text in a request to the own API (mpyw/suve#596: an escaped half becomes U+FFFD)', () => {
  it.each(ILL_FORMED)('%j is refused with its field, and nothing is written', async (prompt) => {
    const world = makeWorld();
    const { status, body } = await apiOf(world).post('/v1/jobs', { prompt });
    expect(status).toBe(400);
    expect(body).toMatchObject({ errors: [{ field: 'prompt', detail: expect.stringMatching(/character/) }] });
    await isUntouched(world);
  });

  it.each(FINE)('%j is accepted and stored as it is', async (prompt) => {
    const world = makeWorld();
    expect((await apiOf(world).post('/v1/jobs', { prompt })).status).toBe(201);
    expect((await world.jobs.all()).map(({ request }) => request.prompt)).toEqual([prompt]);
  });

  it.each<[string, unknown]>([
    ['negativePrompt', { prompt: 'a', negativePrompt: HALF }],
    ['variables.city', { prompt: '{city}', variables: { city: HALF } }],
    ['variables.\\ud83d', { prompt: 'a', variables: { '\ud83d': 'x' } }],
    ['labels.team', { prompt: 'a', labels: { team: HALF } }],
    ['labels.a\\ud83d', { prompt: 'a', labels: { 'a\ud83d': 'x' } }],
    ['firstFrame.prompt', { prompt: 'a', firstFrame: { prompt: HALF } }],
    ['extensions.1.prompt', { prompt: 'a', extensions: [{}, { prompt: HALF }] }],
    ['image.gcsUri', { prompt: 'a', image: { gcsUri: `gs://in/${HALF}`, mimeType: 'image/png' } }],
    ['model', { prompt: 'a', model: HALF }],
    ['labels.\\u0000', { prompt: 'a', labels: { '\0': 'x' } }],
    ['\\u0000', { prompt: 'a', '\0': 1 }],
  ])('is refused in %s', async (field, body) => {
    for (const path of ['/v1/jobs', '/v1/estimates']) {
      const world = makeWorld();
      const answer = await apiOf(world).post(path, body);
      expect([answer.status, answer.body]).toMatchObject([400, { errors: [{ field }] }]);
      await isUntouched(world);
    }
  });

  it('is refused with its place in a field that does not exist either', async () => {
    const { body } = await apiOf(makeWorld()).post('/v1/jobs', { prompt: 'a', unknown: { deep: [HALF] } });
    expect(body).toMatchObject({ errors: [{ field: 'unknown.deep.0' }, { field: 'unknown' }] });
  });

  it.each<[string, string, unknown]>([
    ['/v1/batches', 'rows.1.prompt', { rows: [{ prompt: 'a' }, { prompt: HALF }] }],
    ['/v1/batches', 'template.prompt', { rows: [{ city: 'x' }], template: { prompt: `{city}${HALF}` } }],
    ['/v1/batches', 'defaults.variables.city', { rows: [{}], defaults: { variables: { city: HALF } } }],
    ['/v1/batches', 'title', { rows: [{ prompt: 'a' }], title: 'a\0' }],
    ['/v1/uploads', 'mimeType', { mimeType: HALF }],
    ['/v1/redrives', 'caller', { caller: HALF }],
  ])('is refused by %s in %s', async (path, field, body) => {
    const base = makeWorld();
    const settings = { ...base.services.settings, operators: ['local'] };
    const world = { ...base, services: { ...base.services, settings } };
    const answer = await apiOf(world).post(path, body);
    expect([answer.status, answer.body]).toMatchObject([400, { errors: [{ field }] }]);
    await isUntouched(world);
  });

  it('is listed twenty times at most', async () => {
    const { body } = await apiOf(makeWorld()).post('/v1/batches', {
      rows: Array(900).fill({ prompt: HALF }),
    });
    expect(body['errors']).toHaveLength(20);
  });
});

describe('ill-formed text on Google’s surfaces (measured on b5f8afa)', () => {
  it.each<[string, string, unknown]>([
    [
      `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
      'instances[0].prompt',
      { instances: [{ prompt: HALF }] },
    ],
    [
      '/v1beta/models/veo-3.1-generate-001:predictLongRunning',
      'parameters.negativePrompt',
      { instances: [{ prompt: 'a' }], parameters: { negativePrompt: 'a\0' } },
    ],
    [
      `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
      'labels.team',
      { instances: [{ prompt: 'a' }], labels: { team: HALF } },
    ],
    [`${VERTEX}/imagen-4.0-generate-001:predict`, 'instances[0].prompt', { instances: [{ prompt: HALF }] }],
    [
      '/v1beta/models/gemini-3.1-flash-image:generateContent',
      'contents[0].parts[0].text',
      { contents: [{ parts: [{ text: HALF }] }] },
    ],
    [
      '/v1beta/models/gemini-3.1-flash-image:generateContent',
      'systemInstruction.parts[0].text',
      { contents: [{ parts: [{ text: 'a' }] }], systemInstruction: { parts: [{ text: HALF }] } },
    ],
  ])('is refused by %s in %s', async (path, field, body) => {
    const sent: unknown[] = [];
    const world = googleWorld(
      {},
      {
        images: {
          serves: () => true,
          async send(call) {
            sent.push(call);
            return { kind: 'body', body: new Blob(['{}']).stream(), contentType: 'application/json' };
          },
        },
      },
    );
    const { status, body: answer } = await googleClient(world).post(path, body);
    expect([status, answer]).toMatchObject([400, { error: { status: 'INVALID_ARGUMENT' } }]);
    expect(JSON.stringify(answer)).toContain(`"field":"${field}"`);
    expect(sent).toEqual([]);
    await isUntouched(world);
  });
});

describe('ill-formed text in rows and dropped files (measured on b5f8afa)', () => {
  it('makes a row of a manifest faulty, and only that row', async () => {
    for (const [name, content] of [
      ['m.jsonl', '{"prompt":"a cat"}\n{"prompt":"a \\ud83d"}\n{"prompt":"a\\u0000"}\n'],
      ['m.csv', 'prompt\na cat\na\u001bcat\n"a\u000bcat"\n'],
    ] as const) {
      const world = makeWorld();
      finishesAfter(world, 30_000);
      const batch = await startBatch(world, content, {}, name);
      await runFor(world, 3_600_000);
      const { totals, firstFaults } = await batchNow(world, batch);
      expect(totals).toMatchObject({ rows: 3, valid: 1, faults: 2 });
      for (const { fault } of firstFaults) expect(fault).toMatch(/^prompt: has (?:half of|the control)/);
    }
  });

  it.each<[string, string | undefined, Record<string, string>, string]>([
    ['a.png.json', '{"prompt":"a \\ud83d"}', {}, 'prompt'],
    ['a.png.txt', 'a\u001bcat', {}, 'prompt'],
    ['a.png.json', undefined, { prompt: 'a\u0007cat' }, 'prompt'],
    ['a.png.json', '{"prompt":"a","labels":{"team":"\\ud83d"}}', {}, 'labels.team'],
  ])(
    '%s: %j with metadata %j gets an error file that names %s',
    async (sidecar, content, metadata, field) => {
      const rules = uploadRulesSchema.parse([{ prefix: 'uploads/' }]);
      const { settings } = makeWorld().services;
      const world = makeWorld({ settings: { ...settings, uploadRules: rules } });
      const uploads = new MemoryUploads(world);
      const startBatchNever = () => Promise.reject(new Error('no batch'));
      const work = {
        services: world.services,
        uploads,
        waits: new MemoryWaits(),
        rules,
        startBatch: startBatchNever,
      };
      if (content !== undefined) uploads.drop(`uploads/${sidecar}`, content);
      const data = uploads.drop('uploads/a.png', PNG, 'image/png', metadata);
      await handleUpload(work, { type: 'google.cloud.storage.object.v1.finalized', data });
      expect(await world.jobs.all()).toEqual([]);
      expect(uploads.json('uploads/a.png.error.json')).toMatchObject({ errors: [{ field }] });
    },
  );
});

describe('the check of every text', () => {
  it('finds exactly the texts that UTF-8 cannot hold, and control characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 0xffff }), (text, code) => {
        const whole = text + String.fromCharCode(code);
        const isSound = whole.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(whole);
        expect(textFault(whole) === undefined).toBe(isSound);
      }),
    );
  });

  it('names the place of a text, at any depth', () => {
    const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(key, { minLength: 1, maxLength: 6 }),
        fc.jsonValue({ maxDepth: 2 }),
        (path, other) => {
          const nest = (leaf: unknown): unknown =>
            path.reduceRight((inner: unknown, name) => ({ '-': other, [name]: inner }), leaf);
          expect(textErrors(nest('sound'))).toEqual([]);
          expect(textErrors(nest(HALF))).toMatchObject([{ field: path.join('.') }]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
