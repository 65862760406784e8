/** Compares the provisioned indexes with those that the code needs, from the queries that the client sends. */
import { readdirSync, readFileSync } from 'node:fs';
import { Firestore, Query } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createFirestoreApiKeys } from '../../functions/adapters/firestore-api-keys.ts';
import { createFirestoreBatchStore } from '../../functions/adapters/firestore-batch-store.ts';
import { createFirestoreJobStore } from '../../functions/adapters/firestore-job-store.ts';
import { createFirestoreUploadWaits } from '../../functions/adapters/firestore-upload-waits.ts';
import { type Batch, batchBaseOf } from '../../functions/core/batch/batch.ts';
import { newBatch } from '../../functions/core/batch/step-batch.ts';
import type { JobStore } from '../../functions/ports.ts';
import { type RunningFirestore, startFirestore } from '../../infra/firestore/server.ts';
import { accept, finishesAfter } from '../support/jobs.ts';
import { makeWorld } from '../support/memory.ts';
import { runFor } from '../support/run.ts';
import { type CompositeIndex, describeShape, isServed, type QueryShape, shapeOf } from './queries.ts';
import {
  copyOfModule,
  ofType,
  type PlannedResource,
  planOf,
  TERRAFORM_TIMEOUT_MS,
  text,
  whyNoPlan,
} from './terraform.ts';

const ADAPTERS = new URL('../../functions/adapters/', import.meta.url);

const NOW = Date.UTC(2026, 10, 21);

/** Functions that run every query of an adapter. An adapter with queries but without an entry fails a test below. */
const EXERCISES: Readonly<Record<string, (db: Firestore) => Promise<unknown>>> = {
  'firestore-api-keys.ts': (db) => createFirestoreApiKeys(db).list(),
  'firestore-batch-store.ts': async (db) => {
    const store = createFirestoreBatchStore(db);
    for (const caller of [undefined, 'me'])
      for (const after of [undefined, { createdAt: 1, batchId: 'bat_1' }])
        await store.list({ caller, pageSize: 5, after });
    await store.overdue(NOW, 5);
    await store.unannounced(NOW, 5);
    await store.dueForRelease(NOW, 5);
  },
  'firestore-upload-waits.ts': (db) => createFirestoreUploadWaits(db).due(NOW, 5),
  'firestore-job-store.ts': (db) => everyQueryOf(createFirestoreJobStore(db)),
};

async function everyQueryOf(store: JobStore): Promise<void> {
  const line = { provider: 'vertex', model: 'veo-3.1-generate-001', lane: 'batch' } as const;
  const after = { createdAt: 1, jobId: 'job_1' };
  for (const caller of [undefined, 'me'])
    for (const status of [undefined, 'queued'] as const)
      for (const model of [undefined, 'veo-3.1-generate-001'])
        for (const from of [undefined, after])
          await store.list({ caller, status, model, pageSize: 5, after: from });
  await store.nextInQueue(line, undefined, 5);
  await store.nextInQueue(line, 'me', 5);
  for (const after of [undefined, { atStakeUsd: 1, jobId: 'job_1' }])
    await store.atStake({ pageSize: 5, after });
  await store.totalAtStakeUsd();
  await store.overdue(NOW, 5);
  await store.unannounced(NOW, 5);
  for (const statuses of [undefined, ['queued', 'failed'] as const])
    await store.listOfBatch({ batchId: 'bat_1', statuses, afterRow: 0, limit: 5 });
  await store.countOfBatch('bat_1', ['queued', 'failed']);
  await store.heldByBatch('bat_1', 5);
  await store.oldestOpen();
}

/** The client's method that serializes a query, which is not part of its types. */
const rendering = z.object({
  toProto: z.custom<(...args: unknown[]) => unknown>((f) => typeof f === 'function'),
});

let server: RunningFirestore;
let db: Firestore;
const sent = new Map<string, QueryShape[]>();

