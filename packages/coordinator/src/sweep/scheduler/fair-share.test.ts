import { beforeEach, describe, expect, it } from 'vitest';

import { FairShareScheduler } from './fair-share.js';

let time: number;
const clock = { monotonic: () => time };
beforeEach(() => (time = 0));

/** A sweep of `trials` that take `each` trainers and `ms` milliseconds; `names` says what was started, in order. */
class Sweep {
  readonly running: { end: number; giveBack: () => void }[] = [];
  private readonly allocation;

  constructor(
    scheduler: FairShareScheduler,
    readonly user: string,
    public trials: number,
    started: string[],
    { each = 1, ms = 1000 } = {},
  ) {
    this.allocation = scheduler.join({
      user,
      demand: () => ({ each, most: this.trials * each }),
      start: (trainers) => {
        for (let left = trainers; left >= each; left -= each) {
          this.trials -= 1;
          started.push(user);
          this.running.push({ end: time + ms, giveBack: this.allocation.take(each) });
        }
      },
    });
    this.allocation.requestTrainers();
  }

  gain(trials: number): void {
    this.trials += trials;
    this.allocation.requestTrainers();
  }

  leave(): void {
    this.trials = 0;
    this.allocation.leave();
  }
}

/** Lets time go by up to the end of the trial that ends next. */
function step(...sweeps: Sweep[]): void {
  const running = sweeps.flatMap((sweep) => sweep.running.map((trial) => ({ sweep, trial })));
  const { sweep, trial } = running.reduce((next, other) => (other.trial.end < next.trial.end ? other : next));
  time = trial.end;
  sweep.running.splice(sweep.running.indexOf(trial), 1);
  trial.giveBack();
}

describe('the scheduler', () => {
  it('gives a sweep that is alone all trainers, and never more than there are', () => {
    const started: string[] = [];
    const sweep = new Sweep(new FairShareScheduler(3, clock), 'ann', 10, started);
    expect(sweep.running).toHaveLength(3);
    expect(sweep.trials).toBe(7);
  });

  it('lets a short sweep of another user go first at each trainer that becomes free, until the shares are equal', () => {
    const scheduler = new FairShareScheduler(2, clock);
    const started: string[] = [];
    const long = new Sweep(scheduler, 'ann', 100, started);
    for (let i = 0; i < 6; i++) step(long);
    started.length = 0;
    const short = new Sweep(scheduler, 'bob', 2, started);
    expect(started).toEqual([]);
    step(long, short);
    step(long, short);
    expect(started).toEqual(['bob', 'bob']);
    step(long, short);
    expect(started).toEqual(['bob', 'bob', 'ann']);
  });

  it('shares equally between two long sweeps, however long one of them was here alone', () => {
    const scheduler = new FairShareScheduler(2, clock);
    const started: string[] = [];
    const one = new Sweep(scheduler, 'ann', 100, started);
    for (let i = 0; i < 20; i++) step(one);
    started.length = 0;
    // Trials that take three times as long count three times.
    const other = new Sweep(scheduler, 'bob', 100, started, { ms: 3000 });
    for (let i = 0; i < 60; i++) step(one, other);
    const of = (user: string) => started.filter((name) => name === user).length;
    expect(of('ann') / of('bob')).toBeGreaterThan(2.5);
    expect(of('ann') / of('bob')).toBeLessThan(3.5);
  });

  it('lets nobody collect credit by being away', () => {
    const scheduler = new FairShareScheduler(1, clock);
    const started: string[] = [];
    const away = new Sweep(scheduler, 'bob', 1, started);
    const long = new Sweep(scheduler, 'ann', 100, started);
    for (let i = 0; i < 11; i++) step(away, long);
    away.leave();
    scheduler.setTenants(new Set(['ann']));
    started.length = 0;
    const back = new Sweep(scheduler, 'bob', 100, started);
    for (let i = 0; i < 10; i++) step(back, long);
    expect(started.filter((name) => name === 'bob')).toHaveLength(5);
  });

  it('counts a user as come who waits for a turn to join, and by what others had used by then', () => {
    const scheduler = new FairShareScheduler(1, clock);
    scheduler.setTenants(new Set(['ann']));
    const long = new Sweep(scheduler, 'ann', 100, []);
    step(long);
    scheduler.setTenants(new Set(['ann', 'bob']));
    step(long);
    scheduler.setTenants(new Set(['ann', 'bob']));
    expect([scheduler.useOf('ann'), scheduler.useOf('bob')]).toEqual([2000, 1000]);
    time += 500;
    expect(scheduler.useOf('ann')).toBe(2500);
    scheduler.setTenants(new Set(['ann']));
    scheduler.setTenants(new Set(['ann', 'bob']));
    expect(scheduler.useOf('bob')).toBe(2500);
  });

  it('goes round between users who come at the same time', () => {
    const scheduler = new FairShareScheduler(4, clock);
    const started: string[] = [];
    const first = new Sweep(scheduler, 'zoe', 1, started, { each: 4 });
    new Sweep(scheduler, 'ann', 4, started);
    new Sweep(scheduler, 'bob', 4, started);
    step(first);
    expect(started).toEqual(['zoe', 'ann', 'ann', 'bob', 'bob']);
  });

  it('has others wait where the first in line needs several trainers at once', () => {
    const scheduler = new FairShareScheduler(3, clock);
    const started: string[] = [];
    const small = new Sweep(scheduler, 'ann', 100, started);
    const large = new Sweep(scheduler, 'bob', 1, started, { each: 3 });
    for (let i = 0; i < 3; i++) step(small, large);
    expect(started).toEqual(['ann', 'ann', 'ann', 'bob']);
    expect(small.running).toEqual([]);
    step(small, large);
    expect(small.running).toHaveLength(3);
  });

  it('keeps no trainers for a sweep that has left', () => {
    const scheduler = new FairShareScheduler(2, clock);
    const started: string[] = [];
    const small = new Sweep(scheduler, 'ann', 100, started);
    const large = new Sweep(scheduler, 'bob', 1, started, { each: 2 });
    step(small, large);
    expect(small.running).toHaveLength(1);
    large.leave();
    expect(small.running).toHaveLength(2);
  });

  it('serves the sweeps of one user in the order in which they came', () => {
    const scheduler = new FairShareScheduler(1, clock);
    const started: string[] = [];
    const first = new Sweep(scheduler, 'ann', 2, started);
    const second = new Sweep(scheduler, 'ann', 2, started);
    step(first, second);
    expect([first.trials, second.trials]).toEqual([0, 2]);
    step(first, second);
    first.gain(1);
    expect([first.trials, second.trials]).toEqual([1, 1]);
    step(first, second);
    expect([first.trials, second.trials]).toEqual([0, 1]);
  });

  it('without a limit gives all that is asked for', () => {
    const sweep = new Sweep(new FairShareScheduler(Infinity, clock), 'ann', 5, []);
    expect(sweep.running).toHaveLength(5);
  });
});
