import { describe, expect, it } from 'vitest';

import { VirtualClock } from './virtual-clock.js';

const HOUR = 3_600_000;

describe('the virtual clock', () => {
  it('takes no time for an hour, in which both of its times pass', async () => {
    const clock = new VirtualClock({ start: 5000 });
    const times = await clock.run(async () => {
      const before = [clock.now(), clock.monotonic()];
      await clock.sleep(HOUR);
      return [...before, clock.now(), clock.monotonic()];
    });
    expect(times).toEqual([5000, 0, 5000 + HOUR, HOUR]);
  });

  it('has a time of day that can be set, of which timers notice nothing', async () => {
    const clock = new VirtualClock({ start: 5000 });
    await clock.run(async () => {
      const sleep = clock.sleep(10);
      clock.set(-HOUR);
      await sleep;
    });
    expect([clock.now(), clock.monotonic()]).toEqual([5010 - HOUR, 10]);
  });

  it('calls timers by their time, and those of the same time in the order in which they were set', async () => {
    const clock = new VirtualClock();
    const calls: string[] = [];
    await clock.run(async () => {
      clock.after(20, () => calls.push('second at 20'));
      clock.after(10, () => calls.push(`at ${clock.monotonic()}`));
      clock.after(20, () => calls.push('third at 20'));
      const cancelled = clock.after(15, () => calls.push('cancelled'));
      const every = clock.every(8, () => calls.push(`every 8: ${clock.monotonic()}`));
      cancelled.cancel();
      await clock.sleep(20);
      calls.push('slept');
      every.cancel();
      await clock.sleep(100);
    });
    expect(calls).toEqual(['every 8: 8', 'at 10', 'every 8: 16', 'second at 20', 'third at 20', 'slept']);
  });

  it('lets everything happen that can before a timer is called', async () => {
    const clock = new VirtualClock();
    const calls: string[] = [];
    await clock.run(async () => {
      clock.after(0, () => calls.push('timer'));
      for (let turn = 0; turn < 50; turn++) await clock.turn();
      for (let step = 0; step < 1000; step++) await Promise.resolve();
      calls.push('worked');
      await clock.sleep(1);
    });
    expect(calls).toEqual(['worked', 'timer']);
  });

  it('does not stop for a program that only takes turns until something has happened', async () => {
    const clock = new VirtualClock();
    let happened = false;
    await clock.run(async () => {
      clock.after(HOUR, () => (happened = true));
      while (!happened) await clock.turn();
    });
    expect(clock.monotonic()).toBe(HOUR);
  });

  it('ends a sleep that is called off, with the reason', async () => {
    const clock = new VirtualClock();
    const reason = new Error('called off');
    await clock.run(async () => {
      const stop = new AbortController();
      clock.after(5, () => stop.abort(reason));
      await expect(clock.sleep(HOUR, stop.signal)).rejects.toBe(reason);
      expect(clock.monotonic()).toBe(5);
      await expect(clock.sleep(10, stop.signal)).rejects.toBe(reason);
    });
    expect(clock.monotonic()).toBe(5);
  });

  it('says what is waited for when nothing can happen any more', async () => {
    const clock = new VirtualClock();
    const never = new Promise<void>(() => undefined);
    await expect(
      clock.run(async () => {
        await clock.waitFor('the answer of trainer 1', clock.sleep(10));
        const waits = ['trainer 2', 'trainer 3', 'trainer 3'].map((name) =>
          clock.waitFor(`a message of ${name}`, never),
        );
        await Promise.race(waits);
      }),
    ).rejects.toThrow(
      'Everything waits and no timer is set: waiting for a message of trainer 2, a message of trainer 3 (2 times).',
    );
    await expect(new VirtualClock().run(() => never)).rejects.toThrow('Everything waits and no timer is set.');
  });

  it('gives up a program that never ends, though its timers go on', async () => {
    const clock = new VirtualClock({ limit: HOUR });
    let beats = 0;
    const running = clock.run(() => {
      clock.every(60_000, () => beats++);
      return new Promise(() => undefined);
    });
    await expect(running).rejects.toThrow('not ended after 3600000 ms of virtual time');
    expect(beats).toBe(60);
  });

  it('fails as the program or a timer fails, and then runs again', async () => {
    const clock = new VirtualClock();
    await expect(clock.run(() => Promise.reject(new Error('program')))).rejects.toThrow('program');
    const failing = clock.run(() => {
      clock.after(1, () => {
        throw new Error('timer');
      });
      return clock.sleep(10);
    });
    await expect(failing).rejects.toThrow('timer');
    await expect(clock.run(async () => clock.run(() => Promise.resolve()))).rejects.toThrow('runs already');
    expect(await clock.run(() => Promise.resolve('well'))).toBe('well');
  });

  it('refuses a delay that Node would not keep', () => {
    expect(() => new VirtualClock().after(2 ** 31, () => undefined)).toThrow(RangeError);
  });
});