beforeAll(async () => {
  server = await startFirestore();
  db = new Firestore({
    projectId: 'indexes',
    host: `127.0.0.1:${server.port}`,
    ssl: false,
    ignoreUndefinedProperties: true,
  });
  const { toProto } = rendering.parse(Query.prototype);
  for (const [file, exercise] of Object.entries(EXERCISES)) {
    const shapes: QueryShape[] = [];
    Object.assign(Query.prototype, {
      toProto(this: Query, ...args: unknown[]) {
        const request = toProto.apply(this, args);
        shapes.push(shapeOf(z.object({ structuredQuery: z.unknown() }).parse(request).structuredQuery));
        return request;
      },
    });
    await exercise(db);
    Object.assign(Query.prototype, { toProto });
    sent.set(file, shapes);
  }
});
afterAll(async () => {
  await db.terminate();
  await server.stop();
});

const shapes = (): QueryShape[] => [...sent.values()].flat();

describe('every query of the code', () => {
  it('is in an adapter with an entry in EXERCISES', () => {
    const querying = readdirSync(ADAPTERS).filter((name) =>
      /\.(?:where|orderBy|collectionGroup|findNearest)\(/.test(readFileSync(new URL(name, ADAPTERS), 'utf8')),
    );
    expect(querying.sort()).toEqual(Object.keys(EXERCISES).sort());
  });

  it.each(Object.keys(EXERCISES))(
    'is run by the entry of %s: all fields in its source were queried',
    (file) => {
      const source = readFileSync(new URL(file, ADAPTERS), 'utf8');
      const named = [...source.matchAll(/\.(?:where|orderBy)\('(\w+)'/g)].map(([, field]) => field);
      const seen = new Set(
        (sent.get(file) ?? []).flatMap(({ equal, sorted }) => [...equal, ...sorted.map(({ path }) => path)]),
      );
      expect(named.filter((field) => field !== undefined && !seen.has(field))).toEqual([]);
      expect(seen.size).toBeGreaterThan(0);
    },
  );
});

describe('the derivation of required indexes', () => {
  const index = (...fields: string[]): CompositeIndex => ({
    collection: 'jobs',
    fields: fields.map((field) => ({ path: field.replace('-', ''), descending: field.startsWith('-') })),
  });
  const shape = (equal: string[], ...sorted: string[]): QueryShape => ({
    collection: 'jobs',
    equal,
    sorted: index(...sorted).fields,
  });

  it('requires no composite index for a single field or for equalities only', () => {
    expect(isServed(shape([], 'wakeAt'), [])).toBe(true);
    expect(isServed(shape(['a', 'b']), [])).toBe(true);
  });

  it('requires a composite index for an equality with a sort order', () => {
    expect(isServed(shape(['a'], '-at'), [])).toBe(false);
    expect(isServed(shape(['a'], '-at'), [index('a', 'at')])).toBe(false);
    expect(isServed(shape(['a'], '-at'), [index('a', '-at')])).toBe(true);
  });

  it('merges indexes that end in the same sort order, and no others', () => {
    expect(isServed(shape(['a', 'b'], '-at'), [index('a', '-at'), index('b', '-at')])).toBe(true);
    expect(isServed(shape(['a', 'b'], '-at'), [index('a', '-at'), index('b', 'at')])).toBe(false);
    expect(isServed(shape(['a'], '-at'), [index('a', 'b', '-at')])).toBe(false);
  });

  it('adds the document name to an index, in the direction of its last field', () => {
    const byName = (direction: string) =>
      shapeOf({
        from: [{ collectionId: 'jobs' }],
        orderBy: [
          { field: { fieldPath: 'at' }, direction: 'DESCENDING' },
          { field: { fieldPath: '__name__' }, direction },
        ],
      });
    expect(isServed(byName('DESCENDING'), [])).toBe(true);
    expect(isServed(byName('ASCENDING'), [])).toBe(false);
  });
});

describe.skipIf(whyNoPlan)(`the database${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  let plan: readonly PlannedResource[] = [];
  beforeAll(async () => {
    plan = await planOf(copyOfModule(), 'smallest');
  }, TERRAFORM_TIMEOUT_MS);

  const indexes = (): CompositeIndex[] =>
    ofType(plan, 'google_firestore_index').map(({ values }) => ({
      collection: text(values['collection']),
      fields: z
        .array(z.object({ field_path: z.string(), order: z.enum(['ASCENDING', 'DESCENDING']) }))
        .parse(values['fields'])
        .map(({ field_path, order }) => ({ path: field_path, descending: order === 'DESCENDING' })),
    }));
  const overrides = (): { collection: string; field: string }[] =>
    ofType(plan, 'google_firestore_field').map(({ values }) => ({
      collection: text(values['collection']),
      field: text(values['field']),
    }));

  it('has an index for every query', () => {
    expect(
      shapes()
        .filter((shape) => !isServed(shape, indexes()))
        .map(describeShape),
    ).toEqual([]);
  });

  it('has no unused index', () => {
    const all = indexes();
    const unused = all.filter((index) => {
      const rest = all.filter((each) => each !== index);
      return shapes().every((shape) => isServed(shape, rest));
    });
    expect(unused).toEqual([]);
    expect(all.length).toBeGreaterThan(0);
  });

  it('indexes every field that is queried', () => {
    const unindexed = new Set(overrides().map(({ collection, field }) => `${collection}.${field}`));
    const queried = shapes().flatMap(({ collection, equal, sorted }) =>
      [...equal, ...sorted.map(({ path }) => path)].map((path) => `${collection}.${path}`),
    );
    expect(queried.filter((field) => unindexed.has(field))).toEqual([]);
  });

  it('configures only fields that stored jobs and batches have', async () => {
    const world = makeWorld();
    finishesAfter(world, 60_000);
    await accept(world);
    const store = createFirestoreJobStore(db, { keepFinishedMs: 1 });
    const fields = new Set<string>();
    const collectFields = async (prefix: string): Promise<void> => {
      for (const job of await world.jobs.all()) {
        const batch = { batchId: 'bat_1', row: 1, ...(prefix === 'finished' ? { letGoAt: 1 } : {}) };
        await store.create({ ...job, jobId: `${prefix}_${job.jobId}`, batch });
        const document = await db.collection('jobs').doc(`${prefix}_${job.jobId}`).get();
        for (const field of Object.keys(document.data() ?? {})) fields.add(`jobs.${field}`);
      }
    };
    await collectFields('queued');
    await runFor(world, 3_600_000);
    await collectFields('finished');
    const { batch } = newBatch(
      {
        ...{ batchId: 'bat_1', caller: 'me', title: undefined, trace: undefined, fingerprint: 'f' },
        source: { gcsUri: 'gs://in/x.csv', generation: '1', isInline: false },
        settings: { strict: false, dryRun: false, lane: 'batch', reportPrefix: 'batches/' },
      },
      { now: NOW },
    );
    const over: Batch = {
      ...batchBaseOf(batch),
      ...{ batchId: 'bat_2', lettingGo: 'done', status: 'done', finishedAt: NOW },
      report: { csv: 'a', jsonl: 'b', rows: 0 },
    };
    for (const each of [batch, over]) {
      await createFirestoreBatchStore(db, { keepFinishedMs: 1 }).create(each);
      const document = await db.collection('batches').doc(each.batchId).get();
      for (const field of Object.keys(document.data() ?? {})) fields.add(`batches.${field}`);
    }
    const configured = [
      ...overrides().map(({ collection, field }) => `${collection}.${field}`),
      ...indexes().flatMap(({ collection, fields: of }) => of.map(({ path }) => `${collection}.${path}`)),
    ];
    expect(configured.filter((field) => !fields.has(field))).toEqual([]);
  });

  it('deletes finished jobs and batches by the TTL field that the stores write', () => {
    const ttl = ofType(plan, 'google_firestore_field').filter(
      ({ values }) => z.array(z.unknown()).parse(values['ttl_config'] ?? []).length > 0,
    );
    expect(ttl.map(({ values }) => `${values['collection']}.${values['field']}`).sort()).toEqual([
      ...['batches.expireAt', 'jobs.expireAt'],
    ]);
  });
});
