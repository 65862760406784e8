/** The log fields that the alerts use: each is logged exactly when there is something to measure. */
import { describe, expect, it } from 'vitest';
import { advanceAndPerform } from '../../../functions/handlers/job/advance.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import { accept, finishesAfter, stored } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const HOUR = 3_600_000;

const logged = (world: World, field: string): unknown[] =>
  world.log.flatMap(({ fields }) => (fields[field] === undefined ? [] : [fields[field]]));

describe('the log', () => {
  it('reports once what an attempt was charged and how long landing took', async () => {
    const world = makeWorld();
    finishesAfter(world, 120_000);
    const { list } = world.output;
    world.output.list = async (prefix) => {
      world.clock.advance(250);
      return list.call(world.output, prefix);
    };
    const job = await accept(world);
    await runFor(world, HOUR);
    const { attempts } = await stored(world, job);
    expect(logged(world, 'spentUsd')).toEqual([attempts[0]?.reservedUsd]);
    expect(logged(world, 'doneToLandedMs')).toEqual([250]);
  });

  it('reports neither for a call that was refused without a charge', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 400, message: 'no' },
    });
    await accept(world);
    await runFor(world, HOUR);
    expect(logged(world, 'to')).toContain('failed');
    expect([...logged(world, 'spentUsd'), ...logged(world, 'doneToLandedMs')]).toEqual([]);
  });

  it('counts an unknown charge as spent', async () => {
    const world = makeWorld();
    world.vertex.onSubmit = () => ({
      kind: 'failed',
      signal: { kind: 'http', status: 503, message: 'unavailable' },
    });
    const job = await accept(world);
    await runFor(world, 24 * HOUR);
    const { attempts } = await stored(world, job);
    expect(logged(world, 'to')).toContain('uncertain');
    expect(logged(world, 'uncertain')).toEqual([true]);
    expect(logged(world, 'spentUsd')).toEqual([attempts[0]?.reservedUsd]);
  });

  it('reports an uncertain call even if its job was cancelled meanwhile', async () => {
    const world = makeWorld();
    let jobId = '';
    world.vertex.onSubmit = async () => {
      await advanceAndPerform(world.services, jobId, { type: 'cancel' });
      return { kind: 'failed', signal: { kind: 'http', status: 503, message: 'unavailable' } };
    };
    ({ jobId } = await accept(world));
    await runFor(world, HOUR);
    expect(logged(world, 'to')).not.toContain('uncertain');
    expect(logged(world, 'uncertain')).toEqual([true]);
  });

  it('reports the age of the oldest unfinished job in every sweep, and nothing if there is none', async () => {
    const world = makeWorld();
    await handleSweep(world.services);
    expect(logged(world, 'oldestOpenMs')).toEqual([]);
    const oldest = await accept(world);
    world.clock.advance(1000);
    await accept(world);
    await handleSweep(world.services);
    world.clock.advance(HOUR);
    await handleSweep(world.services);
    expect(logged(world, 'oldestOpenMs')).toEqual([1000, HOUR + 1000]);
    expect(world.log.at(-1)?.fields['job']).toBe(oldest.jobId);
  });
});
