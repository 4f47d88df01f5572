import { expect, it } from 'vitest';

import type { Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import { SweepState } from '@prunegrid/coordinator/sweep/state';
import { createSweepScreen } from './sweep.js';

const epochs = { dense: { epochs: 1 }, admm: { iterations: 1, epochsPerIteration: 1 }, retrain: { epochs: 2 } };
const trial = {
  ...{ number: 1, cell: 1, settings: {}, key: '', denseKey: 'd', kept: { total: 10 }, weights: 100 },
  spec: { model: 'net', method: 'admm', seed: 1, ...epochs },
} as unknown as Trial;

it('shows nothing of what it recalls, and says how far the sweep has come when nothing else happens for long', () => {
  let time = 0;
  let written = '';
  const plan = { name: 'tiny', base: '', trials: [trial], duplicates: 0 };
  const state = new SweepState(plan.trials);
  const stdout = { write: (text: string) => void (written += text) };
  const screen = createSweepScreen({ mode: 'plain', stdout, plan, state, now: () => time });
  const happened = (event: SweepEvent) => {
    const record = { ...event, seq: 0, time };
    state.apply(record);
    return record;
  };
  const job = { folder: 'trials/1/attempt-1', runId: 'r', attempt: 1, trainers: [1] };
  screen.recall(happened({ type: 'dense-reused', key: 'd', runId: 'r' }));
  screen.recall(happened({ type: 'trial-started', trial: 1, settings: {}, seed: 1, ...job }));
  for (let step = 1; step <= 4; step++) {
    time += 10_000;
    const { phase, steps, totalSteps, accuracy } = {
      phase: 'retrain',
      steps: 10,
      totalSteps: 16,
      accuracy: 0.9,
    } as const;
    screen.progress({ kind: 'trial', trial: 1 }, { phase, step, steps, totalStep: 4 + 2 * step, totalSteps, accuracy });
  }
  expect(written).toBe('tiny: 1 running, 62 % done, 30 s left\n');
  time = 65_000;
  screen.event(happened({ type: 'trial-stopped', trial: 1, attempt: 1, reason: 'others do better' }));
  expect(written.split('\n')[1]).toBe(
    'trial 1 (seed 1): stopped early, others do better; 1 stopped early, 100 % done, 0 s left',
  );
});
