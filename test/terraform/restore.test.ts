/** The commands of docs/operate.md that let Terraform take a restored database. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGE_MODELS } from '../../functions/core/catalogue/image-models.ts';
import { VIDEO_LATENCY } from '../../functions/core/catalogue/models.ts';
import { nextPollDelayMs } from '../../functions/core/job/poll-schedule.ts';
import { CALL_SECONDS, POLLS, withCapacity } from '../../infra/terraform/capacity.ts';
import { indexImports } from '../../infra/terraform/index-imports.ts';
import {
  copyOfModule,
  MODULE,
  PROJECT,
  TERRAFORM_TIMEOUT_MS,
  terraformOrThrow,
  whyNoPlan,
} from './terraform.ts';

const DATABASE = 'clapper-20261130';
const guide = readFileSync(path.join(MODULE, '../docs/operate.md'), 'utf8');

/** The addresses with this change, of resources that belong to a database. */
const ofDatabase = (plan: string, change: string): string[] =>
  [...plan.matchAll(new RegExp(`^ {2}# (google_firestore_\\S+) ${change}`, 'gm'))].map(
    ([, address = '']) => address,
  );

// The stub provider shows a new name as a change in place, where the real one would replace the database.
describe.skipIf(whyNoPlan)(
  `the plan for a restored database${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`,
  () => {
    it(
      'leaves the old database alone, once the documented command has removed it from the state',
      async () => {
        const module = copyOfModule();
        const plan = () =>
          terraformOrThrow(
            module,
            'plan',
            '-input=false',
            `-var=project_id=${PROJECT}`,
            `-var=firestore_database=${DATABASE}`,
            '-var=restored={copied_at="2026-11-30T10:00:00Z",resumed_at="2026-11-30T11:00:00Z"}',
          );
        await terraformOrThrow(module, 'init', '-input=false');
        await terraformOrThrow(
          module,
          'apply',
          '-auto-approve',
          '-input=false',
          `-var=project_id=${PROJECT}`,
        );
        // The old database, its indexes, fields and backups.
        const old = ofDatabase(await plan(), 'will be updated in-place');
        expect(old).toContain('google_firestore_database.this');

        const removed = /terraform (state rm [^`]*?)\n {3}VARS=/.exec(guide)?.[1]?.replaceAll('\\\n', ' ');
        await terraformOrThrow(module, ...(removed ?? '').split(/\s+/));
        const after = await plan();
        expect(ofDatabase(after, '(?:will be (?:updated|destroyed)|must be replaced)')).toEqual([]);
        expect(ofDatabase(after, 'will be created')).toEqual(expect.arrayContaining(old));
        expect(after.match(/^ {2}# .*(?:will be destroyed|must be replaced)$/gm)).toBeNull();
      },
      TERRAFORM_TIMEOUT_MS,
    );
  },
);

describe('the import of the indexes of a restored database', () => {
  const listed = (collection: string, id: string, ...fields: readonly (readonly [string, string])[]) => ({
    name: `projects/p/databases/d/collectionGroups/${collection}/indexes/${id}`,
    queryScope: 'COLLECTION',
    fields: [...fields, ['__name__', 'DESCENDING'] as const].map(([fieldPath, order]) => ({
      fieldPath,
      order,
    })),
  });

  it('finds each index of the module by its collection and fields, in their order', () => {
    const { imports, missing } = indexImports(
      [
        listed('jobs', 'A', ['caller', 'ASCENDING'], ['createdAt', 'DESCENDING']),
        listed('batches', 'B', ['caller', 'ASCENDING'], ['createdAt', 'DESCENDING']),
        listed('jobs', 'C', ['line', 'ASCENDING'], ['caller', 'ASCENDING'], ['createdAt', 'ASCENDING']),
        listed('jobs', 'other', ['createdAt', 'DESCENDING'], ['caller', 'ASCENDING']),
      ],
      MODULE,
    );
    const id = (collection: string, name: string) =>
      `projects/p/databases/d/collectionGroups/${collection}/indexes/${name}`;
    expect(imports).toEqual([
      { address: 'google_firestore_index.this["jobs_by_caller"]', id: id('jobs', 'A') },
      { address: 'google_firestore_index.this["batches_by_caller"]', id: id('batches', 'B') },
      { address: 'google_firestore_index.this["jobs_in_line"]', id: id('jobs', 'C') },
    ]);
    expect(missing).toHaveLength(4);
  });
});

describe('the table of jobs an hour', () => {
  it('is up to date: npm run terraform:readme', () => {
    expect(withCapacity(guide, MODULE)).toBe(guide);
  });

  it('uses the latencies of the catalogue and the polls of the schedule', () => {
    const [image] = IMAGE_MODELS;
    expect(image?.latency).toMatchObject({
      typicalMs: CALL_SECONDS.image * 1000,
      longestMs: CALL_SECONDS.imageLongest * 1000,
    });
    expect(VIDEO_LATENCY.typicalMs).toBe(CALL_SECONDS.video * 1000);
    let polls = 0;
    for (let at = 0; at < VIDEO_LATENCY.typicalMs; polls++) at += nextPollDelayMs(at, VIDEO_LATENCY);
    expect(polls).toBe(POLLS);
  });
});
