import { describe, expect, it } from 'vitest';

import { SweepState } from '@prunegrid/coordinator/sweep/state';
import type { Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { SweepView } from './sweep-view.js';

/** Ten trials of six epochs each, after a dense training of four. */
const trials = Array.from({ length: 10 }, (_, i) => {
  const epochs = { dense: { epochs: 4 }, admm: { iterations: 4, epochsPerIteration: 1 }, retrain: { epochs: 2 } };
  return {
    ...{ number: i + 1, cell: i + 1, key: '', denseKey: 'd', settings: {}, kept: { total: 1 } },
    spec: { model: 'lenet5', method: 'admm', seed: 1, ...epochs },
  } as unknown as Trial;
});

/** A sweep whose dense network is there already, with what can happen to it. */
function begun() {
  const state = new SweepState(trials);
  const view = new SweepView({ name: 'ten', base: '', trials, duplicates: 0 }, state);
  let time = 0;
  let seq = 0;
  const tell = (event: SweepEvent) => {
    const record = { ...event, seq: seq++, time };
    state.apply(record);
    view.event(record);
  };
  tell({ type: 'dense-reused', key: 'd', runId: 'r' });
  const trained = (trial: number, epochs: number) =>
    view.progress(
      { kind: 'trial', trial },
      {
        ...{ phase: 'prune', step: epochs * 10, steps: 60, totalStep: (4 + epochs) * 10, totalSteps: 100 },
        ...{ loss: 1, accuracy: 0.5, trainingSeconds: epochs },
      },
      time,
    );
  return {
    view,
    start: (trial: number) =>
      tell({
        ...{ type: 'trial-started', trial, settings: {}, seed: 1 },
        ...{ folder: `trials/${trial}/attempt-1`, runId: 'r', attempt: 1, trainers: [1] },
      }),
    finish: (trial: number) => tell({ type: 'trial-finished', trial, attempt: 1, result: {} as RunResult }),
    fail: (trial: number) =>
      tell({ type: 'trial-failed', trial, attempt: 1, kind: 'training', message: 'NaN', again: false }),
    /** Trains a trial from one epoch to another, ten seconds an epoch. */
    train: (trial: number, from: number, to: number) => {
      trained(trial, from);
      for (let tenth = 1; tenth <= (to - from) * 10; tenth++) {
        time += 1000;
        trained(trial, from + tenth / 10);
      }
    },
    wait: (seconds: number) => void (time += seconds * 1000),
  };
}

describe('the time that a sweep has left', () => {
  it('is unknown before anything is trained, and not spoilt by what comes before', () => {
    const { view, start, wait, train } = begun();
    wait(100);
    start(1);
    wait(60);
    expect(view.secondsLeft).toBeNull();
    train(1, 0, 3);
    expect(view.secondsLeft).toBeCloseTo(570);
  });

  it('does not take the epochs of a trial that failed, or were trained before, for speed', () => {
    const { view, start, train, finish, fail } = begun();
    start(1);
    train(1, 0, 6);
    finish(1);
    start(2);
    train(2, 0, 1);
    fail(2);
    // Resumed from a snapshot of an earlier attempt.
    start(3);
    train(3, 5, 6);
    expect(view.secondsLeft).toBeCloseTo(70 * 6);
  });

  it('counts the time between two trials', () => {
    const { view, start, train, finish, wait } = begun();
    for (const trial of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      start(trial);
      wait(6);
      train(trial, 0, 6);
      finish(trial);
    }
    // 66 seconds a trial, of which the latest weigh the most.
    expect(view.secondsLeft).toBeGreaterThan(63);
    expect(view.secondsLeft).toBeLessThan(67);
  });
});
