import { expect, it } from 'vitest';

import type { JournalRecord } from '@prunegrid/coordinator/training/records';
import { runTimeOf } from './run-time.js';

const spec = {
  method: 'admm',
  batch: { global: 100 },
  dense: { epochs: 1 },
  admm: { iterations: 1, epochsPerIteration: 1 },
  retrain: { epochs: 1 },
};
/** 2 s of steps. */
const epoch = (phase: string) => ({ type: 'epoch-finished', phase, imagesPerSecond: 500 });
const started = (phase: string) => ({ type: 'phase-started', phase, stepsPerEpoch: 10 });
const checkpoint = (name: string, phase: string) => ({
  type: 'checkpoint',
  file: `checkpoints/${name}.safetensors`,
  phase,
});
const journal = (
  [
    [0, { type: 'run-started', manifest: { spec } }],
    [5, { type: 'trainer-joined' }],
    [10, started('dense')],
    [12.5, epoch('dense')],
    [12.7, checkpoint('dense', 'dense')],
    [14.7, { type: 'evaluated' }],
    [14.8, started('prune')],
    [17.1, epoch('prune')],
    [17.2, { type: 'admm-iteration' }],
    [17.5, checkpoint('admm', 'prune')],
    [17.6, { type: 'hard-pruned' }],
    [17.8, checkpoint('hard-pruned', 'prune')],
    [19.8, { type: 'evaluated' }],
    [19.8, started('retrain')],
    [22.0, epoch('retrain')],
    [22.1, checkpoint('retrain', 'retrain')],
    [24.1, { type: 'evaluated' }],
    [24.2, { type: 'run-finished' }],
  ] as const
).map(([seconds, event], seq) => ({ seq, time: 1000 * seconds, ...event }) as unknown as JournalRecord);

it('divides a run from its first phase to its last record', () => {
  const time = runTimeOf(journal);
  expect(time.steps).toBeCloseTo(6);
  expect(time.epochEvaluations).toBeCloseTo(0.5 + 0.3 + 0.2);
  expect(time.stageEvaluations).toBeCloseTo(2.2 + 2.2 + 2.1);
  expect(time.saving).toBeCloseTo(0.1 + 0.1 + 0.4 + 0.1);
  const all = Object.values(time).reduce((sum, seconds: number) => sum + seconds, 0);
  expect(all).toBeCloseTo(14.2);
});

it('tells what more epochs would have taken', () => {
  const time = runTimeOf(journal, { dense: 2, prune: 3, retrain: 4 });
  expect(time.steps).toBeCloseTo(2 * 9);
  expect(time.epochEvaluations).toBeCloseTo(2 * 0.5 + 3 * 0.3 + 4 * 0.2);
  expect(time.stageEvaluations).toBeCloseTo(2.2 + 2.2 + 2.1);
  expect(time.saving).toBeCloseTo(0.1 + 3 * 0.1 + 0.4 + 0.1);
});
