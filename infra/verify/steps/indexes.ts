/** Firestore's indexes, and how long their builds took. */
import { z } from 'zod';
import { allPages } from '../google.ts';
import { asAssumed, compare, differs, type FreeStep } from '../step.ts';

const indexesSchema = z.object({
  indexes: z.array(z.object({ name: z.string(), state: z.string() })).optional(),
  nextPageToken: z.string().optional(),
});
const operationsSchema = z.object({
  operations: z
    .array(
      z.object({
        metadata: z
          .object({
            index: z.string().optional(),
            startTime: z.string().optional(),
            endTime: z.string().optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});

/** Grants take effect within this time, by Google's page on access changes; usually. */
const GRANT_SECONDS = 120;

export const indexes: FreeStep = {
  id: 'indexes',
  title: 'Every index is ready, and index builds take longer than grants need to take effect (2 minutes)',
  async check({ google, deployment: { project, environment } }) {
    const database = `/v1/projects/${project}/databases/${environment['CLAPPER_FIRESTORE_DATABASE'] ?? '(default)'}`;
    const host = 'firestore.googleapis.com';
    const path = `${database}/collectionGroups/-/indexes`;
    const all = await allPages(google, host, path, indexesSchema, (page) => page.indexes);
    const pending = all.filter(({ state }) => state !== 'READY');
    if (all.length === 0 || pending.length > 0)
      return differs(
        `${all.length} indexes; not ready: ${pending.map(({ name, state }) => `${name} ${state}`).join(', ') || 'none'}`,
      );
    const operations = await allPages(
      google,
      host,
      `${database}/operations`,
      operationsSchema,
      (page) => page.operations,
    );
    const seconds = operations.flatMap(({ metadata }) =>
      metadata?.index !== undefined && metadata.startTime !== undefined && metadata.endTime !== undefined
        ? [(Date.parse(metadata.endTime) - Date.parse(metadata.startTime)) / 1000]
        : [],
    );
    if (seconds.length === 0)
      return compare(`${all.length} indexes are ready. Firestore no longer lists when they were built.`);
    const longest = Math.max(...seconds);
    const seen = `${all.length} indexes are ready; their builds took ${Math.min(...seconds).toFixed(0)} to ${longest.toFixed(0)} s`;
    // The functions wait for all of them.
    return longest >= GRANT_SECONDS ? asAssumed(seen) : differs(seen);
  },
};
