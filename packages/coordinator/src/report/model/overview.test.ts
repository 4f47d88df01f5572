import { models } from '@prunegrid/trainer/models';
import { describe, expect, it } from 'vitest';

import { read, valid } from '../../experiment/experiment.fixture.js';
import { overviewOf } from './overview.js';

const lenet5 = models.get('lenet5');

describe('the overview of a network', () => {
  it('has its layers with weights, shapes as in files and multiply-accumulates', async () => {
    const { layers, totals, parameters } = await overviewOf('lenet5', lenet5);
    expect(layers[1]).toEqual({
      ...{ name: 'conv2', kind: 'convolution', shape: [50, 20, 5, 5], weights: 25_000, pruned: true },
      ...{ input: [12, 12, 20], output: [8, 8, 50], multiplyAccumulates: 1_600_000 },
    });
    expect(totals).toEqual({
      ...{ parameters: 431_080, weights: 430_500, prunable: 430_500 },
      ...{ multiplyAccumulates: 2_293_000, otherMultiplyAccumulates: 0 },
    });
    expect(parameters.filter(({ kind }) => kind === 'bias').map(({ size }) => size)).toEqual([20, 50, 500, 10]);
  });

  it('says what an experiment prunes and keeps, and why it leaves the rest', async () => {
    const spec = read(valid.replace('conv1: 100', 'conv1: 5 %\n  "fc*": 100'), 'except=[fc2]');
    const { layers, totals } = await overviewOf('lenet5', lenet5, { spec });
    expect(layers.map(({ name, pruned, reason, keep }) => ({ name, pruned, reason, keep }))).toEqual([
      { name: 'conv1', pruned: true, keep: 25 },
      { name: 'conv2', pruned: false, reason: 'not in keep' },
      { name: 'fc1', pruned: true, keep: 100 },
      { name: 'fc2', pruned: false, reason: 'by except' },
    ]);
    expect(totals.prunable).toBe(400_500);
  });

  it('suggests keeps by every rule that needs no more than there is', async () => {
    const { suggestions } = await overviewOf('lenet5', lenet5, { ratio: 10 });
    expect(suggestions?.keeps['uniform']).toEqual({ conv1: 50, conv2: 2500, fc1: 40_000, fc2: 500 });
    expect(suggestions?.without['lamp']).toBe('needs trained weights, and lenet5 comes without');
    const trained = { ...lenet5, pretrained: async () => new Float32Array(lenet5.size).fill(1) };
    expect((await overviewOf('lenet5', trained, { ratio: 10 })).suggestions?.keeps['magnitude']).toEqual({
      ...{ conv1: 500, conv2: 25_000, fc1: 17_550, fc2: 0 },
    });
  });
});
