import { RandomStream } from '@prunegrid/core/randomness/philox';
import type { RandomSource } from '@prunegrid/core/runtime';

/** The purpose that keeps these random numbers independent of those of a run. */
const NAMES = 102;

/** A source of names and secrets that are the same in every run with the same seed. */
export class SeededRandom implements RandomSource {
  private readonly stream: RandomStream;

  constructor(seed: number) {
    this.stream = new RandomStream(seed, NAMES);
  }

  uuid(): string {
    const bytes = this.bytes(16);
    // These bits are the version 4 and the variant of RFC 9562.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  bytes(count: number): Buffer {
    return Buffer.from(Uint8Array.from({ length: count }, () => this.stream.nextBelow(256)));
  }
}
