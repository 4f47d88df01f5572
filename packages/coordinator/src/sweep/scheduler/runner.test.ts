import { describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';
import type { Clock } from '@prunegrid/core/runtime';

import type { Trainer } from '../../cluster/index.js';
import type { Trial } from '../planner/plan-format.js';
import type { SweepEvent } from '../records.js';
import { SweepState } from '../state.js';
import { FairShareScheduler } from './fair-share.js';
import { SweepRunner } from './runner.js';
import { TrialIndex } from './trial-index.js';

type Options = ConstructorParameters<typeof SweepRunner>[0];

/**
 * A sweep whose dense network is there, on trainers that are never asked for anything: who holds them has finished at
 * once.
 */
function sweepOf(microBatches: number[], trainersPerTrial: number | undefined, trainers: number) {
  const trials = microBatches.map(
    (count, i) =>
      ({
        ...{ number: i + 1, cell: 1, key: `key-${i}`, denseKey: 'dense', settings: {}, kept: { total: 1 } },
        spec: { batch: { global: 128, microBatches: count } },
      }) as unknown as Trial,
  );
  const state = new SweepState(trials);
  let seq = 0;
  const apply = (event: SweepEvent) => Promise.resolve(state.apply({ seq: seq++, time: seq, ...event }));
  const leased: number[] = [];
  const timers: { milliseconds: number; action: () => void }[] = [];
  const clock: Clock = {
    ...nodeHost.clock,
    after: (milliseconds, action) => {
      timers.push({ milliseconds, action });
      return { cancel: () => void timers.pop() };
    },
  };
  const pool = {
    trainers: Array.from({ length: trainers }, (_, i) => ({ number: i + 1 }) as Trainer),
    freeCount: trainers,
    async hold(count: number) {
      leased.push(count);
      pool.freeCount -= count;
      await apply({ type: 'trial-finished', trial: leased.length, attempt: 1, result: {} as never });
      pool.freeCount += count;
    },
  };
  const runner = new SweepRunner({
    resources: { runtime: { ...nodeHost, clock }, scheduler: new FairShareScheduler(trainers, clock) },
    sweep: {
      ...{ folder: '/none', state, index: new TrialIndex(trials), manifest: { user: 'ann' } },
      plan: { trials, trainersPerTrial },
      journal: { append: apply },
    },
    store: { findDense: () => Promise.resolve({ runId: 'a-run' }), isClaimed: () => false },
    ...{ trials, pool, maxConcurrent: Infinity, retries: 0, failFast: false },
    trainers: {},
    launch: { launcher: { name: 'of the test' } },
    signal: new AbortController().signal,
    trainersEnded: new Promise(() => undefined),
    onProgress: () => undefined,
    warn: () => undefined,
  } as unknown as Options);
  return { runner, leased, timers, state };
}

describe('a sweep', () => {
  it('gives each trial the trainers that it asks for, but no more than it has micro-batches', async () => {
    const { runner, leased } = sweepOf([2, 4, 1, 8], 3, 4);
    await runner.run();
    expect(leased).toEqual([2, 3, 1, 3]);
  });

  it('shares all trainers out if it does not say how many a trial takes', async () => {
    const { runner, leased } = sweepOf([2, 4], undefined, 8);
    await runner.run();
    expect(leased).toEqual([2, 4]);
  });

  it('ends with a line if fewer trainers are left than any trial takes, and no other one comes', async () => {
    const { runner, leased, timers, state } = sweepOf([4, 4], 3, 2);
    const running = runner.run();
    await expect.poll(() => timers.map(({ milliseconds }) => milliseconds)).toEqual([120_000]);
    timers[0].action();
    await expect(running).rejects.toMatchObject({
      kind: 'trainers',
      message: expect.stringMatching(
        /^2 trainers are left, a trial takes 3, and no other came within 120 s: /,
      ) as string,
    });
    expect([leased, state.count('waiting')]).toEqual([[], 2]);
  });

  it('ends with a line if all trainers have left', async () => {
    const { runner, timers } = sweepOf([4], undefined, 0);
    const running = runner.run();
    await expect.poll(() => timers.length).toBe(1);
    timers[0].action();
    await expect(running).rejects.toThrow(/^all trainers have left and no other came within 120 s: /);
  });
});
