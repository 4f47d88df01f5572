import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { journalOf, prunegrid, small } from './environment/cli.js';
import { oneLine } from './environment/one-line.js';
import { runFolders } from './environment/run-folders.js';

const smoke = 'experiments/lenet5-smoke.yaml';
const { path, out } = runFolders();

describe('bad input ends with 2 and one line', () => {
  it.each([
    ['an unknown key', ['--set', 'admm.iteration=3'], /--set admm\.iteration.*did you mean "iterations"\?/],
    ['a wrong type', ['--set', 'dense.epochs=many'], /dense\.epochs.*many/],
    ['a keep above the size', ['--set', 'keep.conv1=501'], /keep\.conv1.*found 501; conv1 has 500 weights/],
    ['a layer that the model lacks', ['--set', 'keep.conv3=5'], /keep\.conv3.*lenet5 has no such layer/],
    [
      'a batch above the data',
      ['--set', 'dataset.limit=100'],
      /batch\.global: 128 is more than the 100 training images/,
    ],
    ['no trainer at all', ['--trainers', '0'], /--trainers 0: a run needs a trainer/],
  ])('%s', async (_, args, message) => {
    const { code, stderr } = await prunegrid('run', smoke, '--out', out(), ...args);
    expect(code).toBe(2);
    oneLine(stderr, message);
  });

  it('an unknown command or option', async () => {
    expect((await prunegrid('rum', smoke)).code).toBe(2);
    const { code, stderr } = await prunegrid('run', smoke, '--trainer', '2');
    expect(code).toBe(2);
    expect(stderr).toContain("unknown option '--trainer'");
  });

  it('a missing file', async () => {
    const { code, stderr } = await prunegrid('run', 'experiments/lenet5-smok.yaml');
    expect(code).toBe(2);
    oneLine(stderr, /lenet5-smok\.yaml: no such file; did you mean .*lenet5-smoke\.yaml/);
  });

  it('a model file that is none', async () => {
    const file = path('model.safetensors');
    writeFileSync(file, 'not a model');
    const { code, stderr } = await prunegrid('evaluate', file, '--model', 'lenet5');
    expect(code).toBe(2);
    oneLine(stderr, /model\.safetensors/);
  });
});

describe('a loss that is not finite', () => {
  it('ends with 3, names layer and step and keeps the last good checkpoint', async () => {
    const to = out();
    const args = [
      '--set',
      'retrain.learningRate={schedule: constant, value: 1e30}',
      '--set',
      'retrain.optimizer={name: sgd}',
    ];
    const { code, stderr } = await prunegrid('run', smoke, '--out', to, ...args);
    expect(code).toBe(3);
    oneLine(stderr, /step \d+ of the phase: .*(conv|fc)[12]\.(weight|bias).*lower the learning rate/);
    expect(journalOf(to).at(-1)).toMatchObject({ type: 'run-failed', kind: 'training' });
    // A machine that is slow has saved a snapshot, too.
    const checkpoints = readdirSync(join(to, 'checkpoints')).filter((name) => !name.startsWith('snapshot-'));
    expect(checkpoints.sort()).toEqual(['admm.safetensors', 'dense.safetensors', 'hard-pruned.safetensors']);
    const kept = await prunegrid('evaluate', join(to, 'checkpoints/hard-pruned.safetensors'), '--json');
    expect(JSON.parse(kept.stdout)).toMatchObject({ total: { kept: 6050 } });
  });
});

describe('a checkpoint that cannot be written', () => {
  it('ends the run with 5 before another epoch is finished', async () => {
    const to = out();
    const experiment = 'test/environment/small.yaml';
    const run = small.start('run', experiment, '--out', to, '--json', '--set', 'admm.epochsPerIteration=1');
    await run.prints(/"stage":"dense"/);
    // Snapshots can be written beside it, whenever they are due.
    mkdirSync(join(to, 'checkpoints/admm.safetensors'));
    const { code, stderr } = await run.ended;
    expect(code).toBe(5);
    oneLine(stderr, /checkpoints\/admm\.safetensors cannot be written: /);
    const types = journalOf(to).map(({ type }) => type);
    expect(types.slice(types.lastIndexOf('phase-started'))).toEqual([
      'phase-started',
      'epoch-finished',
      'admm-iteration',
      'run-failed',
    ]);
  });
});
