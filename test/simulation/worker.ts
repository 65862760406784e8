/** One process of a campaign. `argv` holds its order; it reports its progress to the parent over IPC. */
import { z } from 'zod';
import { runCampaign } from './campaign.ts';
import { loadSubject } from './subject.ts';
import { WORLD_NAMES, WORLDS } from './worlds.ts';

const orderSchema = z.object({
  world: z.enum(WORLD_NAMES),
  root: z.string(),
  first: z.number(),
  step: z.number(),
  runs: z.number(),
});

const [, , text = '{}'] = process.argv;
const { world, root, ...seeds } = orderSchema.parse(JSON.parse(text));
// Without a parent nobody reads the results.
process.on('disconnect', () => process.exit());
let stopped = false;
process.on('message', () => {
  stopped = true;
});
await runCampaign(WORLDS[world], await loadSubject(root), seeds, ({ runs, statistics, failed }) => {
  if (process.connected) process.send?.({ runs, statistics, ...(failed ? { failedSeed: failed.seed } : {}) });
  return !stopped;
});
if (process.connected) process.disconnect();
