/** Times in whole microseconds since 1970: Firestore's precision, and exact in a double until the year 2255. */

import type { TimestampMessage } from './messages.ts';
import { invalid } from './refusals.ts';

export type Micros = number;

const MICROS_PER_SECOND = 1_000_000;

export function toTimestamp(micros: Micros): TimestampMessage {
  const seconds = Math.floor(micros / MICROS_PER_SECOND);
  return { seconds: String(seconds), nanos: (micros - seconds * MICROS_PER_SECOND) * 1000 };
}

/** Throws INVALID_ARGUMENT for a time finer than microseconds, because no version has such a time. */
export function fromTimestamp(timestamp: TimestampMessage): Micros {
  if (timestamp.nanos % 1000 !== 0) invalid('timestamp cannot have more than microseconds precision');
  return Number(timestamp.seconds) * MICROS_PER_SECOND + timestamp.nanos / 1000;
}

/**
 * Assigns the times of commits and reads. Each commit is later than every earlier commit and read. A repeated read at an
 * assigned time therefore always returns the same result.
 */
export class CommitClock {
  readonly #nowMs: () => number;
  #latest: Micros = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs();
  }

  commitTime(): Micros {
    this.#latest = Math.max(this.#now(), this.#latest + 1);
    return this.#latest;
  }

  readTime(): Micros {
    this.#latest = Math.max(this.#now(), this.#latest);
    return this.#latest;
  }

  /** Makes later commits later than `time`. A restarted server calls it with the time of its last stored commit. */
  notBefore(time: Micros): void {
    this.#latest = Math.max(this.#latest, time);
  }

  #now(): Micros {
    return Math.floor(this.#nowMs() * 1000);
  }
}
