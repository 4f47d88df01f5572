import type { Clock } from '@prunegrid/core/runtime';

/**
 * One direction of a stream or a call. Messages arrive in order, each after its delay, but not while the wire is
 * blocked.
 */
export class Wire {
  private readonly underWay: (() => void)[] = [];
  /** The number of pending messages whose delay has passed. */
  private due = 0;
  private lastDue = 0;

  /**
   * @param delay returns a random delay in milliseconds
   * @param isBlocked returns whether the wire is blocked now
   */
  constructor(
    private readonly clock: Clock,
    private readonly delay: () => number,
    private readonly isBlocked: () => boolean,
  ) {}

  carry(deliver: () => void): void {
    this.underWay.push(deliver);
    const now = this.clock.monotonic();
    this.lastDue = Math.max(this.lastDue, now + this.delay());
    if (this.lastDue === now) this.arrive();
    else this.clock.after(this.lastDue - now, () => this.arrive());
  }

  /** Delivers the messages whose delay has passed, unless the wire is blocked. */
  flush(): void {
    while (this.due > 0 && !this.isBlocked()) {
      this.due--;
      (this.underWay.shift() as () => void)();
    }
  }

  private arrive(): void {
    this.due++;
    this.flush();
  }
}
