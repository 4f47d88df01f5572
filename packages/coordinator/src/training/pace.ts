/**
 * A mean of ratios such as images per second, weighted exponentially so that it follows changes and yet does not jump.
 * Amounts and spans are added up separately, so that a short measurement weighs little and the first one already counts
 * in full.
 */
export class Pace {
  private amount = 0;
  private span = 0;

  /** @param memory the span after which a measurement weighs 1/e of a new one */
  constructor(private readonly memory: number) {}

  /** Takes in that `amount` came to pass over `span`. A span of zero adds to the amount of the span before. */
  add(amount: number, span: number): void {
    const weight = Math.exp(-span / this.memory);
    this.amount = this.amount * weight + amount;
    this.span = this.span * weight + span;
  }

  /** Amount over span, or undefined as long as there is no span. */
  get value(): number | undefined {
    return this.span > 0 ? this.amount / this.span : undefined;
  }
}
