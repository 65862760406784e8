/** Writes H.264 syntax elements, most significant bit first, into a growing buffer. */

export class BitWriter {
  #bytes: Uint8Array;
  #length = 0;
  #current = 0;
  #filledBits = 0;

  constructor(capacityBytes = 1024) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** The lowest `count` bits of `value`: u(n). */
  bits(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      this.#current = (this.#current << 1) | ((value >>> bit) & 1);
      if (++this.#filledBits < 8) continue;
      this.#reserve(1);
      this.#bytes[this.#length++] = this.#current;
      this.#current = 0;
      this.#filledBits = 0;
    }
  }

  /** Unsigned Exp-Golomb: ue(v). */
  unsigned(value: number): void {
    const length = 31 - Math.clz32(value + 1);
    this.bits(0, length);
    this.bits(value + 1, length + 1);
  }

  /** Signed Exp-Golomb: se(v). */
  signed(value: number): void {
    this.unsigned(value > 0 ? 2 * value - 1 : -2 * value);
  }

  /** Adds zero bits up to the next byte. */
  align(): void {
    while (this.#filledBits > 0) this.bits(0, 1);
  }

  /** rbsp_trailing_bits. */
  finish(): void {
    this.bits(1, 1);
    this.align();
  }

  /** Appends whole bytes. The writer must be aligned. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The bytes written so far. The view is valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
