/** Durability: everything acknowledged survives the process exactly. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Firestore, Timestamp } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningFirestore, startFirestore } from '../../../infra/firestore/server.ts';
import { RawClient, type RawMessage } from './raw-client.ts';
import { DATABASE, PROJECT_ID } from './under-test.ts';

const DOCUMENTS = `${DATABASE}/documents`;

let stateDir: string;
let servers: RunningFirestore[];
let clients: Firestore[];
let children: ChildProcess[];

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'firestore-durability-'));
  [servers, clients, children] = [[], [], []];
});
afterEach(async () => {
  for (const client of clients) await client.terminate();
  for (const server of servers) await server.stop();
  for (const child of children) child.kill('SIGKILL');
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(now?: () => number): Promise<RunningFirestore> {
  const server = await startFirestore({ stateDir, ...(now ? { now } : {}) });
  servers.push(server);
  return server;
}

function connect(port: number): Firestore {
  const client = new Firestore({ projectId: PROJECT_ID, host: `127.0.0.1:${port}`, ssl: false });
  clients.push(client);
  return client;
}

async function startChild(): Promise<{ port: number; kill: () => Promise<void> }> {
  const child = fork(new URL('./child.ts', import.meta.url), [stateDir], {
    execArgv: ['--import', 'tsx'],
  });
  children.push(child);
  const [message] = await once(child, 'message');
  return {
    port: z.object({ port: z.number() }).parse(message).port,
    kill: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('after kill -9', () => {
  it('every acknowledged write exists, and each batch exists completely or not at all', async () => {
    const child = await startChild();
    // Not through the client library, which would keep retrying against the dead server.
    const raw = new RawClient(`127.0.0.1:${child.port}`, DATABASE);
    const acknowledged = new Set<number>();
    const writeOn = async (lane: number): Promise<void> => {
      for (let i = lane; ; i += 4) {
        const writes = ['a', 'b'].map((half) => ({
          update: { name: `${DOCUMENTS}/${half}/${i}`, fields: {} },
        }));
        if ((await raw.call('Commit', { database: DATABASE, writes })).code !== status.OK) return;
        acknowledged.add(i);
        if (acknowledged.size === 150) await child.kill();
      }
    };
    await Promise.all([0, 1, 2, 3].map(writeOn));
    raw.close();

    const after = connect((await start()).port);
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (half) => new Set((await after.collection(half).get()).docs.map(({ id }) => id))),
    );
    expect(a).toEqual(b);
    expect([...acknowledged].filter((i) => !a?.has(String(i)))).toEqual([]);
  });
});

describe('a second start on the same state', () => {
  it('preserves every value and its times', async () => {
    const fields = {
      nan: { doubleValue: Number.NaN },
      infinite: { doubleValue: Number.POSITIVE_INFINITY },
      zero: { doubleValue: -0 },
      int: { integerValue: '-9223372036854775808' },
      bytes: { bytesValue: Buffer.from([0, 255, 128]) },
      text: { stringValue: 'é😀\u2028\n"' },
      time: { timestampValue: { seconds: '-1', nanos: 999_999_000 } },
      empty: { mapValue: { fields: { list: { arrayValue: { values: [] } } } } },
      null: { nullValue: 'NULL_VALUE' },
    };
    const name = `${DOCUMENTS}/c/d`;
    const read = async (port: number): Promise<RawMessage | undefined> => {
      const raw = new RawClient(`127.0.0.1:${port}`, DATABASE);
      const { messages } = await raw.call('GetDocument', { name });
      raw.close();
      return messages[0];
    };
    const first = await start();
    const raw = new RawClient(`127.0.0.1:${first.port}`, DATABASE);
    await raw.call('UpdateDocument', { document: { name, fields } });
    raw.close();
    const before = await read(first.port);
    expect(before?.['fields']).toMatchObject(fields);
    expect(await read((await start()).port)).toEqual(before);
  });

  it('keeps deletions, and honours preconditions on earlier update times', async () => {
    const db = connect((await start()).port);
    await db.doc('c/deleted').set({});
    await db.doc('c/deleted').delete();
    const { writeTime } = await db.doc('c/kept').set({ n: 1 });
    const again = connect((await start()).port);
    expect((await again.collection('c').get()).docs.map(({ id }) => id)).toEqual(['kept']);
    await again.doc('c/kept').update({ n: 2 }, { lastUpdateTime: writeTime });
    expect((await again.doc('c/kept').get()).get('n')).toBe(2);
  });

  it('assigns commit times after the last commit, even when the clock was set back', async () => {
    const db = connect((await start()).port);
    const { writeTime } = await db.doc('c/d').set({ n: 1 });
    const again = connect((await start(() => 1_000)).port);
    const { writeTime: later } = await again.doc('c/d').set({ n: 2 });
    expect(later.valueOf() > writeTime.valueOf()).toBe(true);
    expect(later).toBeInstanceOf(Timestamp);
  });

  it('resumes listeners without repeating documents', async () => {
    const first = await start();
    const structuredQuery = { from: [{ collectionId: 'c' }] };
    const follow = async (port: number, resumeToken?: unknown): Promise<readonly RawMessage[]> => {
      const raw = new RawClient(`127.0.0.1:${port}`, DATABASE);
      const heard: RawMessage[] = [];
      await new Promise<void>((resolve) => {
        const { send } = raw.open('Listen', (message) => {
          heard.push(message);
          if (JSON.stringify(message).includes('"CURRENT"')) resolve();
        });
        const target = { targetId: 1, query: { parent: DOCUMENTS, structuredQuery } };
        send({ database: DATABASE, addTarget: { ...target, ...(resumeToken ? { resumeToken } : {}) } });
      });
      raw.close();
      return heard;
    };
    const db = connect(first.port);
    await db.doc('c/known').set({});
    const current = (await follow(first.port)).at(-1);
    const { resumeToken } = z
      .object({ targetChange: z.object({ resumeToken: z.instanceof(Buffer) }) })
      .parse(current).targetChange;
    const second = await start();
    await connect(second.port).doc('c/new').set({});
    const told = (await follow(second.port, resumeToken)).filter((message) => 'documentChange' in message);
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).toContain('/c/new');
  });

  it('has no documents after a reset', async () => {
    const server = await start();
    const db = connect(server.port);
    await db.doc('c/d').set({});
    server.reset();
    expect((await db.doc('c/d').get()).exists).toBe(false);
    await db.doc('c/after').set({});
    const again = connect((await start()).port);
    expect((await again.collection('c').get()).docs.map(({ id }) => id)).toEqual(['after']);
  });

  it('preserves everything when the journal was compacted in between', async () => {
    const db = connect((await start()).port);
    const text = 'x'.repeat(900_000);
    for (let i = 0; i < 40; i++) await db.doc(`c/d${i % 3}`).set({ i, text });
    expect(statSync(path.join(stateDir, 'firestore.journal')).size).toBeLessThan(40_000_000);
    const again = connect((await start()).port);
    const found = await again.collection('c').select('i').get();
    expect(found.docs.map((doc) => doc.get('i'))).toEqual([39, 37, 38]);
  });
});
