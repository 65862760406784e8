/** What the simulated models know of each paid call, whatever Clapper believes of it. */
import type { ProviderName } from '../../functions/core/catalogue/catalogue.ts';
import type { Stage } from '../../functions/core/job/stages.ts';

export interface PaidEntry {
  readonly jobId: string;
  readonly attemptId: string;
  readonly provider: ProviderName;
  readonly kind: Stage['kind'];
  readonly pricePerPieceUsd: number;
  /** Requests that reached the model. */
  calls: number;
  /** Something was begun that may cost money. */
  begun: boolean;
  /** A request that has reached the model waits there, and nobody will hear of it. */
  pending: boolean;
  /** Whatever was begun has come to its end. */
  ended: boolean;
  /** How often somebody tried to stop it. */
  cancelTries: number;
  /** It was stopped. */
  cancelled: boolean;
  /** Videos or pictures charged for. */
  charged: number;
  /** Objects that the model wrote under the attempt's prefix itself. */
  objects: number;
  firstObjectAt: number | undefined;
}

export class Ledger {
  readonly entries = new Map<string, PaidEntry>();

  /** Notes a request; there should be one for each attempt. */
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
