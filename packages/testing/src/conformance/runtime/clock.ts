import type { Clock } from '@prunegrid/core/runtime';
import { describe, expect, it } from 'vitest';

/**
 * Describes the vitest tests that every clock must pass.
 *
 * @param name the name of the clock
 * @param make returns a clock, and a function that runs a program with it
 */
export function describeClock(
  name: string,
  make: () => { clock: Clock; run: (program: () => Promise<void>) => Promise<void> },
): void {
  describe(`clock: ${name}`, () => {
    /** Defines a test that runs a program with the clock. */
    const test = (what: string, program: (clock: Clock) => Promise<void>) =>
      it(what, () => {
        const { clock, run } = make();
        return run(() => program(clock));
      });

    test('goes on while a program sleeps, by no less than it sleeps', async (clock) => {
      const before = [clock.now(), clock.monotonic()];
      await clock.sleep(20);
      // Node's timers count whole milliseconds, so a timer may fire slightly early.
      expect(clock.monotonic() - before[1]).toBeGreaterThan(18);
      expect(clock.now()).toBeGreaterThanOrEqual(before[0]);
      expect(new Date(clock.now()).getUTCFullYear()).toBeGreaterThanOrEqual(2026);
    });

    test('calls timers in the order of their times, each of them once', async (clock) => {
      const calls: string[] = [];
      clock.after(60, () => calls.push('60'));
      clock.after(20, () => calls.push('first 20'));
      clock.after(20, () => calls.push('second 20'));
      clock.after(0, () => calls.push('0'));
      expect(calls).toEqual([]);
      await clock.sleep(150);
      expect(calls).toEqual(['0', 'first 20', 'second 20', '60']);
    });

    test('calls nothing that was called off', async (clock) => {
      let calls = 0;
      const once = clock.after(10, () => calls++);
      const often = clock.every(10, () => calls++);
      once.cancel();
      often.cancel();
      once.cancel();
      await clock.sleep(50);
      expect(calls).toBe(0);
    });

    test('calls again and again until it is called off, from within too', async (clock) => {
      await new Promise<void>((resolve) => {
        let calls = 0;
        const timer = clock.every(5, () => {
          if (++calls < 3) return;
          timer.cancel();
          resolve();
        });
      });
    });

    test('ends a sleep that is called off, with the reason', async (clock) => {
      const reason = new Error('called off');
      const stop = new AbortController();
      clock.after(10, () => stop.abort(reason));
      await expect(clock.sleep(600_000, stop.signal)).rejects.toBe(reason);
      await expect(clock.sleep(1, stop.signal)).rejects.toBe(reason);
    });

    test('takes a turn in which all promises that can settle do', async (clock) => {
      let settled = false;
      void (async () => {
        for (let step = 0; step < 100; step++) await Promise.resolve();
        settled = true;
      })();
      await clock.turn();
      expect(settled).toBe(true);
    });
  });
}
