/** Randomness for names and secrets, which nobody can foresee. Numbers that results depend on come from a RandomStream instead. */
export interface RandomSource {
  /** A UUID, version 4. */
  uuid(): string;
  bytes(count: number): Buffer;
}
