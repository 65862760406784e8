/** The running total of a verification, in US dollars by the catalogue. Nothing is paid before its price is reserved here. */

export class Spending {
  readonly limitUsd: number;
  #totalUsd = 0;

  constructor(limitUsd: number) {
    if (!Number.isFinite(limitUsd) || limitUsd < 0)
      throw new RangeError(`the limit must be 0 or more US dollars, not ${limitUsd}`);
    this.limitUsd = limitUsd;
  }

  get totalUsd(): number {
    return this.#totalUsd;
  }

  /** Adds the price if the total stays within the limit. A price is never given back, whatever becomes of the call. */
  tryReserve(priceUsd: number): boolean {
    if (!Number.isFinite(priceUsd) || priceUsd <= 0)
      throw new RangeError(`a paid call must have a price above 0 US dollars, not ${priceUsd}`);
    const total = round(this.#totalUsd + priceUsd);
    if (total > this.limitUsd) return false;
    this.#totalUsd = total;
    return true;
  }

  /** Adds what a call may have cost beyond its reserved price, so that nothing else is paid on top of it. */
  addExcess(excessUsd: number): void {
    if (excessUsd > 0) this.#totalUsd = round(this.#totalUsd + excessUsd);
  }
}

/** To a hundredth of a cent, as prices are. Sums of binary fractions would pass a limit that they equal. */
const round = (usd: number): number => Math.round(usd * 10_000) / 10_000;
