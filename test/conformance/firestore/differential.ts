/** Runs the same random writes and queries on two servers and reports disagreements. */
import { isDeepStrictEqual } from 'node:util';
import { Random } from './random.ts';
import { DOCUMENTS, PROJECT, type RandomWrite, randomWrite, type WireValue } from './random-data.ts';
import { randomAggregations, randomQuery } from './random-queries.ts';
import { RawClient, type RawMessage, type RawReply } from './raw-client.ts';

export interface Disagreement {
  readonly what: string;
  readonly request: unknown;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

/** A response without the parts that differ between servers (times, ids, wording). */
export interface Outcome {
  readonly code: number;
  /** For failure messages. Not compared. */
  readonly details: string;
  readonly answer: unknown;
}

/** Called for every disagreement. Returns true when it is known and accepted. */
export type IsKnown = (disagreement: Disagreement) => boolean;

export interface DifferentialCounts {
  commits: number;
  refusedCommits: number;
  queries: number;
  queriesWithResults: number;
  refusedQueries: number;
  aggregations: number;
  known: number;
}

export class Differential {
  readonly counts: DifferentialCounts = {
    commits: 0,
    refusedCommits: 0,
    queries: 0,
    queriesWithResults: 0,
    refusedQueries: 0,
    aggregations: 0,
    known: 0,
  };
  readonly #random: Random;
  readonly #ours: RawClient;
  readonly #theirs: RawClient;
  readonly #isKnown: IsKnown;

  constructor(options: { seed: number; ours: string; theirs: string; isKnown: IsKnown }) {
    this.#random = new Random(options.seed);
    this.#ours = new RawClient(options.ours, PROJECT);
    this.#theirs = new RawClient(options.theirs, PROJECT);
    this.#isKnown = options.isKnown;
  }

  close(): void {
    this.#ours.close();
    this.#theirs.close();
  }

  /** Runs commits, compares the whole state, then runs queries. Returns the first unknown disagreement. */
  async round(): Promise<Disagreement | undefined> {
    for (let i = 0; i < 12; i++) {
      const found = await this.#commit();
      if (found) return found;
    }
    const everything = { parent: DOCUMENTS, structuredQuery: { from: [{ allDescendants: true }] } };
    const state = await this.#both('RunQuery', everything, documentsOf);
    const found = this.#compare('the documents after the writes', everything, state);
    if (found) return found;
    const values = valuesIn(state.ours.answer);
    for (let i = 0; i < 40; i++) {
      const found = this.#random.chance(0.25) ? await this.#aggregate(values) : await this.#query(values);
      if (found) return found;
    }
    return undefined;
  }

