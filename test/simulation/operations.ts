/** Operations of the simulated models. The outcome is drawn at the start and becomes visible as virtual time passes. */
import type { OperationRef, OperationResult } from '../../functions/core/job/attempt-record.ts';
import type { VideoStage } from '../../functions/core/job/stages.ts';
import type { PollAnswer } from '../../functions/ports.ts';
import type { Bucket } from './buckets.ts';
import type { Engine } from './engine.ts';
import { videoOf } from './files.ts';
import type { PaidEntry } from './ledger.ts';
import type { Random } from './random.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** The provider deletes an operation that never ends after this time. */
const FORGOTTEN_AFTER_MS = 150 * MINUTE;
/** The Developer API keeps videos for two days. */
const FILES_KEPT_MS = 48 * 60 * MINUTE;

const OUTCOMES = [
  [0.74, 'success'],
  [0.05, 'partlyFiltered'],
  [0.06, 'filtered'],
  [0.08, 'error'],
  /** Done, without videos and without a reason. */
  [0.03, 'silent'],
  /** Done. The videos are in the bucket, but the answer does not name them. */
  [0.03, 'unnamed'],
  [0.01, 'never'],
] as const;
type Outcome = (typeof OUTCOMES)[number][1];

interface OperationError {
  readonly code: number;
  readonly message: string;
}

const ERRORS: readonly [OperationError, ...OperationError[]] = [
  { code: 1, message: 'cancelled' },
  { code: 3, message: 'invalid' },
  { code: 3, message: 'The prompt was blocked. Support codes: 58061214' },
  { code: 4, message: 'deadline exceeded' },
  { code: 5, message: 'not found' },
  { code: 7, message: 'no permission' },
  { code: 8, message: 'resource exhausted' },
  { code: 9, message: 'failed precondition' },
  { code: 13, message: 'internal error, please try again' },
  { code: 14, message: 'unavailable' },
  { code: 16, message: 'unauthenticated' },
  { code: 99, message: 'an unknown error code' },
];

interface Operation {
  readonly entry: PaidEntry;
  readonly ref: OperationRef;
  answer: PollAnswer | undefined;
  ended: boolean;
}

interface KeptFile {
  readonly content: Uint8Array;
  readonly expiresAt: number;
}

export class Operations {
  readonly files = new Map<string, KeptFile>();
  readonly #engine: Engine;
  readonly #outcomes: Random;
  readonly #output: Bucket;
  readonly #operations = new Map<string, Operation>();
  #ended: (entry: PaidEntry, ref: OperationRef) => void = () => undefined;

  constructor(engine: Engine, outcomes: Random, output: Bucket) {
    this.#engine = engine;
    this.#outcomes = outcomes;
    this.#output = output;
  }

  /** Sets the receiver of an event for each operation that has ended. */
  onEnded(ended: (entry: PaidEntry, ref: OperationRef) => void): void {
    this.#ended = ended;
  }

  /** The operation of an attempt. */
  find(attemptId: string): OperationRef | undefined {
    for (const { entry, ref } of this.#operations.values()) if (entry.attemptId === attemptId) return ref;
    return undefined;
  }

  begin(entry: PaidEntry, stage: VideoStage, prefix: string, location: string): OperationRef {
    const { provider, model } = stage;
    const home = provider === 'gemini' ? `models/${model}/` : '';
    const name = `${home}operations/${entry.attemptId}`;
    const ref: OperationRef = { provider, name, model, location };
    const operation: Operation = { entry, ref, answer: undefined, ended: false };
    this.#operations.set(name, operation);
    entry.begun = true;
    const outcome = this.#outcomes.weighted<Outcome>(OUTCOMES);
    const durationMs = this.#durationMs();
    this.#engine.note(`operation ${entry.attemptId.slice(0, 9)} starts, ${outcome} after ${durationMs} ms`);
    if (outcome === 'never') this.#engine.after(FORGOTTEN_AFTER_MS, () => this.#operations.delete(name));
    else this.#engine.after(durationMs, () => this.#end(operation, outcome, stage, prefix));
    return ref;
  }

  poll(name: string): PollAnswer {
    const operation = this.#operations.get(name);
    if (!operation)
      return { kind: 'failed', signal: { kind: 'http', status: 404, message: 'no such operation' } };
    return operation.answer ?? { kind: 'running' };
  }

  /** Counts a cancel request, whether or not it succeeds. */
  triedToCancel(name: string): void {
    const operation = this.#operations.get(name);
    if (operation) operation.entry.cancelTries++;
  }

  /** Half of the running operations can be cancelled. Then no video is made and nothing is charged. */
  cancel(name: string): void {
    const operation = this.#operations.get(name);
    if (!operation) return;
    if (operation.ended || this.#outcomes.chance(0.5)) return;
    operation.ended = true;
    operation.entry.cancelled = true;
    this.#answer(operation, { kind: 'error', code: 1, message: 'cancelled on request' });
  }

  #answer(operation: Operation, answer: PollAnswer): void {
    operation.answer = answer;
    operation.entry.ended = true;
    this.#ended(operation.entry, operation.ref);
  }

  #durationMs(): number {
    const speed = this.#outcomes.unit();
    if (speed < 0.85) return this.#outcomes.int(11 * SECOND, 4 * MINUTE);
    // Two minutes below the model's longest latency, so that the objects of a slow operation still appear in time.
    if (speed < 0.99) return this.#outcomes.int(4 * MINUTE, 10 * MINUTE);
    return this.#outcomes.int(12 * MINUTE, 40 * MINUTE);
  }

