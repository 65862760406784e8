/** Claims about listeners. */
import type { DocumentReference, DocumentSnapshot, Query, QuerySnapshot } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { RawMessage } from './raw-client.ts';
import { DATABASE, freshCollection, type UnderTest } from './under-test.ts';

/** Collects everything that a listener has received, and waits for more. */
class Received<T> {
  readonly all: T[] = [];
  #wake: () => void = () => {};

  readonly receive = (item: T): void => {
    this.all.push(item);
    this.#wake();
  };

  /** Resolves to the first matching item, now or later. */
  async next(passes: (item: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(passes);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const follow = (target: Query): { received: Received<QuerySnapshot>; stop: () => void } => {
  const received = new Received<QuerySnapshot>();
  return { received, stop: target.onSnapshot(received.receive, (error) => expect.fail(error.message)) };
};

const ids = ({ docs }: QuerySnapshot): string => docs.map(({ id }) => id).join(' ');
const changes = (snapshot: QuerySnapshot): string[] =>
  snapshot.docChanges().map(({ type, doc }) => `${type} ${doc.id}`);

export function listenerClaims(server: UnderTest): void {
  describe.concurrent('a listener', () => {
    it('on a document receives its absence, creation, changes and deletion', async () => {
      const ref: DocumentReference = freshCollection(server).doc('d');
      const received = new Received<DocumentSnapshot>();
      const stop = ref.onSnapshot(received.receive);
      await received.next((doc) => !doc.exists);
      await ref.set({ n: 1 });
      await received.next((doc) => doc.get('n') === 1);
      await ref.set({ n: 2 });
      await received.next((doc) => doc.get('n') === 2);
      received.all.length = 0;
      await ref.delete();
      await received.next((doc) => !doc.exists);
      stop();
    });

    it('on a query receives added, modified and removed documents', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({ n: 1 });
      const { received, stop } = follow(docs.where('n', '>', 0).orderBy('n'));
      expect(changes(await received.next((now) => ids(now) === 'a'))).toEqual(['added a']);
      await docs.doc('b').set({ n: 3 });
      expect(changes(await received.next((now) => ids(now) === 'a b'))).toEqual(['added b']);
      await docs.doc('a').set({ n: 5 });
      expect(changes(await received.next((now) => ids(now) === 'b a'))).toEqual(['modified a']);
      await docs.doc('b').set({ n: -1 });
      const removal = await received.next((now) => ids(now) === 'a' && now.docs[0]?.get('n') === 5);
      expect(changes(removal)).toEqual(['removed b']);
      await docs.doc('a').delete();
      await received.next((now) => now.empty);
      stop();
    });

    it('on a query with a limit receives documents that move into the window', async () => {
      const docs = freshCollection(server);
      for (const n of [1, 2, 3]) await docs.doc(`d${n}`).set({ n });
      const { received, stop } = follow(docs.orderBy('n').limit(2));
      await received.next((now) => ids(now) === 'd1 d2');
      await docs.doc('d1').delete();
      await received.next((now) => ids(now) === 'd2 d3');
      await docs.doc('d0').set({ n: 0 });
      await received.next((now) => ids(now) === 'd0 d2');
      await docs.doc('d2').set({ n: 9 });
      await received.next((now) => ids(now) === 'd0 d3');
      stop();
    });

    it('on a limitToLast query receives the documents in order', async () => {
      const docs = freshCollection(server);
      for (const n of [1, 2, 3]) await docs.doc(`d${n}`).set({ n });
      const { received, stop } = follow(docs.orderBy('n').limitToLast(2));
      await received.next((now) => ids(now) === 'd2 d3');
      await docs.doc('d4').set({ n: 4 });
      await received.next((now) => ids(now) === 'd3 d4');
      stop();
    });

    it('receives a batch as one change', async () => {
      const docs = freshCollection(server);
      const { received, stop } = follow(docs);
      await received.next((now) => now.empty);
      const batch = server.client().batch();
      for (const id of ['a', 'b', 'c']) batch.set(docs.doc(id), {});
      await batch.commit();
      await received.next((now) => now.size === 3);
      expect(received.all.map(({ size }) => size)).toEqual([0, 3]);
      stop();
    });

    it('receives nothing from other collections', async () => {
      const docs = freshCollection(server);
      const { received, stop } = follow(docs);
      await received.next((now) => now.empty);
      await docs.doc('a/sub/x').set({});
      await freshCollection(server).doc('x').set({});
      await docs.doc('b').set({});
      await received.next((now) => ids(now) === 'b');
      expect(received.all.map(ids)).toEqual(['', 'b']);
      stop();
    });

    const repeats = server.lacks.has('resuming without repetition');
    it.skipIf(repeats)('that resumes receives only the changes in between', async () => {
      const docs = freshCollection(server);
      for (const id of ['keep', 'change', 'delete']) await docs.doc(id).set({ n: 1 });
      const target = {
        targetId: 5,
        query: { parent: `${DATABASE}/documents`, structuredQuery: { from: [{ collectionId: docs.id }] } },
      };
      const first = listen(server, { ...target });
      const { resumeToken } = await first.untilCurrent();
      first.close();
      await docs.doc('change').set({ n: 2 });
      await docs.doc('delete').delete();
      await docs.doc('new').set({ n: 3 });
      const second = listen(server, { ...target, resumeToken });
      await second.untilCurrent();
      expect(second.documentChanges().sort()).toEqual(['change changed', 'delete removal', 'new changed']);
      second.close();
    });

    it('that resumes from an unknown token receives everything again', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({});
      const again = listen(server, {
        targetId: 1,
        documents: { documents: [`${DATABASE}/documents/${docs.path}/a`] },
        resumeToken: Buffer.from('what is this'),
      });
      await again.untilCurrent();
      expect(again.documentChanges()).toEqual(['a changed']);
      expect(again.changes()).toContain('RESET');
      again.close();
    });

    it('on an invalid target receives the reason', async () => {
      const bad = listen(server, { targetId: 3, documents: { documents: [`${DATABASE}/documents/odd`] } });
      const removal = await bad.received.next((message) => typeOf(message) === 'REMOVE');
      expect(removal['targetChange']).toMatchObject({ cause: { code: status.INVALID_ARGUMENT } });
      bad.close();
    });
  });
}

const inner = (message: RawMessage, name: string): RawMessage | undefined => {
  const value = message[name];
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
};

const typeOf = (message: RawMessage): unknown => inner(message, 'targetChange')?.['targetChangeType'];

const lastId = (name: unknown): string => String(name).split('/').at(-1) ?? '';

/** A raw listen stream with one target. */
function listen(server: UnderTest, addTarget: object) {
  const received = new Received<RawMessage>();
  const { send, close } = server.raw().open('Listen', received.receive);
  send({ database: DATABASE, addTarget });
  return {
    received,
    close,
    /** Resolves to the CURRENT message, which follows all existing documents. */
    untilCurrent: async (): Promise<RawMessage> => {
      const message = await received.next((item) => typeOf(item) === 'CURRENT');
      return inner(message, 'targetChange') ?? {};
    },
    /** The received document changes, in order. */
    documentChanges: (): string[] =>
      received.all.flatMap((message) => {
        const changed = inner(message, 'documentChange');
        const removal = inner(message, 'documentDelete') ?? inner(message, 'documentRemove');
        if (changed) return [`${lastId(inner(changed, 'document')?.['name'])} changed`];
        return removal ? [`${lastId(removal['document'])} removal`] : [];
      }),
    changes: (): unknown[] => received.all.map(typeOf).filter((type) => type !== undefined),
  };
}
