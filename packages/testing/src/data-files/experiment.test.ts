import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { describe, expect, it } from 'vitest';

import { smallModel } from '../engine/index.js';
import { hostWith, npyOf, npz } from './index.js';

const catalogue = { engines: ['small'], models: [smallModel as ModelDescription], datasets: ['small'], launchers: [] };
const text = (dataset: string) => `name: own
engine: small
model: small
dataset: ${dataset}
keep: { hidden: 64 }
dense: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
admm: { iterations: 1, rho: 1e-3, learningRate: { schedule: constant, value: 1e-3 } }
retrain: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
`;
const pictures = (first: number) =>
  npz({
    x: npyOf(
      Uint8Array.from({ length: 8 * 16 }, (_, i) => first + i),
      [8, 4, 4],
    ),
    y: npyOf(Uint8Array.of(0, 1, 2, 3, 0, 1, 2, 3), [8]),
  });

async function load(dataset: string, data: Record<string, Uint8Array | string> = { '/lab/data/own.npz': pictures(0) }) {
  const host = await hostWith({
    '/lab/a.yaml': text(dataset),
    '/lab/sweep.yaml': 'name: s\nbase: a.yaml\nseeds: 2\n',
    ...data,
  });
  const spec = async (...overrides: string[]) => (await loadSpec(host, '/lab/a.yaml', overrides, catalogue)).spec;
  return { host, spec };
}

describe('an experiment with data in files', () => {
  const own = '{ name: ./data/own.npz, test: 2 }';

  it('sees paths from its own folder, and says which data it is about', async () => {
    const { spec } = await load('{ name: data/own.npz, validation: ./data/own.npz, test: data/own.npz }');
    const { dataset } = await spec();
    const path = '/lab/data/own.npz';
    expect(dataset).toMatchObject({ name: path, validation: path, test: path });
    expect(dataset.sha256).toMatch(/^[0-9a-f]{64}$/);
    // A manifest's spec is read again: nothing changes.
    expect(await spec(`dataset.sha256=${dataset.sha256}`)).toEqual(await spec());
  });

  it('has other keys with other data, and those of the same data on another day', async () => {
    const keysOf = async (first: number, dataset = own) => {
      const { host } = await load(dataset, { '/lab/data/own.npz': pictures(first) });
      const [{ key, denseKey }] = (await planSweep(host, '/lab/sweep.yaml', catalogue)).trials;
      return [key, denseKey];
    };
    const keys = await keysOf(0);
    expect(await keysOf(0)).toEqual(keys);
    for (const others of [await keysOf(1), await keysOf(0, '{ name: ./data/own.npz, test: 3 }')]) {
      expect(others[0]).not.toBe(keys[0]);
      expect(others[1]).not.toBe(keys[1]);
    }
  });

  it('is planned in a sweep, whose trials say the same', async () => {
    const { host, spec } = await load(own);
    const { trials } = await planSweep(host, '/lab/sweep.yaml', catalogue);
    const { dataset } = await spec();
    expect(trials.map((trial) => trial.spec.dataset)).toEqual([dataset, dataset]);
  });

  it.each([
    ['{ name: ./data/none.npz }', '/lab/a.yaml:4:18: dataset.name: /lab/data/none.npz: no such file here'],
    [
      '{ name: data/folder }',
      '/lab/a.yaml:4:18: dataset.name: no data set "data/folder"; allowed: small; a path begins with ./',
    ],
    ['{ name: ./data/own.npz }', '/lab/a.yaml:4:1: dataset.test: own.npz has no such part'],
    [
      '{ name: ./data/own.npz, test: 2, shape: [16] }',
      'small takes float32 of shape [4, 4, 1] in 4 classes: choose another, or set',
    ],
    ['{ name: ./data/own.npz, test: 2, classes: 3 }', 'has the label 3 where dataset.classes is 3'],
    [`{ name: ./data/own.npz, test: 2, sha256: ${'a'.repeat(64)} }`, 'holds other data (SHA-256'],
    ['{ name: ./data/own.npz, test: 2, shift: 1, augment: [] }', 'dataset.shift: beside augment'],
    ['{ name: small, shape: [16] }', '/lab/a.yaml:4:32: dataset.shape: is for data in files, and small is registered'],
    ['{ name: ./data/own.npz, test: 1.5 }', 'dataset.test: must be a whole number of examples, or a share below 1'],
    ['{ name: ./data/own.npz, test: 2, augment: [{ turn: 1 }] }', 'dataset.augment.0.turn: unknown key; '],
    [
      '{ name: ./data/own.npz, test: 2, augment: [{ shift: 1, flip: vertical }] }',
      'must have exactly one of the keys shift, flip',
    ],
    [
      '{ name: ./data/own.npz, test: 2, augment: [{ flip: up }] }',
      'dataset.augment.0.flip: found "up"; allowed: horizontal, vertical',
    ],
    ['{ name: ./data/own.npz, test: 2, normalize: { std: 0 } }', 'dataset.normalize.std: found 0; must be above 0'],
    ['{ name: ./data/own.npz, test: 2, normalize: { mean: [] } }', 'dataset.normalize.mean'],
  ])('%s is refused in one line', async (dataset, message) => {
    const { spec } = await load(dataset);
    const error = (await spec().catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ kind: 'input', message: expect.stringContaining(message) as string });
    expect(error.message).not.toContain('\n');
  });
});
