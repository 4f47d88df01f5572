import pc from 'picocolors';
import { describe, expect, it } from 'vitest';

import { SweepState } from '@prunegrid/coordinator/sweep/state';
import type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { sweepFrame } from './sweep-frame.js';
import { SweepView } from './sweep-view.js';

const ratios = [20, 40, 71.2, 120, 180, 250, 280];
const rhos = [1e-3, 3e-3, 1e-2, 3e-2];

/** Seven sparsities and four rho: 28 trials. */
const trials = ratios.flatMap((ratio, at) =>
  rhos.map((rho, i) => {
    const number = at * rhos.length + i + 1;
    const epochs = { dense: { epochs: 4 }, admm: { iterations: 6, epochsPerIteration: 1 }, retrain: { epochs: 6 } };
    return {
      ...{
        number,
        cell: number,
        key: '',
        denseKey: 'd',
        kept: { total: Math.round(430_500 / ratio) },
        weights: 430_500,
      },
      settings: { 'admm.rho': rho, budget: { rule: 'lamp', ratio } },
      spec: { model: 'lenet5', method: 'admm', seed: 1, ...epochs },
    } as unknown as Trial;
  }),
);
const plan = { name: 'lenet5-rho-sparsity', base: '', trials, duplicates: 0 } as SweepPlan;

/** Renders a sweep of which the first `finished` trials have finished and the next four are running. */
function render(width: number, height: number, finished = 13): string[] {
  const state = new SweepState(trials);
  const view = new SweepView(plan, state);
  let seq = 0;
  const tell = (event: SweepEvent) => {
    const record = { ...event, seq, time: 1000 * seq++ };
    state.apply(record);
    view.event(record);
  };
  tell({ type: 'dense-reused', key: 'd', runId: 'r' });
  for (const { number, settings } of trials.slice(0, finished + 4)) {
    const folder = { folder: `trials/${number}/attempt-1`, runId: 'r', attempt: 1, trainers: [1 + (number % 4)] };
    tell({ type: 'trial-started', trial: number, settings, seed: 1, ...folder });
    const scores = { testAccuracy: 0.99 - number / 1000, validationAccuracy: 0.99 - number / 1000 };
    const total = { weights: 712, kept: 10, ratio: 71.2 };
    const result = { dense: scores, hardPruned: scores, final: scores, total } as RunResult;
    if (number <= finished) tell({ type: 'trial-finished', trial: number, attempt: 1, result });
    else
      view.progress(
        { kind: 'trial', trial: number },
        {
          ...{ phase: 'prune', step: 1000, steps: 2574, totalStep: 2716, totalSteps: 6864 },
          ...{ loss: 0.1, accuracy: 0.9712, imagesPerSecond: 3412, trainingSeconds: 1 },
        },
        1000 * seq,
      );
  }
  return sweepFrame(view, { width, height }, pc.createColors(false));
}

describe('a sweep of 28 trials, of which 13 have finished', () => {
  it.each([
    [80, 24],
    [60, 15],
    [120, 40],
    [200, 60],
  ])('shows its counts, all running trials and the best on %i x %i, within its limits', (columns, rows) => {
    const lines = render(columns - 1, rows - 1);
    expect(lines.length).toBeLessThan(rows);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
    const text = lines.join('\n');
    expect(text.replaceAll('\n', ' ')).toContain('lenet5-rho-sparsity: 13 finished, 4 running, 11 waiting');
    for (const number of [14, 15, 16, 17]) {
      expect(text).toMatch(new RegExp(`^trial ${number} +ADMM 38 % +accuracy 97\\.12 %`, 'm'));
    }
    for (const [compression, rho] of [
      ['20.0x', '0.001'],
      ['40.0x', '0.001'],
      ['71.2x', '0.001'],
      ['120.0x', '0.001'],
    ]) {
      expect(text).toMatch(new RegExp(`^${compression} +9[78]\\.\\d\\d .*admm\\.rho ${rho}$`, 'm'));
    }
  });

  it('shows the table of cells where it fits whole', () => {
    expect(render(199, 59).at(-1)).toMatch(/^28 .* waiting$/);
    expect(render(119, 39).join('\n')).not.toContain('state');
  });

  it('says how many best configurations there is no room for', () => {
    expect(render(59, 11, 24).at(-1)).toMatch(/^and \d more configurations?$/);
  });

  it('keeps the running trials above all else', () => {
    const lines = render(29, 6);
    expect(lines).toHaveLength(6);
    expect(lines.slice(-2)).toEqual(['trial 14  ADMM 38 %', 'and 3 more running jobs']);
  });
});
