import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { writeSafetensors } from '@prunegrid/core/safetensors';
import { initialParameters, models, toFile } from '@prunegrid/trainer/models';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readStartingWeights } from '../training/starting-weights.js';
import { denseKey, resultKey } from './keys.js';
import { loadSpec, readSpec } from './load.js';
import { checkWeights } from './starting-weights.js';

const lenet300 = models.get('lenet300');
const catalogue = { engines: ['tensorflow'], models: [...models], datasets: ['mnist'], launchers: [] };
const parameters = initialParameters(lenet300, 3);
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-weights-'));
const file = join(folder, 'net.safetensors');
const experiment = join(folder, 'experiment.yaml');
const renamed = { fc1: 'first', fc2: 'second', fc3: 'third' };

beforeAll(async () => {
  const tensors = toFile(lenet300, parameters).map((tensor) => ({
    ...tensor,
    name: tensor.name.replace(/^fc\d/, (layer) => renamed[layer as keyof typeof renamed]),
  }));
  await writeSafetensors(nodeHost, file, tensors, {});
  writeFileSync(
    experiment,
    `{ name: x, model: lenet300, dataset: { name: mnist }, keep: { fc1: 9 }, dense: { epochs: 0 },
       admm: { iterations: 1, rho: 1, learningRate: &rate { schedule: constant, value: 1 } },
       retrain: { epochs: 1, learningRate: *rate } }`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const failureOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failure);
  expect((error as Failure).message).not.toContain('\n');
  return (error as Failure).message;
};

describe('the weights of a spec', () => {
  it('are seen from its folder, and known by their content before anything starts', async () => {
    writeFileSync(join(folder, 'names.json'), JSON.stringify(renamed));
    const set = ['weights={ file: ./net.safetensors, names: ./names.json }'];
    const { spec } = await loadSpec(nodeHost, experiment, set, catalogue);
    expect(spec.weights).toEqual({ file, names: renamed, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    const read = await readStartingWeights(spec.weights!, lenet300, nodeHost);
    expect(Buffer.from(read.buffer).equals(Buffer.from(parameters.buffer))).toBe(true);
    const plain = { ...spec, weights: undefined };
    expect(denseKey(spec)).not.toBe(denseKey(plain));
    expect(resultKey(spec)).not.toBe(resultKey(plain));
    const other = { ...spec.weights!, sha256: '0'.repeat(64) };
    expect(await failureOf(readStartingWeights(other, lenet300, nodeHost))).toMatch(/holds other weights \(SHA-256/);
  });

  it.each([
    [
      './net.safetensors',
      /net\.safetensors: is no lenet300, and its first tensor is "first\.\w+": has no tensor "fc1\.weight"; .*has no tensor "fc3\.bias"; name/,
    ],
    ['./absent.safetensors', /absent\.safetensors cannot be read: there is no such file/],
    ['./experiment.yaml', /experiment\.yaml is not a usable safetensors file/],
    ['{ file: ./net.safetensors, names: { fc4: x } }', /names: lenet300 has no "fc4"/],
    ['{ file: ./net.safetensors, names: { fc1: absent } }', /has no tensor "absent\.weight" for fc1\.weight; has no/],
    ['{ file: ./net.safetensors, names: ./experiment.yaml }', /must be a map from the model's names/],
    ['{ file: ./net.safetensors, channels: bgr }', /channels: lenet300 has no layer that reads pictures/],
  ])('are refused in one line with the place: %s', async (weights, message) => {
    const said = await failureOf(loadSpec(nodeHost, experiment, [`weights=${weights}`], catalogue));
    expect(said).toMatch(/^--set weights=.*: weights: /);
    expect(said).toMatch(message);
  });

  it('take the place of dense training, which a registered model needs otherwise, and of fresh weights', async () => {
    expect(await failureOf(readSpec(nodeHost, experiment, [], catalogue))).toMatch(/dense\.epochs: found 0; lenet300 /);
    const fresh = [
      'weights=./net.safetensors',
      'dense.fresh=true',
      'dense.epochs=1',
      'dense.learningRate={schedule: constant, value: 1}',
    ];
    expect(await failureOf(readSpec(nodeHost, experiment, fresh, catalogue))).toMatch(
      /dense\.fresh=true: beside weights/,
    );
  });

  it('may have one of the shapes of another network, which is said of each', async () => {
    const error = await failureOf(checkWeights({ file, names: { ...renamed, fc2: 'third' } }, lenet300, nodeHost));
    expect(error).toContain(
      'third.weight has shape [10, 100] where lenet300 has [100, 300] for fc2.weight; third.bias',
    );
  });
});
