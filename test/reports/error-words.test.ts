/**
 * What a refusal says: the field, what was given, what it must be, an example; every fault at once; and never the wording of
 * the schema library.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../functions/config.ts';
import { uploadRulesSchema } from '../../functions/core/batch/upload-rules.ts';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { nearest } from '../../functions/core/near-miss.ts';
import { ProblemError } from '../../functions/core/problem.ts';
import { checkInput } from '../../functions/core/request/checked-input.ts';
import { parseRequest } from '../../functions/core/request/request.ts';
import { FIELD_EXAMPLES, parseBody, REQUEST_FIELDS } from '../../functions/core/request/request-body.ts';
import { createApi } from '../../functions/handlers/api/api.ts';
import { handleUpload } from '../../functions/handlers/batch/upload.ts';
import { readSchedules } from '../../infra/scheduler/schedule-file.ts';
import { apiOf } from '../support/api-client.ts';
import { batchNow, startBatch } from '../support/batches.ts';
import { googleClient, googleWorld, VERTEX } from '../support/google.ts';
import { PNG } from '../support/images.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import { temporaryDir } from '../support/temporary-dir.ts';
import { MemoryUploads, MemoryWaits } from '../support/upload-bucket.ts';

/** What zod says without an error map. */
const ZODS_WORDS =
  /Invalid (?:input|option|string|key|element|discriminator|ISO|URL|date|number|value|union)|Too (?:small|big)|Unrecognized key|expected \w+, received|expected (?:one of|record|array|object|string|number|int|boolean)|received (?:undefined|string|number|NaN)|Z(?:od)?Error|"code":|\bto have [<>]=?/;

const NOW = Date.parse('2026-11-21T12:00:00Z');
const RULES = {
  ...{ catalogue: CATALOGUE, today: '2026-11-21', now: NOW },
  ...{ allowRetired: false, aliasRetired: false, restrictedRegion: false },
};
function refusal(body: unknown): readonly string[] {
  try {
    parseRequest(body, RULES);
  } catch (error) {
    if (error instanceof ProblemError)
      return (error.problem.errors ?? []).map(({ field, detail }) => `${field}: ${detail}`);
    throw error;
  }
  return [];
}

const IMAGE = { gcsUri: 'gs://in/a.png', mimeType: 'image/png' };
const REFERENCES = { prompt: 'a', referenceImages: [{ image: IMAGE }] };

