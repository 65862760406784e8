/**
 * The ledger of image calls. An accepted call is paid, and its entry is in the journal before work begins. The images are
 * not stored: a call that a restart interrupts has lost them.
 */
import path from 'node:path';
import { Journal } from '../../shared/journal.ts';
import type { Surface } from '../catalogue.ts';
import type { PaidCall } from '../operation/paid-calls.ts';

export interface ImageCall {
  /** Unique on this server. Gemini returns it as `responseId`. */
  readonly id: string;
  readonly surface: Surface;
  /** On the Developer API, a stand-in for the key's project. */
  readonly project: string;
  readonly model: string;
  readonly prompt: string;
  readonly sampleCount: number;
  /** 512, 1K, 2K or 4K, as in requests. */
  readonly size: string;
  readonly storageUri: string | null;
  readonly acceptedAtMs: number;
}

type EndState = Exclude<PaidCall['state'], 'running' | 'lost'>;

type LedgerRecord =
  | { readonly type: 'accepted'; readonly call: ImageCall }
  | { readonly type: 'ended'; readonly id: string; readonly state: EndState };

export class ImageLedger {
  readonly #calls = new Map<string, ImageCall>();
  readonly #ends = new Map<string, EndState>();
  /** Ids of calls that this process accepted. Unfinished calls of an earlier process are lost. */
  readonly #ownIds = new Set<string>();
  readonly #journal: Journal<LedgerRecord>;

  constructor(directory: string) {
    this.#journal = Journal.open<LedgerRecord>({
      file: path.join(directory, 'images.journal'),
      replay: (record) => this.#apply(record),
      snapshot: () => this.#snapshot(),
    });
  }

  accept(call: ImageCall): void {
    this.#ownIds.add(call.id);
    this.#commit({ type: 'accepted', call });
  }

  end(call: ImageCall, state: EndState): void {
    this.#commit({ type: 'ended', id: call.id, state });
  }

  /** Oldest first. */
  paidCalls(): readonly PaidCall[] {
    return [...this.#calls.values()].map((call) => this.toPaidCall(call));
  }

  toPaidCall(call: ImageCall): PaidCall {
    const { surface, model, project, prompt, storageUri, id, sampleCount, size } = call;
    return {
      kind: 'image',
      time: new Date(call.acceptedAtMs).toISOString(),
      surface,
      model,
      project,
      prompt,
      storageUri,
      operationName: id,
      sampleCount,
      durationSeconds: 0,
      resolution: size,
      state: this.#ends.get(id) ?? (this.#ownIds.has(id) ? 'running' : 'lost'),
      videoSha256: [],
    };
  }

  close(): void {
    this.#journal.close();
  }

  #commit(record: LedgerRecord): void {
    this.#journal.append(record);
    this.#apply(record);
  }

  #apply(record: LedgerRecord): void {
    if (record.type === 'accepted') this.#calls.set(record.call.id, record.call);
    else this.#ends.set(record.id, record.state);
  }

  *#snapshot(): Iterable<LedgerRecord> {
    for (const call of this.#calls.values()) {
      yield { type: 'accepted', call };
      const state = this.#ends.get(call.id);
      if (state !== undefined) yield { type: 'ended', id: call.id, state };
    }
  }
}
