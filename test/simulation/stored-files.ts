import extend from '@prunegrid/testing/extension';
import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { readSweepFile } from '@prunegrid/coordinator/sweep/folder';
import { sweepJournal } from '@prunegrid/coordinator/sweep/journal-format';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { readCheckpoint, readModel } from '@prunegrid/coordinator/training/model-file';
import { manifestFormat, resultFormat, runJournal } from '@prunegrid/coordinator/training/records';
import { readSnapshot, type Snapshot, writeSnapshot } from '@prunegrid/coordinator/training/snapshot';
import { Failure } from '@prunegrid/core/failure';
import { readStored } from '@prunegrid/core/formats';
import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';
import { type MemoryDisk } from '@prunegrid/testing/disk';
import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';

import { SimulatedCluster } from './cluster.js';

const catalogue = () => ({ engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] });
const trainers = {
  ...{ trainers: 1, external: 0, listen: '127.0.0.1:0', wait: 60 },
  ...{ reduction: 'auto', extensions: [] },
};

/** What a run of a network with four parameters would save. */
const small: Snapshot = {
  ...{ seq: 3, phase: 'retrain', steps: 10, optimizerSteps: 10, totalEpochs: 1, totalStep: 20, seconds: 1.5 },
  epoch: { steps: 2, loss: 0.5, correct: 7, seconds: 0.25, weightsHash: 'a'.repeat(64) },
  W: Float32Array.of(1, -2, 0, 0.5),
  moments: [Float32Array.of(1, 2), Float32Array.of(3, 4)],
  residuals: [Float32Array.of(0, 1)],
  survivors: Uint32Array.of(0, 3),
  own: { values: { best: 1 }, tensors: { Z: Float32Array.of(1, 0) } },
};

/** How each stored file of a run or a sweep is read when it is used. */
export const readers: Record<string, (host: Host, folder: string) => Promise<unknown>> = {
  'journal.jsonl': (host, folder) =>
    readJournal(host, folder, folder.startsWith('/sweeps') ? (sweepJournal as never) : runJournal),
  'sweep.json': readSweepFile,
  'manifest.json': (host, folder) => readStored(host, `${folder}/manifest.json`, manifestFormat, ''),
  'result.json': (host, folder) => readStored(host, `${folder}/result.json`, resultFormat, ''),
  'model.safetensors': (host, folder) => readModel(host, `${folder}/model.safetensors`, models.get('small')),
  ...Object.fromEntries(
    ['dense', 'admm', 'hard-pruned', 'retrain'].map((name) => {
      const file = `checkpoints/${name}.safetensors`;
      return [file, (host: Host, folder: string) => readCheckpoint(host, `${folder}/${file}`, models.get('small'))];
    }),
  ),
  'checkpoints/snapshot-a.safetensors': async (host, folder) => {
    const { newest, problems } = await readSnapshot(host, folder, () => true);
    if (problems.length > 0) throw new Failure('input', problems[0]);
    return newest;
  },
};

/**
 * Runs an experiment and a sweep, and returns the files that their folders, `/runs/one` and `/sweeps/one`, hold at the
 * end, and a snapshot, as it is before, by their paths.
 */
export async function storedFiles(): Promise<Map<string, Buffer>> {
  extend({ engines, models, datasets });
  const stored = new Map<string, Buffer>();
  const keep = async (disk: MemoryDisk, folder: string, names: readonly string[]) => {
    for (const name of names) stored.set(`${folder}/${name}`, await disk.read(`${folder}/${name}`));
  };
  const run = new SimulatedCluster({ seed: 1, delayMs: [100, 300] });
  const { spec } = await loadSpec(nodeHost, 'test/simulation/small.yaml', [], catalogue());
  await run.clock.run(() => run.runExperiment(spec, '/runs/one', trainers));
  await keep(
    run.disk,
    '/runs/one',
    Object.keys(readers).filter((name) => !/sweep|snapshot/.test(name)),
  );
  await run.clock.run(() => writeSnapshot(run.runtime, '/runs/one', 'a', small));
  await keep(run.disk, '/runs/one', ['checkpoints/snapshot-a.safetensors']);
  const plan = await planSweep(nodeHost, 'test/simulation/small-sweep.yaml', catalogue());
  const short = { ...plan, trials: plan.trials.slice(0, 2) };
  const sweep = new SimulatedCluster({ seed: 2 });
  await sweep.clock.run(() => sweep.runSweep(short, '/sweeps/one', trainers));
  await keep(sweep.disk, '/sweeps/one', ['sweep.json', 'journal.jsonl']);
  return stored;
}
