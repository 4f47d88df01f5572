/**
 * The positions of the values of a sparse tensor as gaps, after Han, Mao and Dally, "Deep Compression" (ICLR 2016): in
 * front of each value, the number of zeros since the last one, in a fixed number of bits. The largest code, 2^bits - 1,
 * is a filler: so many zeros, without a value behind them. (Han et al. store a zero as its value.)
 */
const MOST_BITS = 16;

/** The gaps of a tensor, counted by their length. */
export class GapCounts {
  /** The number of values. */
  values = 0;
  private readonly short = new Float64Array(2 ** MOST_BITS);
  private readonly long = new Map<number, number>();
  private zeros = 0;

  /** Takes the next elements of the tensor. */
  add(elements: Float32Array, isZero: (element: number) => boolean): void {
    for (const element of elements) {
      if (isZero(element)) {
        this.zeros++;
        continue;
      }
      this.values++;
      if (this.zeros < this.short.length) this.short[this.zeros]++;
      else this.long.set(this.zeros, (this.long.get(this.zeros) ?? 0) + 1);
      this.zeros = 0;
    }
  }

  /** Returns the number of codes of `bits` bits, fillers included. */
  codes(bits: number): number {
    const filler = 2 ** bits - 1;
    let codes = this.values;
    for (let gap = filler; gap < this.short.length; gap++) codes += this.short[gap] * Math.floor(gap / filler);
    for (const [gap, count] of this.long) codes += count * Math.floor(gap / filler);
    return codes;
  }

  /** Returns the number of bits, from 1 to 16, with which the indices take the fewest bytes. */
  bestBits(): number {
    const bits = Array.from({ length: MOST_BITS }, (_, i) => i + 1);
    const sizes = bits.map((each) => each * this.codes(each));
    return bits[sizes.indexOf(Math.min(...sizes))];
  }
}

/** Packs codes into bytes, the first code into the lowest bits of the first byte. */
export class CodeWriter {
  private pending = 0;
  private filled = 0;
  private bytes: number[] = [];

  constructor(private readonly bits: number) {}

  put(code: number): void {
    this.pending |= code << this.filled;
    this.filled += this.bits;
    while (this.filled >= 8) {
      this.bytes.push(this.pending & 0xff);
      this.pending >>>= 8;
      this.filled -= 8;
    }
  }

  /** Returns the bytes that are complete since the last call, and at the end also the last one. */
  take(isEnd: boolean): Uint8Array {
    if (isEnd && this.filled > 0) this.bytes.push(this.pending & 0xff);
    const taken = Uint8Array.from(this.bytes);
    this.bytes = [];
    return taken;
  }
}

/** Reads codes as `CodeWriter` packs them. */
export class CodeReader {
  private pending = 0;
  private filled = 0;

  /** @param position of the first byte */
  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
    private readonly bits: number,
  ) {}

  /** Returns the next code; undefined at the end of the bytes. */
  next(): number | undefined {
    while (this.filled < this.bits) {
      if (this.position >= this.bytes.length) return undefined;
      this.pending |= this.bytes[this.position++] << this.filled;
      this.filled += 8;
    }
    const code = this.pending & (2 ** this.bits - 1);
    this.pending >>>= this.bits;
    this.filled -= this.bits;
    return code;
  }
}
