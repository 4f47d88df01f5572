/**
 * Unpredictable random values for names and secrets. Random numbers that affect results come from a RandomStream
 * instead.
 */
export interface RandomSource {
  /** Returns a UUID, version 4 (RFC 9562). */
  uuid(): string;
  bytes(count: number): Buffer;
}
