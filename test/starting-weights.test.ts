import { readSpec } from '@prunegrid/coordinator/experiment/load';
import { readStartingWeights } from '@prunegrid/coordinator/training/starting-weights';
import { nodeHost } from '@prunegrid/core/node';
import { readSafetensors } from '@prunegrid/core/safetensors';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tensorflow from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { journalOf, prunegrid, sha256 } from './environment/cli.js';
import { ensurePyTorch } from './environment/python.mjs';

const folder = mkdtempSync(join(tmpdir(), 'prunegrid-weights-'));
const path = (name: string) => join(folder, name);
let python: string;
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => ({ python } = await ensurePyTorch(console.log)), 900_000);

const alexnet = models.get('alexnet');
const read = (choice: object) => readStartingWeights({ file: '', ...choice }, alexnet, nodeHost);

it("reads AlexNet's weights in torchvision's and in BVLC's layout, and computes what PyTorch does", async () => {
  execFileSync(python, [join(import.meta.dirname, 'pytorch', 'alexnet.py'), folder], { stdio: 'pipe' });
  const weights = await read({ file: path('torchvision.safetensors') });
  const caffe = await read({ file: path('caffe.safetensors'), channels: 'bgr' });
  expect(Buffer.from(caffe.buffer).equals(Buffer.from(weights.buffer))).toBe(true);

  await engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
  const { tensors } = await readSafetensors(nodeHost, path('computed.safetensors'));
  const logits = tf.tidy(() => {
    const parameters = alexnet.parameters.map(({ shape, offset, size }) =>
      tf.tensor(weights.subarray(offset, offset + size), shape),
    );
    const images = tf.tensor4d(tensors.get('images')!.data, [2, 227, 227, 3]);
    return alexnet.forward(tf, parameters, images).logits.dataSync();
  });
  const theirs = tensors.get('logits')!.data;
  expect(theirs).toHaveLength(2000);
  theirs.forEach((value, i) => expect(Math.abs(value - logits[i])).toBeLessThan(1e-5));
}, 300_000);

it('prunes weights that PyTorch has trained, by names of its own, and names all that does not fit', async () => {
  const script = `
import sys, torch
from safetensors.torch import save_file
torch.manual_seed(1)
net = torch.nn.Sequential(torch.nn.Linear(784, 300), torch.nn.BatchNorm1d(300), torch.nn.Linear(300, 100), torch.nn.Linear(100, 10))
save_file(net.state_dict(), sys.argv[1])`;
  execFileSync(python, ['-c', script, path('net.safetensors')]);
  writeFileSync(path('names.yaml'), 'fc1: "0"\nfc2: "2"\nfc3.weight: "3.weight"\nfc3.bias: "3.bias"\n');
  const flags = ['dense.epochs=0', 'admm.iterations=1', 'retrain.epochs=1', 'dataset.limit=256'];
  const run = (name: string, weights: string) =>
    prunegrid(
      ...['run', 'experiments/lenet300-mnist.yaml', '--trainers', '1', '--out', path(name)],
      ...[...flags, `weights=${weights}`].flatMap((set) => ['--set', set]),
    );
  const refused = await run('refused', path('net.safetensors'));
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr.trim().split('\n')).toHaveLength(1);
  for (const name of ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias', 'fc3.weight', 'fc3.bias']) {
    expect(refused.stderr).toContain(`has no tensor "${name}"`);
  }
  const done = await run('run', `{ file: ${path('net.safetensors')}, names: ${path('names.yaml')} }`);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const [{ manifest }] = journalOf(path('run')) as { manifest: { spec: { weights: object } } }[];
  expect(manifest.spec.weights).toEqual({
    file: path('net.safetensors'),
    names: { fc1: '0', fc2: '2', 'fc3.weight': '3.weight', 'fc3.bias': '3.bias' },
    sha256: sha256(path('net.safetensors')),
  });
  const dense = await readSafetensors(nodeHost, path('run/checkpoints/dense.safetensors'));
  const theirs = await readSafetensors(nodeHost, path('net.safetensors'));
  const pairs = [
    ['fc1.weight', '0.weight'],
    ['fc2.bias', '2.bias'],
    ['fc3.weight', '3.weight'],
  ];
  for (const [ours, name] of pairs) expect(dense.tensors.get(ours)).toEqual(theirs.tensors.get(name));
  // A run's own result is a file of weights as well.
  const spec = await readSpec(nodeHost, 'experiments/lenet300-mnist.yaml', [], {
    engines: ['tensorflow'],
    models: [...models],
    datasets: ['mnist'],
    launchers: [],
  });
  expect(spec.weights).toBeUndefined();
  expect(await run('again', path('run/model.safetensors'))).toMatchObject({ code: 0, stderr: '' });
}, 120_000);
