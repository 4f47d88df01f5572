import { describe, expect, it } from 'vitest';
import type { RunEvent } from '@prunegrid/coordinator/training/records';
import { epoch, phaseStarted, progress, started, startedBy } from '@prunegrid/testing/run-events';
import type { Progress } from '../api/run.js';
import { RunView } from './run-view.js';

/** A view with a clock that only `wait` moves. */
function begin() {
  const view = new RunView();
  let time = 1_000_000;
  return {
    view,
    event: (event: RunEvent) => view.event(event, time),
    progressed: (progress: Progress) => view.progress(progress, time),
    wait: (seconds: number) => void (time += seconds * 1000),
  };
}

describe('time left', () => {
  it('is unknown until a step has been timed, and is not spoilt by a slow first step', () => {
    const { event, progressed, wait, view } = begin();
    event(started);
    event(phaseStarted('dense', 2));
    wait(60);
    progressed(progress('dense', 1, 0, 200));
    expect(view.secondsLeft()).toBeNull();
    wait(9.9);
    progressed(progress('dense', 100, 0, 200));
    expect(view.secondsLeft()).toBeCloseTo(90);
  });

  it('takes in evaluations and follows the pace of the last epochs', () => {
    const { event, progressed, wait, view } = begin();
    event(started);
    event(phaseStarted('retrain', 10));
    wait(500);
    progressed(progress('retrain', 1, 0, 1000));
    for (let number = 1; number <= 4; number += 1) {
      wait(number === 1 ? 17.82 : 18);
      progressed(progress('retrain', number * 100, 0, 1000));
      wait(2);
      event(epoch('retrain', number, number));
    }
    // Six epochs of it and six planned ones of dense and ADMM are still to come, at 20 s each.
    expect(view.secondsLeft()).toBeCloseTo(240, 0);
  });

  it('knows no ADMM where all epochs after dense training retrain', () => {
    const { event, progressed, wait, view } = begin();
    event(startedBy('magnitude'));
    event(phaseStarted('dense', 2));
    event(phaseStarted('retrain', 8));
    progressed(progress('retrain', 50, 200, 800));
    wait(10);
    progressed(progress('retrain', 150, 200, 800));
    // 650 of 800 steps are left, a tenth of a second each.
    expect(view.secondsLeft()).toBeCloseTo(65);
  });

  it('leaves out iterations that an early stop saves', () => {
    const { event, progressed, wait, view } = begin();
    event(started);
    event(phaseStarted('dense', 2));
    wait(20);
    event(epoch('dense', 2, 2));
    event(phaseStarted('prune', 4));
    wait(20);
    event(epoch('prune', 2, 4));
    expect(view.secondsLeft()).toBeCloseTo(60);
    event({ type: 'admm-stopped-early', iteration: 1 });
    event(phaseStarted('retrain', 4));
    expect(view.secondsLeft()).toBeCloseTo(40);
    progressed(progress('retrain', 100, 400, 400));
    expect(view.share).toBeCloseTo(5 / 8);
    event(epoch('retrain', 4, 8));
    expect(view.share).toBe(1);
  });

  it('neither jumps with the first steps of a phase nor counts them', () => {
    const { event, progressed, wait, view } = begin();
    event(started);
    event(phaseStarted('dense', 2));
    progressed(progress('dense', 1, 0, 200));
    wait(19.9);
    progressed(progress('dense', 200, 0, 200));
    expect(view.secondsLeft()).toBeCloseTo(80);
    event(phaseStarted('prune', 4));
    wait(15);
    progressed(progress('prune', 1, 200, 400));
    expect(view.secondsLeft()).toBeCloseTo(79.9);
    wait(0.5);
    progressed(progress('prune', 2, 200, 400));
    expect(view.secondsLeft()).toBeGreaterThan(78);
    expect(view.secondsLeft()).toBeLessThan(83);
  });

  it('does not count the start of a resumed run', () => {
    const { event, progressed, wait, view } = begin();
    event(started);
    event(phaseStarted('dense', 2));
    event({ type: 'run-resumed', commandLine: [], phase: 'dense', steps: 100, totalEpochs: 1 });
    wait(60);
    progressed(progress('dense', 101, 0, 200));
    wait(5);
    progressed(progress('dense', 151, 0, 200));
    expect(view.secondsLeft()).toBeCloseTo(84.9);
  });
});
