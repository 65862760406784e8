/** The simulated models' own record of each paid call, independent of Clapper's records. */
import type { ProviderName } from '../../functions/core/catalogue/vocabulary.ts';
import type { Stage } from '../../functions/core/job/stages.ts';

export interface PaidEntry {
  readonly jobId: string;
  readonly attemptId: string;
  readonly provider: ProviderName;
  readonly kind: Stage['kind'];
  readonly pricePerPieceUsd: number;
  /** The number of requests that reached the model. */
  calls: number;
  /** The model has started work that may cost money. */
  begun: boolean;
  /** A request waits at the model, and its answer is already lost. */
  pending: boolean;
  /** The work has ended. */
  ended: boolean;
  /** The number of cancel requests. */
  cancelTries: number;
  /** A cancel request succeeded. */
  cancelled: boolean;
  /** The number of videos or images charged for. */
  charged: number;
  /** The number of objects that the model itself wrote under the attempt's prefix. */
  objects: number;
  firstObjectAt: number | undefined;
}

export class Ledger {
  readonly entries = new Map<string, PaidEntry>();

  /** Counts a request. Each attempt should have one. */
  called(
    entry: Pick<PaidEntry, 'jobId' | 'attemptId' | 'provider' | 'kind' | 'pricePerPieceUsd'>,
  ): PaidEntry {
    const fresh = {
      ...entry,
      ...{ calls: 0, begun: false, pending: false, ended: false, cancelTries: 0, cancelled: false },
      ...{ charged: 0, objects: 0, firstObjectAt: undefined },
    };
    const known = this.entries.get(entry.attemptId) ?? fresh;
    known.calls++;
    this.entries.set(entry.attemptId, known);
    return known;
  }
}
