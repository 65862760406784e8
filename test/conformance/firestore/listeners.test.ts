/** Under random writes, the changes that a listener has received always add up to the result of its query. */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';
import { Random, seedOfRun } from './random.ts';
import { DOCUMENTS, PROJECT, randomWrite } from './random-data.ts';
import { randomQuery } from './random-queries.ts';
import { RawClient, type RawMessage } from './raw-client.ts';

const SENTINEL = `${DOCUMENTS}/sentinel/s`;
const SENTINEL_TARGET = 1000;
const TARGETS = 25;
const COMMITS = Number(process.env['ROUNDS'] ?? 1) * 40;

const timestamp = z.object({ seconds: z.string(), nanos: z.number() });
const document = z.object({ name: z.string(), fields: z.record(z.string(), z.unknown()) });
const listenResponseSchema = z.object({
  targetChange: z
    .object({
      targetChangeType: z.string(),
      targetIds: z.array(z.number()),
      readTime: timestamp.nullable(),
      resumeToken: z.instanceof(Buffer),
    })
    .optional(),
  documentChange: z.object({ document, targetIds: z.array(z.number()) }).optional(),
  documentDelete: z.object({ document: z.string(), removedTargetIds: z.array(z.number()) }).optional(),
  documentRemove: z.object({ document: z.string(), removedTargetIds: z.array(z.number()) }).optional(),
});

/** The state of a client per target, which it keeps across streams. */
class Follower {
  readonly documents = new Map<number, Map<string, unknown>>();
  resumeToken: Buffer | undefined;
  #snapshot: (readTime: z.infer<typeof timestamp>) => void = () => {};
  #sentinel: unknown;

  readonly receive = (message: RawMessage): void => {
    const received = listenResponseSchema.parse(message);
    for (const id of received.documentChange?.targetIds ?? []) {
      const { name, fields } = received.documentChange?.document ?? { name: '', fields: {} };
      this.of(id).set(name, fields);
      if (id === SENTINEL_TARGET) this.#sentinel = JSON.stringify(fields);
    }
    for (const removal of [received.documentDelete, received.documentRemove])
      for (const id of removal?.removedTargetIds ?? []) this.of(id).delete(removal?.document ?? '');
    const change = received.targetChange;
    if (change?.targetChangeType === 'RESET') for (const id of change.targetIds) this.of(id).clear();
    if (change?.targetChangeType !== 'NO_CHANGE' || change.readTime === null) return;
    this.resumeToken = change.resumeToken;
    this.#snapshot(change.readTime);
  };

  of(id: number): Map<string, unknown> {
    const documents = this.documents.get(id) ?? new Map();
    this.documents.set(id, documents);
    return documents;
  }

  /** Resolves to the time of the snapshot in which the sentinel has this number. */
  reached(number: number): Promise<z.infer<typeof timestamp>> {
    return new Promise((resolve) => {
      this.#snapshot = (readTime) => {
        if (String(this.#sentinel).includes(`"${number}"`)) resolve(readTime);
      };
    });
  }
}

describe('a listener', () => {
  let server: RunningFirestore;
  let raw: RawClient;
  beforeAll(async () => {
    server = await startFirestore();
    raw = new RawClient(`127.0.0.1:${server.port}`, PROJECT);
  });
  afterAll(async () => {
    raw.close();
    await server.stop();
  });

  it(
    'matches its query after random writes and resumptions',
    async () => {
      const seed = seedOfRun();
      const random = new Random(seed);
      const queries: { parent: string; structuredQuery: object }[] = [];
      while (queries.length < TARGETS) {
        const { parent, query } = randomQuery(random, []);
        const request = { parent, structuredQuery: query };
        if ((await raw.call('RunQuery', request)).code === status.OK) queries.push(request);
      }
      const follower = new Follower();
      const open = (): { close: () => void } => {
        const stream = raw.open('Listen', follower.receive);
        const { resumeToken } = follower;
        const resume = resumeToken ? { resumeToken } : {};
        const add = (target: object): void =>
          stream.send({ database: PROJECT, addTarget: { ...target, ...resume } });
        for (const [i, query] of queries.entries()) add({ targetId: i + 1, query });
        add({ targetId: SENTINEL_TARGET, documents: { documents: [SENTINEL] } });
        return stream;
      };
      const write = async (number: number): Promise<void> => {
        const writes = [randomWrite(random), randomWrite(random)].map((one) => one.write);
        // Separate from the random writes: if one is refused, the sentinel is still written.
        await raw.call('Commit', { database: PROJECT, writes });
        const fields = { n: { integerValue: number } };
        await raw.call('Commit', { database: PROJECT, writes: [{ update: { name: SENTINEL, fields } }] });
      };
      let stream = open();
      for (let commit = 1; commit <= COMMITS; commit++) {
        const reached = follower.reached(commit);
        if (random.chance(0.1)) {
          stream.close();
          await write(commit);
          stream = open();
        } else await write(commit);
        const readTime = await reached;
        for (const [i, query] of queries.entries()) {
          const { messages } = await raw.call('RunQuery', { ...query, readTime });
          const found = messages.flatMap((message) =>
            message['document'] ? [document.parse(message['document'])] : [],
          );
          expect(
            Object.fromEntries(follower.of(i + 1)),
            `SEED=${seed} commit ${commit} ${JSON.stringify(query)}`,
          ).toEqual(Object.fromEntries(found.map(({ name, fields }) => [name, fields])));
        }
      }
      stream.close();
    },
    COMMITS * 10_000,
  );
});