  #end(operation: Operation, outcome: Outcome, stage: VideoStage, prefix: string): void {
    if (operation.ended) return;
    operation.ended = true;
    const kept = Math.max(1, stage.sampleCount - 1);
    switch (outcome) {
      case 'error':
        this.#answer(operation, { kind: 'error', ...this.#outcomes.pick(ERRORS) });
        break;
      case 'filtered':
        this.#answer(operation, doneWith([], stage.sampleCount, ['Filtered. Support codes: 29310472']));
        break;
      case 'silent':
        this.#answer(operation, doneWith([], 0, []));
        break;
      case 'partlyFiltered':
        this.#deliver(operation, stage, prefix, kept, stage.sampleCount - kept, true);
        break;
      default:
        this.#deliver(operation, stage, prefix, stage.sampleCount, 0, outcome !== 'unnamed');
    }
  }

  #deliver(
    operation: Operation,
    stage: VideoStage,
    prefix: string,
    count: number,
    filteredCount: number,
    named: boolean,
  ): void {
    const { entry } = operation;
    const bucket = entry.provider === 'vertex';
    const uris: string[] = [];
    const seconds = (stage.video?.durationSeconds ?? 0) + stage.durationSeconds;
    let lastMs = 0;
    for (let n = 0; n < count; n++) {
      const content = videoOf(seconds, this.#outcomes.int(0, 15));
      const name = `${prefix}sample_${n}.mp4`;
      const fileUri = `https://files.test/${entry.attemptId}/${n}`;
      uris.push(bucket ? `gs://out/${name}` : fileUri);
      entry.charged++;
      const expiresAt = this.#engine.now + FILES_KEPT_MS;
      if (!bucket) {
        this.files.set(fileUri, { content, expiresAt });
        continue;
      }
      const afterMs = this.#outcomes.int(0, 6 * SECOND);
      lastMs = Math.max(lastMs, afterMs);
      this.#engine.after(afterMs, () => {
        entry.objects++;
        entry.firstObjectAt ??= this.#engine.now;
        this.#output.put(name, content, 'video/mp4');
      });
    }
    // An answer that names its videos may come before the last object exists. Without names only a listing finds them.
    const early = named && bucket && this.#outcomes.chance(0.1);
    const answerAfterMs = early ? 0 : lastMs + this.#outcomes.int(0, 8 * SECOND);
    this.#engine.after(answerAfterMs, () => {
      // Only Vertex writes into a bucket that can be listed. Elsewhere a video without a name could never be found.
      const answer = doneWith(
        named || !bucket ? uris : [],
        filteredCount,
        filteredCount > 0 ? ['filtered'] : [],
      );
      this.#answer(operation, answer);
    });
  }
}

const doneWith = (uris: readonly string[], filteredCount: number, filteredReasons: string[]): PollAnswer => {
  const result: OperationResult = { sources: uris.map((uri) => ({ uri })), filteredCount, filteredReasons };
  return { kind: 'done', result };
};
