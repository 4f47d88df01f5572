/**
 * Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC
 * 2011).
 *
 * A draw is a pure function of a key and a counter, so a random number depends on the seed, its purpose, the step and
 * the sample, never on which trainer draws it or what was drawn before.
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Returns the high 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** Writes four unsigned 32-bit words for the counter (c0, c1, c2, c3) under the key (k0, k1) to `out`. */
export function philox(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = multiplyHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The purposes of random numbers. They keep the streams of one seed apart. */
export const purposes = { initialWeights: 1, order: 2, shift: 3, dropout: 4, sweep: 5, augment: 6, split: 7 } as const;

/**
 * The stream of random numbers for one purpose at one place (phase, epoch or step, sample). A stream made with the same
 * arguments gives the same numbers.
 */
export class RandomStream {
  private readonly block = new Uint32Array(4);
  private index = 0;
  private used = 4;

  constructor(
    private readonly seed: number,
    private readonly purpose: number,
    private readonly phase = 0,
    private readonly step = 0,
    private readonly sample = 0,
  ) {}

  /** Returns the next unsigned 32-bit integer. */
  nextUint32(): number {
    if (this.used === 4) {
      philox(this.block, this.index++, this.sample, this.step, this.phase, this.seed, this.purpose);
      this.used = 0;
    }
    return this.block[this.used++];
  }

  /** Returns a number that is uniformly distributed over the multiples of 2^-32 in [0, 1). */
  nextFraction(): number {
    return this.nextUint32() * 2 ** -32;
  }

  /**
   * Returns an integer that is uniformly distributed over 0, ..., bound - 1. Rejection makes it unbiased (Lemire 2019).
   */
  nextBelow(bound: number): number {
    const threshold = (0x1_0000_0000 - bound) % bound;
    for (;;) {
      const word = this.nextUint32();
      const low = Math.imul(word, bound) >>> 0;
      if (low >= threshold) return multiplyHigh(word, bound);
    }
  }
}
