import { setImmediate as eventLoopTurn } from 'node:timers/promises';

import type { Clock, Timer } from '@prunegrid/core/runtime';

/**
 * The number of consecutive idle turns of the event loop after which the clock assumes that the program waits only for
 * timers.
 */
const QUIET_TURNS = 2;
/**
 * The number of busy turns of the event loop without a timer after which the clock calls the next timer in any case.
 */
const BUSY_TURNS = 1000;
/**
 * The longest delay of Node's timers in milliseconds. Node fires timers with longer delays at once, so this clock
 * rejects such delays.
 */
const LONGEST_DELAY = 2 ** 31 - 1;

export interface VirtualClockOptions {
  /** The initial value of `now`, in Unix milliseconds. */
  start?: number;
  /** The virtual time in milliseconds after which `run` assumes that its program never ends. The default is one day. */
  limit?: number;
}

interface PendingTimer {
  /** The time of the call, in milliseconds of `monotonic`. */
  at: number;
  action: () => void;
}

/**
 * A clock with virtual time. If a program waits only for timers, the clock jumps to the earliest of them. Between two
 * timers no virtual time passes, however long the processor works. The same program sees the same times in every run,
 * if it uses only the clock and the other objects that it receives.
 *
 * Time passes only during `run`.
 */
export class VirtualClock implements Clock {
  private readonly start: number;
  private readonly limit: number;
  /** The pending timers in the order in which they were set. */
  private readonly timers = new Set<PendingTimer>();
  /** The pending calls of `waitFor`. */
  private readonly waits = new Set<{ what: string }>();
  private elapsed = 0;
  /** Milliseconds by which `now` has been set forward. */
  private shift = 0;
  private turns = 0;
  private running = false;

  constructor({ start = Date.UTC(2026, 0, 1), limit = 86_400_000 }: VirtualClockOptions = {}) {
    this.start = start;
    this.limit = limit;
  }

  now(): number {
    return this.start + this.elapsed + this.shift;
  }

  monotonic(): number {
    return this.elapsed;
  }

  /** Sets the time of day forward by so many milliseconds, or back. Timers and `monotonic` notice nothing. */
  set(by: number): void {
    this.shift += by;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = this.after(milliseconds, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      const abort = () => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  after(milliseconds: number, action: () => void): Timer {
    const timer: PendingTimer = { at: this.elapsed + delay(milliseconds), action };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  every(milliseconds: number, action: () => void): Timer {
    const interval = delay(milliseconds);
    const timer: PendingTimer = {
      at: this.elapsed + interval,
      action: () => {
        timer.at += interval;
        this.timers.add(timer);
        action();
      },
    };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /**
   * Waits for one turn of the real event loop. No virtual time passes, but a program that only waits for turns does not
   * stop the clock.
   */
  turn(): Promise<void> {
    this.turns++;
    return eventLoopTurn();
  }

  /**
   * Waits for an event that does not depend on a timer, such as a message. If the whole program waits forever, the
   * error of `run` names this event.
   *
   * @param what the noun phrase after "waiting for", such as "a message from trainer 2"
   * @returns the value of `promise`
   */
  async waitFor<T>(what: string, promise: Promise<T>): Promise<T> {
    const wait = { what };
    this.waits.add(wait);
    try {
      return await promise;
    } finally {
      this.waits.delete(wait);
    }
  }

  /**
   * Runs a program to its end. If all of it waits, the clock advances to the earliest timer and calls it. Timers with
   * the same time are called in the order in which they were set. Timers that are pending at the end are called if the
   * clock runs again.
   *
   * @returns the value that `main` returns
   * @throws the error of `main` or of a timer's action; an error that names the awaited events if everything waits and
   *   no timer is set, or if the limit has passed
   */
  async run<T>(main: () => Promise<T>): Promise<T> {
    if (this.running) throw new Error('The virtual clock runs already: one run at a time.');
    this.running = true;
    let settled = false;
    const settle = () => {
      settled = true;
    };
    const end = this.elapsed + this.limit;
    try {
      const result = main();
      result.then(settle, settle);
      for (;;) {
        await this.quiet(() => settled);
        if (settled) return await result;
        const timer = this.earliest();
        if (!timer) throw new Error(`Everything waits and no timer is set${this.waitsListed()}`);
        if (timer.at > end) {
          throw new Error(`The program has not ended after ${this.limit} ms of virtual time${this.waitsListed()}`);
        }
        this.timers.delete(timer);
        this.elapsed = timer.at;
        timer.action();
      }
    } finally {
      this.running = false;
    }
  }

  /** Resolves when the program is idle, when it has been busy for BUSY_TURNS turns, or when `done` returns true. */
  private async quiet(done: () => boolean): Promise<void> {
    let quiet = 0;
    for (let busy = 0; busy < BUSY_TURNS && quiet < QUIET_TURNS && !done(); busy++) {
      const turns = this.turns;
      // After a turn, all promises that can settle have settled, and all requested turns have been taken.
      await eventLoopTurn();
      quiet = this.turns === turns ? quiet + 1 : 0;
    }
  }

  private earliest(): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.timers) if (!earliest || timer.at < earliest.at) earliest = timer;
    return earliest;
  }

  private waitsListed(): string {
    const counts = new Map<string, number>();
    for (const { what } of this.waits) counts.set(what, (counts.get(what) ?? 0) + 1);
    if (counts.size === 0) return '.';
    const list = [...counts].map(([what, count]) => (count === 1 ? what : `${what} (${count} times)`));
    return `: waiting for ${list.join(', ')}.`;
  }
}

/** Returns the effective delay. As in Node, a timer never fires immediately. */
function delay(milliseconds: number): number {
  if (!(milliseconds <= LONGEST_DELAY)) throw new RangeError(`A timer of ${milliseconds} ms is too long for Node.`);
  return Math.max(milliseconds, 1);
}
