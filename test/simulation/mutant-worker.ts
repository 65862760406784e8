/** Runs some mutants, each until it is caught, and reports each to the parent process. */
import { z } from 'zod';
import { runCampaign } from './campaign.ts';
import type { Caught } from './mutants.ts';
import { loadSubject } from './subject.ts';
import { WORLD_NAMES, WORLDS } from './worlds.ts';

const orderSchema = z.object({
  world: z.enum(WORLD_NAMES),
  seed: z.number(),
  runsMax: z.number(),
  mutants: z.array(z.object({ name: z.string(), root: z.string() })),
});

// Without a parent nobody reads the results.
process.on('disconnect', () => process.exit());

const [, , text = '{}'] = process.argv;
const { world, seed, runsMax, mutants } = orderSchema.parse(JSON.parse(text));
for (const { name, root } of mutants) {
  const subject = await loadSubject(root);
  const { runs, failed } = await runCampaign(WORLDS[world], subject, { first: seed, step: 1, runs: runsMax });
  const caught: Caught = { name, runs, check: failed?.violation?.check, seed: failed?.seed };
  process.send?.(caught);
}
process.disconnect();
