/** The locations of a model: from the catalogue or an override, tried in order when one is over its quota. */
import { describe, expect, it } from 'vitest';
import {
  catalogueOverridesSchema,
  overrideCatalogue,
  withVertexLocation,
} from '../../../functions/core/catalogue/catalogue-overrides.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { accept, stored } from '../../support/jobs.ts';
import { makeWorld } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const MINUTE = 60_000;
const MODEL = 'veo-3.1-generate-001';
const catalogueWith = (locations: string[]) =>
  overrideCatalogue(CATALOGUE, { [`vertex/${MODEL}`]: { locations } });
const locationsIn = (catalogue: typeof CATALOGUE, name: string) =>
  catalogue.models.find(({ provider, model }) => provider === 'vertex' && model === name)?.locations;

describe('the locations of a model', () => {
  it('are the deployment’s, unless Google serves it under the global endpoint or an override names others', () => {
    const catalogue = withVertexLocation(CATALOGUE, 'europe-west4');
    expect(locationsIn(catalogue, MODEL)).toEqual(['europe-west4']);
    expect(locationsIn(catalogue, 'gemini-3-pro-image')).toEqual(['global']);
    const overrides = { [`vertex/${MODEL}`]: { locations: ['us-central1', 'global'] } };
    expect(locationsIn(overrideCatalogue(catalogue, overrides), MODEL)).toEqual(['us-central1', 'global']);
  });

  it('must be locations: anything else would become part of a host name', () => {
    const parse = (locations: unknown) =>
      catalogueOverridesSchema.safeParse({ 'vertex/x': { locations } }).success;
    for (const valid of [['global'], ['us-central1', 'europe-west4']]) expect(parse(valid)).toBe(true);
    for (const wrong of [[], [''], ['evil.example/'], ['us-central1.evil'], 'global'])
      expect(parse(wrong)).toBe(false);
  });

  it('are tried in order when one is over its quota, and the attempt stays where it was accepted', async () => {
    const world = makeWorld({ catalogue: catalogueWith(['us-central1', 'global']) });
    const { onSubmit } = world.vertex;
    const called: string[] = [];
    world.vertex.onSubmit = (call) => {
      called.push(call.location);
      if (call.location === 'global') return onSubmit(call);
      const signal = { kind: 'http', status: 429, message: 'quota', retryAfterMs: 60 * MINUTE } as const;
      return { kind: 'failed', signal };
    };
    const job = await accept(world, { model: MODEL });
    await runFor(world, MINUTE);
    expect(called).toEqual(['us-central1', 'global']);
    expect(await stored(world, job)).toMatchObject({ status: 'running', attempt: { location: 'global' } });
  });

  it('close the model only when the last one has refused too', async () => {
    const world = makeWorld({ catalogue: catalogueWith(['us-central1', 'global']) });
    let calls = 0;
    world.vertex.onSubmit = () => {
      calls++;
      const signal = { kind: 'http', status: 429, message: 'quota', retryAfterMs: 60 * MINUTE } as const;
      return { kind: 'failed', signal };
    };
    await accept(world, { model: MODEL });
    await runFor(world, 30 * MINUTE);
    expect(calls).toBe(2);
  });
});
