/**
 * The store of operations, which is also the ledger of paid calls: a call is paid once its operation exists, whether or
 * not the client received the reply. The journal stores every change before the server reports it.
 */
import path from 'node:path';
import { Journal } from '../../shared/journal.ts';
import type { Resolution, Surface } from '../catalogue.ts';
import type { Interaction } from './interaction.ts';
import type { InputImage } from './media-input.ts';

/** Determines a video's bytes, together with the input of an extension, which is stored in a file. */
export interface RenderPlan {
  readonly width: number;
  readonly height: number;
  /** The duration of the new frames, without the input of an extension. */
  readonly seconds: number;
  /** The seed of sample 0; sample n uses seed + n. */
  readonly seed: number;
  readonly prompt: string;
  readonly caption: string;
  readonly images: readonly InputImage[];
  readonly extendsInput: boolean;
}

/** The result of an operation, decided when it is accepted. */
export type Outcome =
  | {
      readonly kind: 'videos';
      /** How many samples the safety filter removes, from sample 0 on. */
      readonly heldBack: number;
      readonly reason: string | null;
      /** Return `generatedSamples` in place of `videos`. */
      readonly isLegacyShape: boolean;
    }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** The operation is done, with neither videos nor a reason. */
  | { readonly kind: 'empty' }
  /** Every poll returns 404. With `lands`, the videos still appear in the bucket. */
  | { readonly kind: 'lost'; readonly lands: boolean };

export interface Operation {
  /** Unique on this server. */
  readonly id: string;
  /** The resource name that the client receives. */
  readonly name: string;
  readonly surface: Surface;
  /** On the Developer API, a stand-in for the key's project. */
  readonly project: string;
  readonly location: string | null;
  readonly model: string;
  readonly prompt: string;
  readonly sampleCount: number;
  readonly durationSeconds: number;
  readonly resolution: Resolution | '360p';
  readonly storageUri: string | null;
  /** The folder under `storageUri`; the server chooses it. */
  readonly folder: string;
  readonly acceptedAtMs: number;
  /** When the videos appear. */
  readonly landsAtMs: number;
  /** The earliest time at which the operation is done; it also waits for the videos to land. */
  readonly readyAtMs: number;
  readonly plan: RenderPlan;
  readonly outcome: Outcome;
  /** Present for the Interactions API, absent for Veo. */
  readonly interaction?: Interaction;
}

/** Events of an interaction other than its landing. `notified`: its webhooks were called. */
export type Mark = 'cancelled' | 'deleted' | 'notified';

/** The surface for the ledger and the fault rules: Omni is one surface on both hosts. */
export const callSurface = ({ surface, interaction }: Operation): Surface | 'omni' =>
  interaction === undefined ? surface : 'omni';

export interface LandedVideo {
  readonly sample: number;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly gcsUri: string | null;
  /** Present on the Developer API. */
  readonly fileId: string | null;
}

export interface Landing {
  readonly atMs: number;
  readonly videos: readonly LandedVideo[];
  /** Set when the bucket rejected the videos. */
  readonly error: { readonly code: number; readonly message: string } | null;
}

type OperationRecord =
  | { readonly type: 'accepted'; readonly operation: Operation }
  | { readonly type: 'landed'; readonly id: string; readonly landing: Landing }
  | { readonly type: 'marked'; readonly id: string; readonly mark: Mark; readonly atMs: number };

/** The samples for which videos are produced. */
export function deliveredSamples(operation: Operation): readonly number[] {
  const { outcome, sampleCount } = operation;
  const all = Array.from({ length: sampleCount }, (_, sample) => sample);
  switch (outcome.kind) {
    case 'videos':
      return all.slice(outcome.heldBack);
    case 'lost':
      return outcome.lands ? all : [];
    case 'error':
    case 'empty':
      return [];
  }
}

export class OperationStore {
  readonly #operations = new Map<string, Operation>();
  readonly #byName = new Map<string, Operation>();
  readonly #landings = new Map<string, Landing>();
  readonly #marks = new Map<string, Map<Mark, number>>();
  readonly #watchers = new Set<() => void>();
  readonly #files = new Map<string, { readonly operation: Operation; readonly video: LandedVideo }>();
  readonly #journal: Journal<OperationRecord>;

  constructor(directory: string) {
    this.#journal = Journal.open<OperationRecord>({
      file: path.join(directory, 'operations.journal'),
      replay: (record) => this.#apply(record),
      snapshot: () => this.#snapshot(),
    });
  }

  accept(operation: Operation): void {
    this.#commit({ type: 'accepted', operation });
  }

  land(operation: Operation, landing: Landing): void {
    this.#commit({ type: 'landed', id: operation.id, landing });
  }

  mark(operation: Operation, mark: Mark, atMs: number): void {
    this.#commit({ type: 'marked', id: operation.id, mark, atMs });
  }

  /** When the mark was set, in epoch milliseconds; undefined if it is not set. */
  markedAtMs(operation: Operation, mark: Mark): number | undefined {
    return this.#marks.get(operation.id)?.get(mark);
  }

  isCancelled(operation: Operation): boolean {
    return this.markedAtMs(operation, 'cancelled') !== undefined;
  }

  /** Calls `watcher` after every change, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  find(name: string): Operation | undefined {
    return this.#byName.get(name);
  }

  landingOf(operation: Operation): Landing | undefined {
    return this.#landings.get(operation.id);
  }

  findFile(fileId: string): { readonly operation: Operation; readonly video: LandedVideo } | undefined {
    return this.#files.get(fileId);
  }

  /** Oldest first. */
  all(): readonly Operation[] {
    return [...this.#operations.values()];
  }

  /** Accepted operations whose videos have not landed. */
  unlanded(): readonly Operation[] {
    return this.all().filter(
      (operation) =>
        deliveredSamples(operation).length > 0 &&
        !this.#landings.has(operation.id) &&
        !this.isCancelled(operation),
    );
  }

  isDone(operation: Operation, nowMs: number): boolean {
    if (this.isCancelled(operation)) return true;
    if (nowMs < operation.readyAtMs) return false;
    return deliveredSamples(operation).length === 0 || this.#landings.has(operation.id);
  }

  close(): void {
    this.#journal.close();
  }

  #commit(record: OperationRecord): void {
    this.#journal.append(record);
    this.#apply(record);
    for (const watcher of this.#watchers) watcher();
  }

  #apply(record: OperationRecord): void {
    if (record.type === 'accepted') {
      this.#operations.set(record.operation.id, record.operation);
      this.#byName.set(record.operation.name, record.operation);
      return;
    }
    if (record.type === 'marked') {
      const marks = this.#marks.get(record.id) ?? new Map<Mark, number>();
      this.#marks.set(record.id, marks.set(record.mark, record.atMs));
      return;
    }
    this.#landings.set(record.id, record.landing);
    const operation = this.#operations.get(record.id);
    if (operation === undefined) return;
    for (const video of record.landing.videos) {
      if (video.fileId !== null) this.#files.set(video.fileId, { operation, video });
    }
  }

  *#snapshot(): Iterable<OperationRecord> {
    for (const operation of this.#operations.values()) {
      yield { type: 'accepted', operation };
      const landing = this.#landings.get(operation.id);
      if (landing !== undefined) yield { type: 'landed', id: operation.id, landing };
      for (const [mark, atMs] of this.#marks.get(operation.id) ?? []) {
        yield { type: 'marked', id: operation.id, mark, atMs };
      }
    }
  }
}
