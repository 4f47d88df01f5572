import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ofType, prunegrid, sha256, start, temporaryFolder } from './environment/cli.js';

/** LeNet-300, because XLA's plugin for CPUs computes convolutions slowly, with every source of randomness. */
const spec = `name: xla
seed: 3
engine: xla
model: lenet300
dataset: { name: mnist, validation: 100, limit: 128, shift: 1 }
batch: { global: 32, microBatches: 4 }
keep: { fc1: 2000, fc2: 500, fc3: 100 }
dense:
  epochs: 1
  learningRate: { schedule: one-cycle, max: 1e-3 }
  dropout: 0.3
  gradientClipping: 1
admm:
  iterations: 1
  rho: 1e-2
  learningRate: { schedule: constant, value: 0.01 }
  optimizer: { name: sgd, momentum: 0.9 }
retrain:
  epochs: 2
  learningRate: { schedule: constant, value: 1e-3 }
`;

// XLA's plugin for CPUs exists for this platform only.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('a run on the engine xla', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    file = join(folder.path, 'xla.yaml');
    writeFileSync(file, spec);
  });
  afterAll(() => folder.remove());

  const args = (out: string, trainers: number) => ['run', file, '--trainers', String(trainers), '--out', out];
  const hashesOf = (out: string) => ofType(out, 'epoch-finished').map(({ weightsHash }) => weightsHash);

  it('has the same bits in other processes, with more trainers, and after it was interrupted', async () => {
    const [one, two, resumed] = ['one', 'two', 'resumed'].map((name) => join(folder.path, name));
    expect(await prunegrid(...args(one, 1))).toMatchObject({ code: 0, stderr: '' });
    const hashes = hashesOf(one);
    expect(new Set(hashes).size).toBe(4);
    expect(await prunegrid(...args(two, 2))).toMatchObject({ code: 0, stderr: '' });
    expect(hashesOf(two)).toEqual(hashes);

    const running = start(...args(resumed, 1));
    // ADMM's programs are compiled for a while after that, so that there is something left to be interrupted.
    await expect
      .poll(() => existsSync(join(resumed, 'journal.jsonl')) && hashesOf(resumed).length, { timeout: 300_000 })
      .toBeGreaterThanOrEqual(1);
    running.process.kill('SIGINT');
    await running.ended;
    expect(await prunegrid('resume', resumed, '--trainers', '2', '--reduction', 'hub')).toMatchObject({ code: 0 });
    expect(hashesOf(resumed)).toEqual(hashes);
    const models = [one, two, resumed].map((out) => sha256(join(out, 'model.safetensors')));
    expect(new Set(models).size).toBe(1);
  }, 600_000);
});
