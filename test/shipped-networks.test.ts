import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { nodeHost } from '@prunegrid/core/node';
import { loadModel } from '@prunegrid/trainer/models/load';
import type { RunResult } from 'prunegrid';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { prunegrid, temporaryFolder } from './environment/cli.js';
import { ensurePyTorch, ensureShipped } from './environment/python.mjs';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let packages: string;
let run: (script: string, ...args: string[]) => string;
const at = (...path: string[]) => join(folder.path, ...path);

beforeAll(async () => {
  folder = await temporaryFolder();
  const { python } = await ensurePyTorch(console.log);
  packages = await ensureShipped(console.log);
  cpSync(join('experiments', 'magika'), folder.path, { recursive: true });
  run = (script, ...args) =>
    execFileSync(python, ['-W', 'ignore', script, ...args], {
      ...{ cwd: folder.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
      env: { ...process.env, OMP_NUM_THREADS: '1', PYTHONPATH: packages },
    });
  run('made.py');
}, 900_000);
afterAll(() => folder.remove());

it('the network of magika is shown, pruned by half and given back, and onnxruntime agrees', async () => {
  const shown = await prunegrid('model', 'show', at('magika.onnx'), '--json');
  const { layers, input } = JSON.parse(shown.stdout) as { layers: { weights: number }[]; input: object };
  expect(input).toMatchObject({ shape: [2048], type: 'int32' });
  expect(layers.map(({ weights }) => weights)).toEqual([64 * 257, 512 * 256 * 5, 214 * 512]);

  const { code, stderr } = await prunegrid('run', at('prune.yaml'), '--trainers', '1', '--out', at('run'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { total, final } = JSON.parse(readFileSync(at('run', 'result.json'), 'utf8')) as RunResult;
  expect(total).toMatchObject({ weights: 781_376, kept: 390_688 });
  expect((await prunegrid('export', at('run'), '--format', 'onnx', '--out', at('pruned.onnx'))).code).toBe(0);

  const lines = run('check.py', '12', 'magika.onnx', 'pruned.onnx').trim().split('\n');
  const [whole, pruned] = lines.map((line) => JSON.parse(line) as { correct: number; zeros: number });
  expect(whole.correct).toBe(12);
  expect(pruned.zeros - whole.zeros).toBe(total.weights - total.kept);
  expect(pruned.correct).toBe(Math.round(12 * final.testAccuracy));
}, 600_000);

it.each([
  ['silero_vad.onnx', 'has operators that are not supported: If (If_0): express them by others, '],
  ['silero_vad_openvino_16k.onnx', '(Pad) pads by mode reflect, of which there is no gradient; constant is read'],
])('%s of silero-vad is refused by one line that says what is missing', async (file, missing) => {
  const path = join(packages, 'silero_vad', 'data', file);
  await expect(loadModel(path, nodeHost)).rejects.toMatchObject({
    kind: 'input',
    message: expect.stringContaining(missing) as string,
  });
});
