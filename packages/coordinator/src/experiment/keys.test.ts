import { describe, expect, it } from 'vitest';

import { read, valid } from './experiment.fixture.js';
import { denseKey, resultKey } from './keys.js';

describe('the keys of results', () => {
  const key = (text: string, ...overrides: string[]) => resultKey(read(text, ...overrides));
  const stage = (...overrides: string[]) => denseKey(read(valid, ...overrides));

  it('are the same however an experiment is written and called, and others for another result', () => {
    const flipped = valid.replace('name: tiny\nmodel: lenet5\n', 'model: lenet5\nname: other\n');
    expect(key(flipped)).toBe(key(valid));
    expect(key(valid)).toMatch(/^[0-9a-f]{64}$/);
    expect(key(valid, 'seed=1')).toBe(key(valid));
    for (const other of ['seed=2', 'admm.rho=2e-3', 'retrain.dropout=0.1'])
      expect(key(valid, other)).not.toBe(key(valid));
  });

  it('are what they were before there was a choice of methods', () => {
    expect(key(valid)).toBe('e4125f4c16573e8c68e18b26ab4249bbdeb28b0de8410223bcb645196599d6f9');
  });

  it('of a baseline do not depend on what it does without', () => {
    const admmAlone = ['admm.rho=2e-3', 'admm.stopEarly={primalResidual: 0.1, supportChange: 0.1}'];
    const phase = [
      'admm.learningRate.value=2e-3',
      'admm.dropout=0.5',
      'admm.optimizer={name: sgd}',
      'admm.labelSmoothing=0.1',
      'admm.gradientClipping=1',
    ];
    const epochs = ['admm.iterations=8', 'retrain.epochs=2'];
    const keyOf = (method: string, ...more: string[]) => key(valid, `method=${method}`, ...more);
    const keys = ['admm', 'magnitude', 'gradual'].map((method) => keyOf(method));
    expect(new Set(keys).size).toBe(3);
    expect(keys[0]).toBe(key(valid));
    for (const other of [...admmAlone, ...phase]) expect(keyOf('magnitude', other), other).toBe(keys[1]);
    for (const other of admmAlone) expect(keyOf('gradual', other), other).toBe(keys[2]);
    for (const other of phase) expect(keyOf('gradual', other), other).not.toBe(keys[2]);
    for (const other of [...epochs, 'keep.conv1=99']) {
      expect(keyOf('magnitude', other), other).not.toBe(keys[1]);
      expect(keyOf('gradual', other), other).not.toBe(keys[2]);
    }
    expect(keyOf('gradual', 'admm.iterations=4', 'admm.epochsPerIteration=4')).toBe(keys[2]);
    expect(denseKey(read(valid, 'method=gradual'))).toBe(denseKey(read(valid)));
  });

  it('of dense training depend on what it depends on, and on nothing that comes later', () => {
    for (const later of ['admm.rho=2e-3', 'keep.conv1=99', 'retrain.epochs=1']) expect(stage(later)).toBe(stage());
    const own = [
      'seed=2',
      'dense.epochs=1',
      'dataset.shift=1',
      'batch.global=64',
      'threadsPerTrainer=2',
      'dense.labelSmoothing=0.1',
      'dense.gradientClipping=1',
    ];
    const lossy = ['exchange.gradients=bfloat16', 'exchange.syncEvery=4'];
    for (const each of [...own, ...lossy]) expect(stage(each), each).not.toBe(stage());
    for (const each of lossy) expect(key(valid, each), each).not.toBe(key(valid));
    expect(key(valid, 'engine=tensorflow')).toBe(key(valid));
    const ofEngine = (engine: string) => ({ ...read(valid), engine });
    const exact = { ...ofEngine('xla'), precision: 'tf32' as const };
    for (const keyOf of [resultKey, denseKey]) expect(keyOf(exact)).not.toBe(keyOf(ofEngine('xla')));
    for (const keyOf of [resultKey, denseKey]) expect(keyOf(ofEngine('other'))).not.toBe(keyOf(read(valid)));
    expect(key(valid, 'exchange.syncEvery=1')).toBe(key(valid));
  });
});