describe('a refusal that a new user read (measured on 3aa1975)', () => {
  it.each<[Record<string, unknown>, readonly string[]]>([
    [
      { prompt: 'A {animal}', variables: { animal: null } },
      ['variables.animal: is null; it must be text, a number, true or false, or left out.'],
    ],
    [{ prompt: 'a', fps: '24' }, ['fps: is "24"; it must be 24: write 24 without quotes.']],
    [
      { prompt: 'a', startBy: '2026-11-21T11:59:00Z' },
      ['startBy: is 60 s in the past; give a later time, or leave it out.'],
    ],
    [
      { prompt: 'a', finishBy: '2027-11-21T12:00:00Z' },
      ['finishBy: is 365 days away; it must be at most 29 days away.'],
    ],
    [
      { prompt: 'a', startBy: '2026-11-22T12:00:05Z', finishBy: '2026-11-22T12:00:00Z' },
      ['startBy: is 5 s later than finishBy; it must not be later.'],
    ],
  ])('of %j says %j', (body, words) => {
    expect(refusal(body)).toEqual(words);
  });

  it('suggests no type of the same family that is another format', () => {
    const types = ['image/png', 'image/jpeg', 'image/heif'];
    expect(['image/gif', 'image/jpg', 'Image/PNG'].map((type) => nearest(type, types))).toEqual([
      undefined,
      'image/jpeg',
      'image/png',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['veo-3.1-generate-001:predictLongRunning', [], "A request in Google's form must be a JSON object"],
    [
      'veo-3.1-generate-001:predictLongRunning',
      { instances: [{ prompt: 'a' }], parameters: { aspect_ratio: '16:9' } },
      "parameters.aspect_ratio: is not a field that this service supports; write 'aspectRatio'.",
    ],
    [
      'veo-3.1-generate-001:fetchPredictOperation',
      { operationName: 5 },
      'operationName: is 5, which is not an operation name; send the name that :predictLongRunning returned.',
    ],
    [
      'veo-3.1-generate-001:fetchPredictOperation',
      {},
      'operationName: is missing; send the name that :predictLongRunning returned.',
    ],
  ])('by Google’s %s of %j begins with %s', async (call, body, words) => {
    const { status, body: answer } = await googleClient(googleWorld()).post(`${VERTEX}/${call}`, body);
    const { message } = z.object({ message: z.string() }).parse(answer['error']);
    expect([status, message.slice(0, words.length)]).toEqual([400, words]);
  });

  it('names a body that is empty or compressed', async () => {
    const send = async (body: Uint8Array<ArrayBuffer>) => {
      const headers = { 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body };
      return (await createApi(makeWorld().services).request('/v1/estimates', request)).text();
    };
    expect(await send(new Uint8Array())).toContain('The body is empty; send a JSON object.');
    expect(await send(new Uint8Array(gzipSync('{}')))).toContain('send the header Content-Encoding: gzip.');
  });

  it('says that a manifest is given beside rows, and where a page token comes from', async () => {
    const { post, get } = apiOf(makeWorld());
    const both = await post('/v1/batches', {
      rows: [{ prompt: 'a' }],
      manifest: { gcsUri: 'gs://in/a.csv' },
    });
    expect(both.body['detail']).toBe('manifest: is given beside rows; send exactly one of the two.');
    expect((await get('/v1/jobs?pageToken=abc')).body['detail']).toContain(
      'pageToken: is not a page token of this service; send the nextPageToken of the page before.',
    );
  });
});

describe('a fault of a job request (artokun/comfyui-mcp#1889: "Invalid input" and nothing else)', () => {
  it.each<[Record<string, unknown>, readonly string[]]>([
    [
      { prompt: 'a', durationSeconds: '8' },
      ['durationSeconds: is "8"; it must be a whole number: write 8 without quotes.'],
    ],
    [
      { prompt: 'a', durationSeconds: 7.5 },
      ['durationSeconds: is 7.5; it must be a whole number, such as 8.'],
    ],
    [
      { prompt: 'a', generateAudio: 'false' },
      ['generateAudio: is "false"; it must be true or false: write false without quotes.'],
    ],
    [{ prompt: 'a', seed: null }, ['seed: is null; it must be a whole number, such as 42, or left out.']],
    [{ prompt: ['a'] }, ['prompt: is ["a"]; it must be text, such as "a cat on a sofa".']],
    [{ prompt: 'a', seed: -1 }, ['seed: is -1; it must be at least 0.']],
    [
      { prompt: 'a', lane: 'Batch' },
      ['lane: is "Batch"; it must be one of interactive, batch; did you mean batch.'],
    ],
    [{ prompt: 'a', fps: 30 }, ['fps: is 30; it must be 24.']],
    [
      { prompt: 'a', referenceImages: [] },
      [
        'referenceImages: is []; it must not be empty, such as [{"image":{"gcsUri":"gs://bucket/cat.png","mimeType":"image/png"}}].',
      ],
    ],
    [
      { prompt: 'a', startBy: 'tomorrow' },
      ['startBy: is "tomorrow"; it must be a time like 2026-11-21T18:00:00Z.'],
    ],
    [{ prompt: 'a', firstFrame: {} }, ['firstFrame.prompt: is required: text, such as "a cat on a sofa".']],
    [
      { prompt: 'a', model: 'x'.repeat(500) },
      [`model: "${'x'.repeat(60)}…" (500 characters) is not a known model; known: `],
    ],
    [
      { prompt: 'a', labels: ['team'] },
      ['labels: is ["team"]; it must be a JSON object, such as {"team":"video"}.'],
    ],
    [
      { prompt: 'a', aspectRatio: '16x9' },
      ['aspectRatio: is "16x9"; allowed: 16:9, 9:16; did you mean 16:9.'],
    ],
    [
      { prompt: 'a', resolution: '1080P' },
      ['resolution: is "1080P"; allowed: 720p, 1080p, 4k; did you mean 1080p.'],
    ],
    [
      { prompt: 'a', model: 'veo-3.1-generate' },
      ['model: "veo-3.1-generate" is not a known model; did you mean veo-3.1-generate-001; known: '],
    ],
    [
      { prompt: 'a', image: { uri: 'gs://in/a.png', mimeType: 'image/png' } },
      [
        'image: is {"uri":"gs://in/a.png","mimeType":"image/png"}; it must be {gcsUri} or {bytesBase64Encoded}, with an optional mimeType such as image/png',
      ],
    ],
  ])('%j is told as %j', (body, expected) => {
    const told = refusal(body);
    for (const [n, line] of expected.entries()) expect(told[n]?.slice(0, line.length)).toBe(line);
    expect(told.length).toBeGreaterThanOrEqual(expected.length);
  });

  it('is told with all others of the request: unknown fields, types, values, limits, templates, times', () => {
    const body = {
      ...{ prompt: 'A {animal}', aspect_ratio: '16:9', durationSeconds: 5, seed: 'x', resolution: '8k' },
      ...{ sampleCount: 9, startBy: '2026-11-20T00:00:00Z', firstFrame: { prompt: ' ' } },
    };
    expect(
      refusal(body)
        .map((line) => line.split(': ', 1)[0])
        .sort(),
    ).toEqual([
      ...['aspect_ratio', 'durationSeconds', 'firstFrame.prompt', 'prompt'],
      ...['resolution', 'sampleCount', 'seed', 'startBy'],
    ]);
  });

  it('is not told as a second fault that only follows from it', () => {
    expect(refusal({ image: 'cat.png' }).map((line) => line.split(': ', 1)[0])).toEqual(['image']);
    expect(refusal({ Prompt: 'a' })).toEqual([
      'Prompt: is not a field of a job request; did you mean prompt?',
    ]);
    expect(refusal({ ...REFERENCES, referenceImages: 3, durationSeconds: 8 })).toHaveLength(1);
    expect(refusal({ prompt: 3, variables: { a: 'x' } })).toHaveLength(1);
  });

  it('names the field that causes a limit (ArcReel/ArcReel#1333: references allow 8 s only)', () => {
    expect(refusal({ ...REFERENCES, durationSeconds: 4 })).toEqual([
      'durationSeconds: is 4; with referenceImages it must be 8 (without it: 4, 6, 8).',
    ]);
    expect(refusal({ prompt: 'a', video: { gcsUri: 'gs://in/a.mp4' }, durationSeconds: 8 })).toEqual([
      'durationSeconds: is 8; with video it must be 7 (without it: 4, 6, 8).',
    ]);
    // A value that no field would allow.
    expect(refusal({ ...REFERENCES, durationSeconds: 5 })).toEqual(['durationSeconds: is 5; allowed: 8.']);
  });

  it.each([
    ['aspect_ratio', 'aspectRatio'],
    ['aspectratio', 'aspectRatio'],
    ['aspectRation', 'aspectRatio'],
    ['duration', 'durationSeconds'],
    ['duration_seconds', 'durationSeconds'],
    ['durationSecond', 'durationSeconds'],
    ['number_of_videos', 'sampleCount'],
    ['negative_prompt', 'negativePrompt'],
    ['promt', 'prompt'],
    ['first_frame', 'firstFrame'],
    ['referenceImage', 'referenceImages'],
    ['colour', undefined],
    ['x', undefined],
    ['', undefined],
  ])('an unknown field %s suggests %s (BerriAI/litellm#16776)', (given, meant) => {
    expect(nearest(given, [...REQUEST_FIELDS])).toBe(meant);
  });

  it('every example of a field is valid', () => {
    expect(Object.keys(FIELD_EXAMPLES).sort()).toEqual([...REQUEST_FIELDS].sort());
    expect(parseBody(FIELD_EXAMPLES).errors).toEqual([]);
  });
});

describe('no answer has the schema library’s words (measured on b5f8afa)', () => {
  const WRONG: readonly unknown[] = [
    null,
    [],
    {},
    '',
    'x',
    0,
    -1,
    1.5,
    true,
    [[]],
    [null],
    { x: 1 },
    { prompt: 5 },
  ];

  it('of parseRequest, whatever the shape', () => {
    const field = fc.constantFrom(...REQUEST_FIELDS, 'aspect_ratio', 'x');
    const inner = fc.oneof(fc.constantFrom(...WRONG), fc.jsonValue({ maxDepth: 2 }), fc.constant(IMAGE));
    fc.assert(
      fc.property(fc.dictionary(field, inner, { maxKeys: 5 }), (body) => {
        const told = refusal(body).join('\n');
        // What the caller sent is quoted.
        expect(told.replaceAll(/"[^"]*"/g, '')).not.toMatch(ZODS_WORDS);
        expect(told.length).toBeLessThan(20_000);
      }),
      { numRuns: 300 },
    );
  });

  it('of any route', async () => {
    const base = makeWorld();
    const settings = { ...base.services.settings, operators: ['local'] };
    const world = makeWorld({ settings });
    const api = apiOf(world);
    const made = await api.post('/v1/jobs', { prompt: 'a' });
    const id = String(made.body['id']);
    const google = googleWorld();
    const client = googleClient(google);
    const bodies = [
      ...WRONG,
      ...[
        'rows',
        'manifest',
        'template',
        'defaults',
        'maxSpendUsd',
        'title',
        'lane',
        'reportPrefix',
        'mimeType',
        'caller',
      ]
        .concat([
          'note',
          'decision',
          'attempt',
          'acceptDoubleCharge',
          'createdAfter',
          'pageSize',
          'instances',
          'parameters',
        ])
        .flatMap((name) => WRONG.map((value) => ({ [name]: value }))),
      ...WRONG.map((value) => ({
        instances: [{ prompt: 'a', image: value, video: value, referenceImages: value }],
      })),
      ...WRONG.map((value) => ({
        instances: [{ prompt: value }],
        parameters: { durationSeconds: value, seed: value },
      })),
      ...WRONG.map((value) => ({ instances: [{ prompt: 'a' }], labels: value, webhookConfig: value })),
    ];
    const own = ['/v1/jobs', '/v1/estimates', '/v1/batches', '/v1/uploads', '/v1/redrives', '/v1/keys'];
    const googles = [
      `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
      `${VERTEX}/veo-3.1-generate-001:fetchPredictOperation`,
    ];
    const told: string[] = [];
    for (const body of bodies) {
      for (const route of [...own, `/v1/jobs/${id}/retry`, `/v1/jobs/${id}/resolve`]) {
        const answer = await api.post(route, body);
        expect(answer.status, `${route} ${JSON.stringify(body)}`).toBeLessThan(500);
        told.push(JSON.stringify(answer.body));
      }
      for (const route of [...googles, '/v1beta/models/veo-3.1-generate-001:predictLongRunning']) {
        const answer = await client.post(route, body);
        expect(answer.status, `${route} ${JSON.stringify(body)}`).toBeLessThan(500);
        told.push(JSON.stringify(answer.body).replaceAll('"code":', ''));
      }
    }
    for (const list of ['jobs', 'batches', 'at-stake'])
      for (const query of [
        'pageSize=x',
        'pageSize=0',
        'pageSize=1.5',
        'status=no',
        'pageToken=x',
        'colour=1',
        'caller=',
      ])
        told.push(JSON.stringify((await api.get(`/v1/${list}?${query}`)).body));
    for (const text of new Set(told)) expect(text).not.toMatch(ZODS_WORDS);
    expect(told.filter((text) => text.includes('it must be')).length).toBeGreaterThan(200);
  });

  it('of a row, a sidecar or an uploaded request', async () => {
    const world = makeWorld();
    const rows = WRONG.map((value) =>
      JSON.stringify({ prompt: 'a', seed: value, labels: value, image: value }),
    );
    for (const [name, text] of [
      ['m.jsonl', rows.join('\n')],
      ['m.csv', 'prompt,seed,generateAudio,image.mimeType,image.gcsUri\na,three,maybe,png,cat.png\n'],
    ] as const) {
      const batch = await startBatch(world, text, { dryRun: true }, name);
      await runFor(world, 3_600_000);
      const { firstFaults } = await batchNow(world, batch);
      expect(firstFaults.length).toBeGreaterThan(0);
      for (const { fault } of firstFaults) expect(fault).not.toMatch(ZODS_WORDS);
    }
    const uploads = new MemoryUploads(world);
    const rules = uploadRulesSchema.parse([{ prefix: 'uploads/' }]);
    const startBatchNever = () => Promise.reject(new Error('no batch'));
    for (const value of WRONG) {
      uploads.drop('uploads/a.png.json', JSON.stringify(value));
      const data = uploads.drop('uploads/a.png', PNG, 'image/png', { 'clapper-seed': JSON.stringify(value) });
      const request = uploads.drop('uploads/r.json', JSON.stringify(value), 'application/json');
      for (const each of [data, request])
        await handleUpload(
          { services: world.services, uploads, waits: new MemoryWaits(), rules, startBatch: startBatchNever },
          { type: 'google.cloud.storage.object.v1.finalized', data: each },
        );
      for (const name of ['uploads/a.png.error.json', 'uploads/r.json.error.json'])
        expect(JSON.stringify(uploads.json(name) ?? '')).not.toMatch(ZODS_WORDS);
    }
  });

  it('of the environment or a schedules file, each with the key and an example', () => {
    const file = path.join(temporaryDir(), 'schedules.json');
    const messageOf = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      return '';
    };
    const nightly = { cron: '0 1 * * *', manifest: 'gs://b/{dd}.csv' };
    for (const value of [
      ...WRONG,
      ...WRONG.map((each) => ({ nightly: each })),
      { nightly: { ...nightly, crom: 1 } },
    ]) {
      if (JSON.stringify(value) === '{}') continue;
      writeFileSync(file, JSON.stringify(value));
      const told = messageOf(() => readSchedules(file, true));
      expect(told).toContain(file);
      expect(told).toContain('An example: {"nightly"');
      expect(told).not.toMatch(ZODS_WORDS);
      for (const name of [
        'CLAPPER_SCHEDULES',
        'CLAPPER_UPLOADS',
        'CLAPPER_CATALOGUE_OVERRIDES',
        'CLAPPER_JOB_TTL_DAYS',
      ]) {
        const config = messageOf(() => parseConfig({ [name]: JSON.stringify(value) }));
        expect(config).toContain('GOOGLE_CLOUD_PROJECT: is required');
        expect(config).not.toMatch(ZODS_WORDS);
      }
    }
    writeFileSync(file, JSON.stringify({ nightly: { ...nightly, crom: 1 } }));
    expect(messageOf(() => readSchedules(file, true))).toContain(
      'nightly.crom: is not a field; did you mean cron?',
    );
  });

  it('finds those words where there is no error map', () => {
    const schema = z.strictObject({
      a: z.int(),
      b: z.array(z.string()).min(1),
      c: z.record(z.string(), z.int()),
    });
    for (const value of WRONG) expect(String(schema.safeParse(value).error?.message)).toMatch(ZODS_WORDS);
    for (const value of WRONG) {
      const checked = checkInput(schema, value, { what: 'a thing', example: '{}' });
      expect(JSON.stringify(checked)).not.toMatch(ZODS_WORDS);
    }
  });
});
