import type { Clock } from '@prunegrid/core/runtime';

/** Milliseconds for which a machine is left out whose trainers have failed twice, and that double with each failure. */
const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;
/** Milliseconds without a failure after which the earlier ones are forgotten. */
const FORGET_MS = 1_800_000;

/**
 * Machines whose trainers fail again and again, as in Horovod's blacklist of hosts with cooling off: each is left out
 * for a while, longer each time. A first failure has no consequence.
 */
export class Cooling {
  private readonly failures = new Map<string, { count: number; last: number }>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  failed(host: string): void {
    const last = this.clock.monotonic();
    const before = this.failures.get(host);
    const count = before && last - before.last < FORGET_MS ? before.count + 1 : 1;
    this.failures.set(host, { count, last });
  }

  /** Returns for how many more milliseconds the machine is left out; 0 if it is not. */
  left(host: string): number {
    const { count, last } = this.failures.get(host) ?? { count: 0, last: 0 };
    if (count < 2) return 0;
    return Math.max(0, last + Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - 2)) - this.clock.monotonic());
  }
}
