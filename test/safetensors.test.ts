import { nodeHost } from '@prunegrid/core/node';
import { readSafetensors, writeSafetensors } from '@prunegrid/core/safetensors';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePython } from './environment/python.mjs';

const run = promisify(execFile);
let python: string;
let folder: string;
let file: string;

beforeAll(async () => {
  ({ python } = await ensurePython());
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-safetensors-'));
  file = join(folder, 'model.safetensors');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("PyPI's safetensors", () => {
  it('reads what is written here: names, shapes, zeros in place, metadata', async () => {
    const kernel = Float32Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? i / 7 : 0));
    await writeSafetensors(
      nodeHost,
      file,
      [
        { name: 'conv1/kernel', shape: [2, 1, 2, 3], data: kernel },
        { name: 'conv1/bias', shape: [3], data: Float32Array.of(-0, 2 ** -149, 3.4028234663852886e38) },
        { name: 'scalar', shape: [], data: Float32Array.of(7) },
        { name: 'empty', shape: [0, 4], data: new Float32Array(0) },
      ],
      { format: 'pt', note: 'ü "quoted"' },
    );
    const script = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as f:
    tensors = {name: f.get_tensor(name) for name in f.keys()}
    print(json.dumps({
        "metadata": f.metadata(),
        "tensors": {name: [str(t.dtype), list(t.shape), t.tobytes().hex()] for name, t in tensors.items()},
    }))`;
    const { stdout } = await run(python, ['-c', script, file]);
    const hex = (data: Float32Array) => Buffer.from(data.buffer).toString('hex');
    expect(JSON.parse(stdout)).toEqual({
      metadata: { format: 'pt', note: 'ü "quoted"' },
      tensors: {
        'conv1/kernel': ['float32', [2, 1, 2, 3], hex(kernel)],
        'conv1/bias': ['float32', [3], '0000008001000000ffff7f7f'],
        scalar: ['float32', [], hex(Float32Array.of(7))],
        empty: ['float32', [0, 4], ''],
      },
    });
  });

  it('writes what is read here, whatever float type numpy holds', async () => {
    const script = `
import sys
import numpy as np
from safetensors.numpy import save_file
save_file({
    "double": np.array([[np.pi], [-1e300]]),
    "half": np.array([1 / 3, 65504, 6e-8, -np.inf, np.nan], dtype=np.float16),
    "single": np.arange(6, dtype=np.float32).reshape(2, 3),
}, sys.argv[1], metadata={"by": "numpy"})`;
    await run(python, ['-c', script, file]);
    const { tensors, metadata } = await readSafetensors(nodeHost, file);
    expect(metadata).toEqual({ by: 'numpy' });
    expect(Object.fromEntries(tensors)).toEqual({
      double: { shape: [2, 1], data: Float32Array.of(Math.PI, -Infinity) },
      half: { shape: [5], data: Float32Array.of(0.333251953125, 65504, 2 ** -24, -Infinity, NaN) },
      single: { shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
    });
  });
});

describe('a disk without room', () => {
  it('is one line, and leaves neither a file nor a part of one', async () => {
    // A limit on file sizes stands in for a full disk: both fail in the middle of writing. bash counts it in KiB.
    const script = `
const { nodeHost } = await import('@prunegrid/core/node');
const { writeSafetensors } = await import('@prunegrid/core/safetensors');
try {
  await writeSafetensors(nodeHost, process.argv[1], [{ name: 'w', shape: [65536], data: new Float32Array(65536) }]);
} catch (error) {
  console.log(JSON.stringify([error.name, error.kind, error.message]));
}`;
    const room = await mkdtemp(join(folder, 'small-'));
    const target = join(room, 'model.safetensors');
    const node = [process.execPath, '--input-type=module', '-e', script, '--', target];
    const { stdout } = await run('bash', ['-c', 'ulimit -f 64; exec "$@"', 'bash', ...node]);
    expect(JSON.parse(stdout)).toEqual([
      'Failure',
      'environment',
      `${target} cannot be written: the quota or limit on file sizes is reached (EFBIG); raise it or write elsewhere`,
    ]);
    expect(await readdir(room)).toEqual([]);
  });
});
