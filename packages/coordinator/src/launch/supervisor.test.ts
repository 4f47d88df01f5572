import { describe, expect, it } from 'vitest';

import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import type { Clock, Host } from '@prunegrid/core/runtime';

import type { EndCause, Launcher, LaunchRequest } from './launcher.js';
import { superviseTrainers } from './supervisor.js';

/** A clock that stands still between calls of `pass`. */
class StillClock implements Clock {
  private time = 0;
  private pending: { at: number; action: () => void }[] = [];
  now = () => this.time;
  monotonic = () => this.time;
  sleep = () => Promise.reject(new Error('nobody sleeps here'));
  every = () => ({ cancel: () => undefined });
  turn = () => Promise.resolve();
  after = (milliseconds: number, action: () => void) => {
    const timer = { at: this.time + milliseconds, action };
    this.pending.push(timer);
    return { cancel: () => void (this.pending = this.pending.filter((other) => other !== timer)) };
  };
  pass(milliseconds: number): void {
    this.time += milliseconds;
    const due = this.pending.filter(({ at }) => at <= this.time);
    this.pending = this.pending.filter(({ at }) => at > this.time);
    for (const { action } of due) action();
  }
  get timers(): number {
    return this.pending.length;
  }
}

function setUp({
  replaced = () => undefined,
  trainers = 1,
}: { replaced?: (failure: Failure) => void; trainers?: number } = {}) {
  const clock = new StillClock();
  let request!: LaunchRequest;
  let started = 0;
  const launcher: Launcher = {
    name: 'fake',
    launch: (_, asked) => {
      request = asked;
      for (let i = 0; i < asked.trainers; i++) start();
      return { replace: start, stop: () => Promise.resolve() };
    },
  };
  const start = () => request.onEvent({ type: 'started', trainer: String(++started) });
  const runtime: Host = { ...nodeHost, clock };
  const asked = {
    ...{ name: 'fake', trainers, coordinator: 'none:1', token: 'none', resources: { threads: 1 }, extensions: [] },
    ...{ folder: '/nowhere', keys: { name: 'fake' } },
  };
  const warnings: string[] = [];
  const warn = (line: string) => void warnings.push(line);
  const supervised = superviseTrainers(launcher, runtime, asked, { replaced, warn });
  let reason: unknown;
  supervised.ended.catch((error: unknown) => (reason = error));
  return {
    ...{ clock, supervised, warnings },
    wait: (count: number, why: string) => request.onEvent({ type: 'waiting', trainers: count, reason: why }),
    started: () => started,
    reason: () => Promise.resolve().then(() => reason),
    end: (message: string, trainer = String(started), cause: EndCause = 'failed') =>
      request.onEvent({ type: 'ended', trainer, cause, failure: new Failure('trainers', message) }),
  };
}

describe('trainers that are kept running', () => {
  it('are replaced for ever where each has lived for a while', async () => {
    const { clock, end, started, reason } = setUp();
    for (let life = 1; life <= 10; life++) {
      clock.pass(20_000);
      end('lost');
      expect(started()).toBe(life);
      clock.pass(1000);
      expect(started()).toBe(life + 1);
    }
    expect(await reason()).toBeUndefined();
  });

  it('are given up after three short lives, those included that never began', async () => {
    const { clock, end, started, reason } = setUp();
    end('first');
    clock.pass(1000);
    end('second', 'no process');
    clock.pass(1000);
    expect(await reason()).toBeUndefined();
    end('third');
    expect(await reason()).toMatchObject({ message: 'third' });
    clock.pass(100_000);
    expect(started()).toBe(3);
  });

  it('get three more lives after a long one', async () => {
    const { clock, end, reason } = setUp();
    for (const ms of [0, 0, 20_000, 0, 0]) {
      clock.pass(ms);
      end('lost');
      clock.pass(1000);
    }
    expect(await reason()).toBeUndefined();
    end('third');
    expect(await reason()).toMatchObject({ message: 'third' });
  });

  it('are not replaced once they are stopped', async () => {
    const { clock, end, started, supervised } = setUp();
    end('lost');
    expect(clock.timers).toBe(1);
    await supervised.stop(0);
    expect(clock.timers).toBe(0);
    clock.pass(100_000);
    expect(started()).toBe(1);
  });

  it('are replaced as often as they lose their place, and their failures are counted on their own', async () => {
    const { clock, end, started, reason } = setUp();
    for (let life = 1; life <= 10; life++) {
      end('preempted', String(started()), 'preempted');
      clock.pass(1000);
      expect(started()).toBe(life + 1);
    }
    for (let i = 0; i < 2; i++) end('failed', String(started()));
    expect(await reason()).toBeUndefined();
    end('failed', String(started()));
    expect(await reason()).toMatchObject({ message: 'failed' });
  });

  it('are left to what runs them if that starts them again by itself', async () => {
    const replaced: string[] = [];
    const { clock, end, started, reason } = setUp({ replaced: ({ message }) => void replaced.push(message) });
    end('requeued', '1', 'requeued');
    expect(clock.timers).toBe(0);
    expect(replaced).toEqual(['requeued']);
    expect([started(), await reason()]).toEqual([1, undefined]);
  });

  it('become fewer if somebody cancels one, and are given up after the last', async () => {
    const { clock, end, warnings, reason } = setUp({ trainers: 2 });
    end('task 1 was cancelled', '1', 'cancelled');
    expect(clock.timers).toBe(0);
    expect(warnings).toEqual(['task 1 was cancelled; 1 of 2 trainers are left']);
    expect(await reason()).toBeUndefined();
    end('task 2 was cancelled', '2', 'cancelled');
    expect(await reason()).toMatchObject({ message: 'task 2 was cancelled' });
  });

  it('are given up at once if they are refused', async () => {
    const { clock, end, reason } = setUp();
    end('no such partition', 'task 1', 'refused');
    expect(clock.timers).toBe(0);
    expect(await reason()).toMatchObject({ message: 'no such partition' });
  });

  it('that have not started are told of', () => {
    const { wait, warnings } = setUp({ trainers: 3 });
    wait(2, 'no room');
    expect(warnings).toEqual(['waiting for 2 trainers: no room']);
  });
});
