import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ofType, prunegrid, sha256, temporaryFolder } from './environment/cli.js';

/** Every source of randomness and every kind of step. */
const settings = [
  'dataset.limit=512',
  'dataset.validation=500',
  'dataset.shift=2',
  'batch.global=64',
  'dense.dropout=0.3',
  'dense.labelSmoothing=0.1',
  'dense.gradientClipping=0.5',
  'dense.optimizer.weightDecay=1e-4',
  'dense.optimizer.name=adam',
  'admm.optimizer={name: sgd, momentum: 0.9}',
  'admm.learningRate={schedule: constant, value: 0.01}',
  'retrain.optimizer={name: adamw, weightDecay: 1e-3}',
].flatMap((setting) => ['--set', setting]);

describe('the number of trainers and who adds up', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let runs = 0;
  beforeAll(async () => (folder = await temporaryFolder()));
  afterAll(() => folder.remove());

  const run = async (trainers: number, ...more: string[]) => {
    const out = join(folder.path, [runs++, trainers, ...more].join('-').replaceAll(/[^\w.-]/g, ''));
    const args = ['run', 'experiments/lenet5-smoke.yaml', ...settings, '--trainers', String(trainers), '--out', out];
    const { code, stderr } = await prunegrid(...args, ...more);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return {
      hashes: ofType(out, 'epoch-finished').map(({ phase, weightsHash, validation, trainLoss }) => ({
        phase,
        weightsHash,
        validation,
        trainLoss,
      })),
      model: sha256(join(out, 'checkpoints/retrain.safetensors')),
      out,
    };
  };

  it('changes no bit of W through dense, ADMM and masked steps', async () => {
    const one = await run(1);
    expect(one.hashes.map(({ phase }) => phase)).toEqual(['dense', 'prune', 'prune', 'prune', 'retrain', 'retrain']);
    expect(new Set(one.hashes.map(({ weightsHash }) => weightsHash)).size).toBe(6);
    for (const trainers of [2, 3, 4]) expect((await run(trainers)).hashes).toEqual(one.hashes);
    // By default LeNet-5's gradients go between the trainers; here they go through the coordinator.
    for (const trainers of [2, 3]) expect((await run(trainers, '--reduction', 'hub')).hashes).toEqual(one.hashes);
    // The comparison is not empty: another seed has other bits.
    expect((await run(2, '--seed', '2')).hashes).not.toEqual(one.hashes);
  });

  it('changes none with more trainers than micro-batches either', async () => {
    for (const microBatches of [1, 2]) {
      const cut = ['--set', `batch.microBatches=${microBatches}`];
      const one = await run(1, ...cut);
      expect((await run(3, ...cut)).hashes).toEqual(one.hashes);
      expect((await run(3, ...cut, '--reduction', 'hub')).hashes).toEqual(one.hashes);
    }
  });

  it.each(['exchange.gradients=bfloat16', 'exchange.syncEvery=3'])('change none with %s either', async (setting) => {
    const lossy = ['--set', setting];
    const one = await run(1, ...lossy);
    for (const [trainers, reduction] of [
      [2, 'sharded'],
      [2, 'hub'],
      [3, 'sharded'],
    ] as const) {
      expect((await run(trainers, ...lossy, '--reduction', reduction)).hashes).toEqual(one.hashes);
    }
    expect((await run(1)).hashes).not.toEqual(one.hashes);
  });
});
