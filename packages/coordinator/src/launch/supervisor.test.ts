import { describe, expect, it } from 'vitest';

import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import type { Clock, Host } from '@prunegrid/core/runtime';

import type { Launcher, LaunchRequest } from './launcher.js';
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

function setUp(onReplaced?: (failure: Failure) => void) {
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
  const asked = { trainers: 1, coordinator: 'none:1', token: 'none', resources: { threads: 1 }, extensions: [] };
  const supervised = superviseTrainers(launcher, runtime, asked, onReplaced);
  let reason: unknown;
  supervised.ended.catch((error: unknown) => (reason = error));
  return {
    ...{ clock, supervised },
    started: () => started,
    reason: () => Promise.resolve().then(() => reason),
    end: (message: string, trainer = String(started)) =>
      request.onEvent({ type: 'ended', trainer, failure: new Failure('trainers', message) }),
  };
}

describe('trainers that are kept running', () => {
  it('are replaced for ever where each has lived for a while', async () => {
    const { clock, end, started, reason } = setUp(() => undefined);
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
    const { clock, end, started, reason } = setUp(() => undefined);
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
    const { clock, end, reason } = setUp(() => undefined);
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
    const { clock, end, started, supervised } = setUp(() => undefined);
    end('lost');
    expect(clock.timers).toBe(1);
    await supervised.stop(0);
    expect(clock.timers).toBe(0);
    clock.pass(100_000);
    expect(started()).toBe(1);
  });
});
