/** Claims about listeners. */
import type { DocumentReference, DocumentSnapshot, Query, QuerySnapshot } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { RawMessage } from './raw-client.ts';
import { DATABASE, freshCollection, type UnderTest } from './under-test.ts';

/** Everything a listener was told so far, and the means to wait for more. */
class Heard<T> {
  readonly all: T[] = [];
  #wake: () => void = () => {};

  readonly hear = (item: T): void => {
    this.all.push(item);
    this.#wake();
  };

  /** The first item that passes, now or later. */
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

const follow = (target: Query): { heard: Heard<QuerySnapshot>; stop: () => void } => {
  const heard = new Heard<QuerySnapshot>();
  return { heard, stop: target.onSnapshot(heard.hear, (error) => expect.fail(error.message)) };
};

const ids = ({ docs }: QuerySnapshot): string => docs.map(({ id }) => id).join(' ');
const changes = (snapshot: QuerySnapshot): string[] =>
  snapshot.docChanges().map(({ type, doc }) => `${type} ${doc.id}`);

export function listenerClaims(server: UnderTest): void {
  describe.concurrent('a listener', () => {
    it('on a document hears of its absence, birth, changes and death', async () => {
      const ref: DocumentReference = freshCollection(server).doc('d');
      const heard = new Heard<DocumentSnapshot>();
      const stop = ref.onSnapshot(heard.hear);
      await heard.next((doc) => !doc.exists);
      await ref.set({ n: 1 });
      await heard.next((doc) => doc.get('n') === 1);
      await ref.set({ n: 2 });
      await heard.next((doc) => doc.get('n') === 2);
      heard.all.length = 0;
      await ref.delete();
      await heard.next((doc) => !doc.exists);
      stop();
    });

    it('on a query hears which documents come, change and go', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({ n: 1 });
      const { heard, stop } = follow(docs.where('n', '>', 0).orderBy('n'));
      expect(changes(await heard.next((now) => ids(now) === 'a'))).toEqual(['added a']);
      await docs.doc('b').set({ n: 3 });
      expect(changes(await heard.next((now) => ids(now) === 'a b'))).toEqual(['added b']);
      await docs.doc('a').set({ n: 5 });
      expect(changes(await heard.next((now) => ids(now) === 'b a'))).toEqual(['modified a']);
      await docs.doc('b').set({ n: -1 });
      const gone = await heard.next((now) => ids(now) === 'a' && now.docs[0]?.get('n') === 5);
      expect(changes(gone)).toEqual(['removed b']);
      await docs.doc('a').delete();
      await heard.next((now) => now.empty);
      stop();
    });

    it('on a query with a limit hears what moves into the window', async () => {
      const docs = freshCollection(server);
      for (const n of [1, 2, 3]) await docs.doc(`d${n}`).set({ n });
      const { heard, stop } = follow(docs.orderBy('n').limit(2));
      await heard.next((now) => ids(now) === 'd1 d2');
      await docs.doc('d1').delete();
      await heard.next((now) => ids(now) === 'd2 d3');
      await docs.doc('d0').set({ n: 0 });
      await heard.next((now) => ids(now) === 'd0 d2');
      await docs.doc('d2').set({ n: 9 });
      await heard.next((now) => ids(now) === 'd0 d3');
      stop();
    });

    it('on the last of a query hears them in order', async () => {
      const docs = freshCollection(server);
      for (const n of [1, 2, 3]) await docs.doc(`d${n}`).set({ n });
      const { heard, stop } = follow(docs.orderBy('n').limitToLast(2));
      await heard.next((now) => ids(now) === 'd2 d3');
      await docs.doc('d4').set({ n: 4 });
      await heard.next((now) => ids(now) === 'd3 d4');
      stop();
    });

    it('hears of a batch as one change', async () => {
      const docs = freshCollection(server);
      const { heard, stop } = follow(docs);
      await heard.next((now) => now.empty);
      const batch = server.client().batch();
      for (const id of ['a', 'b', 'c']) batch.set(docs.doc(id), {});
      await batch.commit();
      await heard.next((now) => now.size === 3);
      expect(heard.all.map(({ size }) => size)).toEqual([0, 3]);
      stop();
    });

    it('hears nothing of other collections', async () => {
      const docs = freshCollection(server);
      const { heard, stop } = follow(docs);
      await heard.next((now) => now.empty);
      await docs.doc('a/sub/x').set({});
      await freshCollection(server).doc('x').set({});
      await docs.doc('b').set({});
      await heard.next((now) => ids(now) === 'b');
      expect(heard.all.map(ids)).toEqual(['', 'b']);
      stop();
    });

    const repeats = server.lacks.has('resuming without repetition');
    it.skipIf(repeats)('that resumes hears only what changed meanwhile', async () => {
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
      expect(second.told().sort()).toEqual(['change changed', 'delete gone', 'new changed']);
      second.close();
    });

    it('that resumes from an unknown point hears everything again', async () => {
      const docs = freshCollection(server);
      await docs.doc('a').set({});
      const again = listen(server, {
        targetId: 1,
        documents: { documents: [`${DATABASE}/documents/${docs.path}/a`] },
        resumeToken: Buffer.from('what is this'),
      });
      await again.untilCurrent();
      expect(again.told()).toEqual(['a changed']);
      expect(again.changes()).toContain('RESET');
      again.close();
    });

    it('for something that cannot be listened to is told why', async () => {
      const bad = listen(server, { targetId: 3, documents: { documents: [`${DATABASE}/documents/odd`] } });
      const removal = await bad.heard.next((message) => typeOf(message) === 'REMOVE');
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
  const heard = new Heard<RawMessage>();
  const { send, close } = server.raw().open('Listen', heard.hear);
  send({ database: DATABASE, addTarget });
  return {
    heard,
    close,
    /** The message that says that all there was has been told. */
    untilCurrent: async (): Promise<RawMessage> => {
      const message = await heard.next((item) => typeOf(item) === 'CURRENT');
      return inner(message, 'targetChange') ?? {};
    },
    /** Documents told of, in order. */
    told: (): string[] =>
      heard.all.flatMap((message) => {
        const changed = inner(message, 'documentChange');
        const gone = inner(message, 'documentDelete') ?? inner(message, 'documentRemove');
        if (changed) return [`${lastId(inner(changed, 'document')?.['name'])} changed`];
        return gone ? [`${lastId(gone['document'])} gone`] : [];
      }),
    changes: (): unknown[] => heard.all.map(typeOf).filter((type) => type !== undefined),
  };
}