  async #commit(): Promise<Disagreement | undefined> {
    const byName = new Map<string, RandomWrite>();
    for (const write of this.#random.times(1 + this.#random.below(3), () => randomWrite(this.#random)))
      byName.set(write.name, write);
    const writes = [...byName.values()];
    const commitOn = async (client: RawClient): Promise<Outcome> =>
      toOutcome(await client.call('Commit', await toCommit(client, writes)), resultsOf);
    const [ours, theirs] = await Promise.all([commitOn(this.#ours), commitOn(this.#theirs)]);
    this.counts.commits++;
    if (theirs.code !== 0) this.counts.refusedCommits++;
    return this.#compare('a commit', writes, { ours, theirs });
  }

  async #query(values: readonly WireValue[]): Promise<Disagreement | undefined> {
    const { parent, query } = randomQuery(this.#random, values);
    const request = { parent, structuredQuery: query };
    const outcomes = await this.#both('RunQuery', request, documentsOf);
    this.counts.queries++;
    if (Array.isArray(outcomes.theirs.answer) && outcomes.theirs.answer.length > 0)
      this.counts.queriesWithResults++;
    if (outcomes.theirs.code !== 0) this.counts.refusedQueries++;
    return this.#compare('a query', request, outcomes);
  }

  async #aggregate(values: readonly WireValue[]): Promise<Disagreement | undefined> {
    const { parent, query } = randomQuery(this.#random, values);
    const aggregations = randomAggregations(this.#random);
    const request = { parent, structuredAggregationQuery: { structuredQuery: query, aggregations } };
    const outcomes = await this.#both('RunAggregationQuery', request, aggregatesOf);
    this.counts.aggregations++;
    return this.#compare('an aggregation', request, outcomes);
  }

  async #both(method: string, request: object, answerOf: (reply: RawReply) => unknown): Promise<Outcomes> {
    const on = async (client: RawClient): Promise<Outcome> =>
      toOutcome(await client.call(method, request), answerOf);
    const [ours, theirs] = await Promise.all([on(this.#ours), on(this.#theirs)]);
    return { ours, theirs };
  }

  #compare(what: string, request: unknown, { ours, theirs }: Outcomes): Disagreement | undefined {
    if (ours.code === theirs.code && isDeepStrictEqual(ours.answer, theirs.answer)) return undefined;
    const disagreement = { what, request, ours, theirs };
    if (!this.#isKnown(disagreement)) return disagreement;
    this.counts.known++;
    return undefined;
  }
}

interface Outcomes {
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

const toOutcome = (reply: RawReply, answerOf: (reply: RawReply) => unknown): Outcome => ({
  code: reply.code,
  details: reply.details,
  answer: reply.code === 0 ? withoutTimes(answerOf(reply)) : undefined,
});

/** Preconditions on update times need the time of the same server. */
async function toCommit(client: RawClient, writes: readonly RandomWrite[]): Promise<object> {
  const messages = writes.map(async ({ name, write, precondition }) => {
    switch (precondition) {
      case 'none':
        return write;
      case 'exists':
        return { ...write, currentDocument: { exists: true } };
      case 'missing':
        return { ...write, currentDocument: { exists: false } };
      case 'stale':
        return { ...write, currentDocument: { updateTime: { seconds: '5', nanos: 0 } } };
      case 'current': {
        const { messages } = await client.call('GetDocument', { name });
        const updateTime = messages[0]?.['updateTime'] ?? { seconds: '7', nanos: 0 };
        return { ...write, currentDocument: { updateTime } };
      }
    }
  });
  return { database: PROJECT, writes: await Promise.all(messages) };
}

/** The result of each write, and whether it created a new version. */
function resultsOf({ messages: [message] }: RawReply): unknown {
  const results = list(message?.['writeResults']);
  return results.map((result) => ({
    transformResults: result['transformResults'] ?? [],
    isNew: result['updateTime'] !== null && isDeepStrictEqual(result['updateTime'], message?.['commitTime']),
  }));
}

const documentsOf = ({ messages }: RawReply): unknown =>
  messages
    .map((message) => message['document'])
    .filter(isMessage)
    .map(({ name, fields }) => ({ name, fields }));

const aggregatesOf = ({ messages }: RawReply): unknown => messages.map((message) => message['result']);

const isMessage = (value: unknown): value is RawMessage => typeof value === 'object' && value !== null;
const list = (value: unknown): readonly RawMessage[] => (Array.isArray(value) ? value.filter(isMessage) : []);

const YEAR_2020_SECONDS = 1_577_836_800;

/** Replaces server timestamps (the only times after 2020) with a constant and sorts maps. */
function withoutTimes(value: unknown): unknown {
  if (Buffer.isBuffer(value) || !isMessage(value)) return value;
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (Number(value['seconds']) > YEAR_2020_SECONDS) return 'a server timestamp';
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutTimes(inner)]));
}

/** All field values at any depth. */
function valuesIn(answer: unknown): readonly WireValue[] {
  const found: WireValue[] = [];
  const visit = (value: unknown): void => {
    if (Buffer.isBuffer(value) || !isMessage(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      if (/Value$/.test(name) && !JSON.stringify(value).includes('a server timestamp')) found.push(value);
      visit(inner);
    }
  };
  visit(answer);
  return found;
}
