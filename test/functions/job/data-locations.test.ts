/** Data residency: no request, and no job of earlier, reaches a model outside the allowed locations. */
import { describe, expect, it } from 'vitest';
import { withVertexLocation } from '../../../functions/core/catalogue/catalogue-overrides.ts';
import { withDataLocations } from '../../../functions/core/catalogue/data-locations.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import type { ImageCall } from '../../../functions/ports.ts';
import { googleClient, googleWorld, VERTEX } from '../../support/google.ts';
import { accept, stored } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const HOUR = 3_600_000;
const IN_REGION = withDataLocations(CATALOGUE, ['us-central1']);
const VEO = 'veo-3.1-generate-001';
const REASON = 'Google serves it in global, and the data of this deployment stays in us-central1';

const served = (catalogue: typeof CATALOGUE): string[] =>
  catalogue.models
    .filter(({ outside, retirement }) => outside === undefined && !retirement)
    .map(({ provider, model }) => `${provider}/${model}`);

describe('with allowed locations', () => {
  it('the catalogue serves only Vertex models in them: the others have no regional endpoint', () => {
    expect(served(IN_REGION)).toEqual([
      'vertex/veo-3.1-generate-001',
      'vertex/veo-3.1-fast-generate-001',
      'vertex/veo-3.1-lite-generate-001',
    ]);
    expect(served(withDataLocations(CATALOGUE, ['europe-west4']))).toEqual([]);
    const european = withVertexLocation(CATALOGUE, 'europe-west4');
    expect(served(withDataLocations(european, ['europe-west4', 'eur3']))).toEqual(served(IN_REGION));
    expect(served(withDataLocations(CATALOGUE, ['global', 'us-central1']))).toEqual(served(CATALOGUE));
    expect(withDataLocations(CATALOGUE, [])).toBe(CATALOGUE);
  });

  it('a model keeps only the allowed ones, in their order', () => {
    const many = {
      ...CATALOGUE,
      models: CATALOGUE.models.map((spec) => ({
        ...spec,
        locations: ['us-east1', 'global', 'us-central1'],
      })),
    };
    const [first] = withDataLocations(many, ['us-central1', 'us-east1']).models;
    expect(first?.locations).toEqual(['us-east1', 'us-central1']);
    // Omni is called at the global endpoint, whatever an override names.
    const omni = withDataLocations(many, ['us-central1']).models.find(({ provider }) => provider === 'omni');
    expect(omni?.outside).toBe(REASON);
  });

  it.each([
    [{ model: 'gemini-omni-1.2-flash' }, 'model'],
    [{ model: 'gemini-omni-1.1-flash-preview' }, 'model'],
    [{ model: VEO, firstFrame: { prompt: 'a cat', model: 'gemini-3-pro-image' } }, 'firstFrame.model'],
    // The default of firstFrame.model.
    [{ model: VEO, firstFrame: { prompt: 'a cat' } }, 'firstFrame.model'],
  ])('a job %j is refused with the reason, and nothing is written', async (body, field) => {
    for (const allowRetiredModels of [true, false]) {
      const base = makeWorld().services.settings;
      const world = makeWorld({ catalogue: IN_REGION, settings: { ...base, allowRetiredModels } });
      await expect(accept(world, body)).rejects.toMatchObject({
        problem: { status: 400, errors: [{ field, detail: expect.stringContaining(REASON) }] },
      });
      expect(world.jobs.writes).toBe(0);
    }
  });

  it.each([
    // Simulated models run although they are retired.
    ['veo-3.1-generate-preview', { allowRetiredModels: true }],
    // Its successor is Omni 1.1.
    ['gemini-omni-flash-preview', { allowRetiredModels: false, aliasRetiredModels: true }],
  ])('the retired %s is refused too with %j', async (model, change) => {
    const settings = { ...makeWorld().services.settings, ...change };
    const world = makeWorld({ catalogue: IN_REGION, settings });
    await expect(accept(world, { model })).rejects.toMatchObject({ problem: { status: 400 } });
    await expect(accept(makeWorld({ settings }), { model })).resolves.toBeDefined();
  });

  it('Google’s surfaces refuse such a model, list none, and send no image call', async () => {
    const sent: ImageCall[] = [];
    const images = {
      serves: () => true,
      async send(call: ImageCall) {
        sent.push(call);
        const body = new Blob(['{}']).stream();
        return { kind: 'body', body, contentType: 'application/json' } as const;
      },
    };
    for (const allowRetiredModels of [true, false]) {
      const world = googleWorld({ allowRetiredModels }, { catalogue: IN_REGION, images });
      const client = googleClient(world);
      const content = { contents: [{ role: 'user', parts: [{ text: 'a cat' }] }] };
      for (const call of [
        `/v1beta/models/gemini-3.1-flash-image:generateContent`,
        `${VERTEX}/gemini-3-pro-image:generateContent`,
        // Retired; its successor is refused.
        `${VERTEX}/gemini-2.0-flash-preview-image-generation:generateContent`,
      ])
        expect((await client.post(call, content)).status, call).toBe(404);
      const video = { instances: [{ prompt: 'a cat' }] };
      const omni = await client.post('/v1beta/models/gemini-omni-1.2-flash:predictLongRunning', video);
      expect(omni).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining(REASON) } },
      });
      const listed = JSON.stringify((await client.get('/v1beta/models?pageSize=1000')).body);
      for (const model of ['gemini-3-pro-image', 'omni']) expect(listed).not.toContain(`models/${model}`);
      expect(listed).toContain(VEO);
      expect(sent).toEqual([]);
      expect(world.jobs.writes).toBe(0);
    }
  });

  it('GET /v1/models gives the reason', async () => {
    const client = googleClient(googleWorld({}, { catalogue: IN_REGION }));
    const { body } = await client.get('/v1/models');
    expect(body['models']).toContainEqual(
      expect.objectContaining({ model: 'gemini-omni-1.2-flash', refusedBecause: REASON }),
    );
    expect(body['models']).toContainEqual(expect.not.objectContaining({ refusedBecause: expect.anything() }));
  });

  it('a job that was accepted before they were set is not called, and fails unpaid with the reason', async () => {
    const world = makeWorld();
    const job = await accept(world, { model: 'veo-3.1-generate-preview' });
    const later = { ...world, services: { ...world.services, catalogue: IN_REGION } };
    await runFor(later, HOUR);
    expect(world.gemini.calls).toEqual([]);
    expect(world.log.map(({ message }) => message).join('\n')).toContain(REASON);
    await runFor(later, 30 * HOUR);
    expect(world.gemini.calls).toEqual([]);
    expect(await stored(world, job)).toMatchObject({ status: 'failed' });
  });
});
