/** Seeded random numbers: sfc32 (Chris Doty-Humphrey), seeded through splitmix32. */

function splitmix32(state: number): number {
  let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

type Weighted<T> = readonly [number, T];

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /**
   * @param seed an integer up to 2^53
   * @param stream selects an independent sequence, so that draws for one purpose do not shift those for another
   */
  constructor(seed: number, stream: number) {
    this.#a = splitmix32((seed % 0x1_0000_0000) + 0x9e3779b9);
    this.#b = splitmix32(Math.floor(seed / 0x1_0000_0000) + this.#a);
    this.#c = splitmix32(stream * 0x3c6ef372 + this.#b);
    // The first numbers of neighbouring seeds are similar. The author advises a dozen rounds.
    for (let n = 0; n < 12; n++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** From `low` to `high`, both inclusive. */
  int(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.uint32() % list.length] ?? list[0];
  }

  /** One of the values, each with the probability of its weight. The weights add up to 1. */
  weighted<T>(weights: readonly [Weighted<T>, ...Weighted<T>[]]): T {
    let left = this.unit();
    for (const [weight, value] of weights) {
      left -= weight;
      if (left < 0) return value;
    }
    return weights[0][1];
  }
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** Real ids have as many digits. */
const ID_DIGITS = 26;

/** 26 digits of 5 bits, in the alphabet of real ids. */
export function randomDigits(random: Random): string {
  let digits = '';
  let bits = 0;
  for (let n = 0; n < ID_DIGITS; n++) {
    bits = n % 6 === 0 ? random.uint32() : bits >>> 5;
    digits += ALPHABET.charAt(bits & 31);
  }
  return digits;
}

/** The same digits for the same parts. Not a secure hash: nobody chooses the input of a simulation to attack it. */
export function digitsOf(parts: readonly string[]): string {
  const hash = new TextHash();
  for (const part of parts) hash.add(part);
  return randomDigits(new Random(hash.value(), 0));
}

/** A 53-bit hash of texts, fed one after the other (cyrb53 by bryc). */
export class TextHash {
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  add(text: string): void {
    let high = this.#high;
    let low = this.#low;
    for (let n = 0; n < text.length; n++) {
      const code = text.charCodeAt(n);
      high = Math.imul(high ^ code, 2654435761);
      low = Math.imul(low ^ code, 1597334677);
    }
    // Hashes the end of each text too, so that 'ab' + 'c' differs from 'a' + 'bc'.
    this.#high = Math.imul(high ^ 0x100, 2654435761);
    this.#low = Math.imul(low ^ 0x100, 1597334677);
  }

  value(): number {
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507) ^ (this.#low >>> 13);
    const low = Math.imul(this.#low ^ (this.#low >>> 16), 3266489909) ^ (this.#high >>> 16);
    return 4294967296 * (2097151 & (low >>> 0)) + (high >>> 0);
  }
}
