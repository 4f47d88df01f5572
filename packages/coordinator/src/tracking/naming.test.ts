import { expect, it } from 'vitest';
import { sampleManifest } from '../../../../test/mlflow/sample-run.js';
import { runName, trialName } from './naming.js';

it.each([
  [{ 'admm.rho': 0.01, budget: { rule: 'erk', ratio: 71.2 } }, 'rho=0.01 71.2x erk seed 1'],
  [{ 'admm.rho': 0.001, 'budget.ratio': 20 }, 'rho=0.001 20x seed 1'],
  // Keys that end alike are told apart, and so are drawn values, in four digits.
  [
    { 'dense.learningRate': 0.001234567, 'retrain.learningRate': 16_384 },
    'dense.learningRate=0.001235 retrain.learningRate=16384 seed 1',
  ],
  [{ keep: { fc1: 3600 }, method: 'magnitude' }, 'keep={fc1: 3600} method=magnitude seed 1'],
  [{}, 'seed 1'],
])('names a trial with %j by what varies', (settings, expected) => {
  expect(trialName({ settings, seed: 1 })).toBe(expected);
});

it('names other runs by what they are', () => {
  const manifest = sampleManifest('id');
  const sweep = { runId: 'sweep', name: 'grid', attempt: 1 };
  expect(runName(manifest)).toBe('lenet5-sample seed 7');
  expect(runName({ ...manifest, sweep })).toBe('dense network seed 7');
  const again = { ...sweep, trial: 3, attempt: 2, settings: { 'admm.rho': 1 } };
  expect(runName({ ...manifest, sweep: again })).toBe('rho=1 seed 7 attempt 2');
});
