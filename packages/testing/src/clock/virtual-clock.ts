import { setImmediate as eventLoopTurn } from 'node:timers/promises';

import type { Clock, Timer } from '@prunegrid/core/runtime';

/** Turns of the event loop without anything happening after which nothing more is expected before the next timer. */
const QUIET_TURNS = 2;
/** Turns in which something does happen, and no timer is called, after which the next timer's time has come all the same. */
const BUSY_TURNS = 1000;
/** Node's timers take no longer delays: they then call at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

export interface VirtualClockOptions {
  /** What `now` says at first, in Unix milliseconds. */
  start?: number;
  /** Virtual milliseconds after which `run` takes it that its program never ends; a day if left out. */
  limit?: number;
}

interface PendingTimer {
  /** When it is called, in milliseconds of `monotonic`. */
  at: number;
  action: () => void;
}

/**
 * Time that takes no time: while a program waits for nothing but timers, the clock jumps to the earliest of them. Between two
 * timers no time passes, however long the processor works. The same program sees the same times in every run, if it
 * reaches for nothing but what it was handed.
 *
 * Time passes only inside of `run`.
 */
export class VirtualClock implements Clock {
  private readonly start: number;
  private readonly limit: number;
  /** In the order in which they were set. */
  private readonly timers = new Set<PendingTimer>();
  /** What is waited for without a timer. */
  private readonly waits = new Set<{ what: string }>();
  private elapsed = 0;
  private turns = 0;
  private running = false;

  constructor({ start = Date.UTC(2026, 0, 1), limit = 86_400_000 }: VirtualClockOptions = {}) {
    this.start = start;
    this.limit = limit;
  }

  now(): number {
    return this.start + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
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

  /** A turn of the real event loop. No time passes, except that a program which does nothing but take turns does not stop the clock. */
  turn(): Promise<void> {
    this.turns++;
    return eventLoopTurn();
  }

  /**
   * Waits for something that no timer brings about, such as a message. If the program comes to a standstill, `run` names it.
   *
   * @param what completes "waiting for ...", as in "a message from trainer 2"
   * @returns what `promise` brings
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
   * Runs a program to its end. When all of it waits, the clock goes to the earliest timer and calls it; timers of the same time are
   * called in the order in which they were set. Timers that are left at the end are called if the clock runs again.
   *
   * @returns what `main` returns
   * @throws what `main` or the action of a timer throws; an error that names what is waited for, when everything waits and
   *   no timer is set, or when the limit has passed
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

  /** Resolves when nothing happens any more, when it has been happening for long, or when `done`. */
  private async quiet(done: () => boolean): Promise<void> {
    let quiet = 0;
    for (let busy = 0; busy < BUSY_TURNS && quiet < QUIET_TURNS && !done(); busy++) {
      const turns = this.turns;
      // All promises that can settle have settled when it has come round, and all turns that were asked for are taken.
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

/** A timer never fires at once, as in Node. */
function delay(milliseconds: number): number {
  if (!(milliseconds <= LONGEST_DELAY)) throw new RangeError(`A timer of ${milliseconds} ms is too long for Node.`);
  return Math.max(milliseconds, 1);
}
