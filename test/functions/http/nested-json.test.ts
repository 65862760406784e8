/** JSON that is nested thousands of levels deep is refused with the reason and never crashes, whatever way it arrives. */
import { describe, expect, it } from 'vitest';
import { uploadRulesSchema } from '../../../functions/core/batch/upload-rules.ts';
import { createApi } from '../../../functions/handlers/api/api.ts';
import { handleUpload } from '../../../functions/handlers/batch/upload.ts';
import { batchNow, startBatch } from '../../support/batches.ts';
import { googleClient, googleWorld, VERTEX } from '../../support/google.ts';
import { PNG } from '../../support/images.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';
import { MemoryUploads, MemoryWaits } from '../../support/upload-bucket.ts';

const DEPTH = 5_000;
const LISTS = '['.repeat(DEPTH) + ']'.repeat(DEPTH);
const OBJECTS = `${'{"a":'.repeat(DEPTH)}0${'}'.repeat(DEPTH)}`;
const REASON = 'is nested deeper than 100 levels';

describe('a body that is nested too deeply', () => {
  it.each([
    ['/v1/jobs', `{"prompt":"a","x":${LISTS}}`],
    ['/v1/jobs', OBJECTS],
    ['/v1/estimates', LISTS],
    ['/v1/batches', `{"rows":[${OBJECTS}]}`],
    ['/v1/batches', `{"rows":[{}],"template":${OBJECTS}}`],
    ['/v1/uploads', LISTS],
  ])('is refused by POST %s with 400 and the reason', async (path, body) => {
    const world = makeWorld();
    const headers = { 'content-type': 'application/json' };
    const response = await createApi(world.services).request(path, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: 'urn:clapper:problem:json-too-deep',
      detail: expect.stringContaining(REASON),
    });
    expect(world.tasks.enqueued).toBe(0);
  });

  it.each([
    `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
    `${VERTEX}/veo-3.1-generate-001:fetchPredictOperation`,
    `${VERTEX}/imagen-4.0-generate-001:predict`,
    '/v1beta/models/veo-3.1-generate-preview:predictLongRunning',
    '/v1beta/models/gemini-3.1-flash-image:generateContent',
  ])('is refused on the Google-compatible routes in Google’s format: %s', async (path) => {
    const images = { serves: () => true, send: () => Promise.reject(new Error('nothing is sent')) };
    const world = googleWorld({}, { images });
    const { status, body } = await googleClient(world).send(path, {
      method: 'POST',
      body: `{"instances":${LISTS}}`,
    });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { error: { status: 'INVALID_ARGUMENT', message: expect.stringContaining(REASON) } },
    });
  });
});

describe('a manifest row that is nested too deeply', () => {
  it('is an invalid row, and the other rows become jobs', async () => {
    const world = makeWorld();
    finishesAfter(world, 30_000);
    const rows = ['{"prompt":"a"}', OBJECTS, `{"prompt":"b","labels":${LISTS}}`, '{"prompt":"c"}'];
    const batch = await startBatch(world, rows.join('\n'));
    await runFor(world, 3_600_000);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'done',
      totals: { rows: 4, valid: 2, faults: 2 },
      firstFaults: [
        { row: 2, fault: expect.stringContaining(REASON) },
        { row: 3, fault: expect.stringContaining(REASON) },
      ],
    });
  });
});

describe('an uploaded file that is nested too deeply', () => {
  function arrivals() {
    const rules = uploadRulesSchema.parse([{ prefix: 'uploads/' }]);
    const base = makeWorld();
    const settings = { ...base.services.settings, uploadRules: rules };
    const world = { ...base, services: { ...base.services, settings } };
    const uploads = new MemoryUploads(world);
    const startBatch = () => Promise.reject(new Error('no manifest here'));
    const work = { services: world.services, uploads, waits: new MemoryWaits(), rules, startBatch };
    const arrive = (data: unknown) =>
      handleUpload(work, { type: 'google.cloud.storage.object.v1.finalized', data });
    return { world, uploads, arrive };
  }

  it.each([
    ['a request', [['uploads/a.json', OBJECTS]], 'uploads/a.json'],
    [
      'a sidecar',
      [
        ['uploads/a.png.json', OBJECTS],
        ['uploads/a.png', PNG],
      ],
      'uploads/a.png',
    ],
  ] as const)('gets an error file and starts no job: %s', async (_, files, invalid) => {
    const { world, uploads, arrive } = arrivals();
    for (const [name, content] of files) await arrive(uploads.drop(name, content, 'image/png'));
    expect(uploads.json(`${invalid}.error.json`)).toMatchObject({
      errors: [{ detail: expect.stringContaining(REASON) }],
    });
    expect(await world.jobs.all()).toHaveLength(0);
  });

  it('gets an error file if its metadata is nested too deeply', async () => {
    const { world, uploads, arrive } = arrivals();
    const metadata = { prompt: 'a', 'clapper-labels': LISTS.slice(2_000, -2_000) };
    await arrive(uploads.drop('uploads/a.png', PNG, 'image/png', metadata));
    expect(uploads.json('uploads/a.png.error.json')).toMatchObject({
      errors: [{ field: 'metadata.clapper-labels', detail: expect.stringContaining(REASON) }],
    });
    expect(await world.jobs.all()).toHaveLength(0);
  });
});
