import { mkdtemp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { models } from '@prunegrid/trainer/models';

import { catalogue, read, valid } from './experiment.fixture.js';
import { loadSpec, parseSpec } from './load.js';

describe('an experiment file', () => {
  it('is read with every default filled in, and 1e-3 is a number', () => {
    const spec = read(valid);
    expect(spec.admm.rho).toBe(0.001);
    expect(spec.seed).toBe(1);
    expect(spec.dense.optimizer).toEqual({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
    expect(spec.dense.learningRate).toEqual({
      schedule: 'one-cycle',
      max: 0.003,
      warmup: 0.3,
      divide: 25,
      finalDivide: 250_000,
    });
  });

  it('lets anchors and aliases stand for values', () => {
    const text = valid
      .replace('value: 1e-3 }\nretrain', 'value: &lr 1e-2 }\nretrain')
      .replace('value: 1e-3 }\n', 'value: *lr }\n');
    expect(read(text).retrain.learningRate).toEqual({ schedule: 'constant', value: 0.01 });
  });
});

describe('loadSpec', () => {
  it('names a file that cannot be read, and the one that may have been meant', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spec-'));
    const at = (name: string): string => join(folder, name);
    await mkdir(at('sub'));
    await writeFile(at('lenet5.yaml'), valid);
    await writeFile(at('big.bin'), Buffer.alloc(5_000_000, 0x23));
    await writeFile(at('latin1.txt'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    const load = (name: string) => loadSpec(nodeHost, at(name), [], catalogue);
    await expect(load('lenet.yaml')).rejects.toThrow(
      `${at('lenet.yaml')}: no such file; did you mean ${at('lenet5.yaml')}?`,
    );
    await expect(load('sub')).rejects.toThrow(`${at('sub')}: a folder; name a YAML file in it`);
    await expect(load('big.bin')).rejects.toThrow(`${at('big.bin')}: larger than 4 MiB`);
    await expect(load('latin1.txt')).rejects.toThrow(`${at('latin1.txt')}: not UTF-8 text`);
    await expect(load('no\0where')).rejects.toThrow(Failure);
    const { source } = await load('lenet5.yaml');
    expect(source).toMatchObject({ file: at('lenet5.yaml'), text: valid, overrides: [] });
  });

  it.each(['lenet5-mnist', 'lenet5-smoke'])(
    'accepts experiments/%s.yaml, which keeps what the paper keeps',
    async (name) => {
      const file = new URL(`../../../../experiments/${name}.yaml`, import.meta.url);
      const spec = parseSpec(await readFile(file, 'utf8'), name, [], catalogue);
      expect(spec.name).toBe(name);
      expect(spec.keep).toEqual({ conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 });
      expect(
        spec.dense.epochs + spec.admm.iterations * spec.admm.epochsPerIteration + spec.retrain.epochs,
      ).toBeLessThanOrEqual(50);
    },
  );
});

it('accepts experiments/lenet300-mnist.yaml, which keeps at most what the paper keeps, 23 times fewer', async () => {
  const { layers, parameters } = models.get('lenet300');
  const file = new URL('../../../../experiments/lenet300-mnist.yaml', import.meta.url);
  const known = {
    engines: ['tensorflow'],
    datasets: ['mnist'],
    launchers: [],
    models: [{ name: 'lenet300', parameters }],
  };
  const { keep = {} } = parseSpec(await readFile(file, 'utf8'), 'lenet300', [], known);
  const kept = layers.reduce((sum, { name }) => sum + Number(keep[name]), 0);
  expect(kept).toBeLessThanOrEqual(11_600);
  expect(266_200 / kept).toBeGreaterThanOrEqual(23);
});
