import extend from '@prunegrid/testing/extension';
import { type MemoryDisk } from '@prunegrid/testing/disk';
import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { readSweepFile } from '@prunegrid/coordinator/sweep/folder';
import { sweepJournal } from '@prunegrid/coordinator/sweep/journal-format';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { readCheckpoint, readModel } from '@prunegrid/coordinator/training/model-file';
import { manifestFormat, resultFormat, runJournal } from '@prunegrid/coordinator/training/records';
import { readSnapshot, type Snapshot, writeSnapshot } from '@prunegrid/coordinator/training/snapshot';
import { type Finding, verifyFolder } from '@prunegrid/coordinator/verify';
import { readStored } from '@prunegrid/core/formats';
import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';
import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';
import { beforeAll, describe, expect, it } from 'vitest';

import { SimulatedCluster } from './simulation/cluster.js';

/** The number of flips in each file, at places that are spread evenly over it. */
const FLIPS = 4000;

const catalogue = () => ({ engines: engines.names, models: [...models], datasets: datasets.names });
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
const readers: Record<string, (host: Host, folder: string) => Promise<unknown>> = {
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
    if (problems.length > 0) throw new Error(problems[0]);
    return newest;
  },
};

/** A run's and a sweep's folder, as they are at the end, and a snapshot, as it is before. */
let stored: Map<string, Buffer>;

beforeAll(async () => {
  extend({ engines, models, datasets });
  stored = new Map();
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
});

describe('a byte that has changed in a stored file', () => {
  it('is found wherever it is', async () => {
    let flips = 0;
    for (const [path, content] of stored) {
      const folder = path.startsWith('/runs') ? '/runs/one' : '/sweeps/one';
      const name = path.slice(folder.length + 1);
      const read = readers[name];
      const host = new SimulatedCluster({ seed: 3 }).runtime;
      await host.files.makeFolder(`${folder}/checkpoints`);
      const handle = await host.files.open(path, 'create');
      await handle.write(content, 0);
      await expect(read(host, folder), path).resolves.toBeDefined();
      const step = Math.max(1, content.length / FLIPS);
      const missed: number[] = [];
      for (let at = 0; at < content.length; at += step) {
        const position = Math.floor(at);
        const changed = Buffer.of(content[position] ^ (1 << (flips++ % 8)));
        await handle.write(changed, position);
        await read(host, folder).then(
          () => missed.push(position),
          () => undefined,
        );
        await handle.write(content.subarray(position, position + 1), position);
      }
      const shown = missed.map((position) => content.toString('latin1', Math.max(0, position - 20), position + 20));
      expect(shown, path).toEqual([]);
    }
    expect(flips).toBeGreaterThan(10_000);
  }, 240_000);
});

describe('prunegrid verify', () => {
  const files = async () => {
    const { runtime } = new SimulatedCluster({ seed: 4 });
    await runtime.files.makeFolder('/runs/one/checkpoints');
    for (const [path, content] of stored) {
      if (!path.startsWith('/runs')) continue;
      const handle = await runtime.files.open(path, 'create');
      await handle.write(content, 0);
      await handle.close();
    }
    return runtime;
  };
  const verified = async (host: Host) => {
    const findings: Finding[] = [];
    await verifyFolder(host, '/runs/one', (finding) => findings.push(finding));
    return findings;
  };
  const change = async (host: Host, path: string, edit: (content: Buffer) => Buffer) => {
    const content = edit(await host.files.read(path));
    const handle = await host.files.open(path, 'replace');
    await handle.write(content, 0);
    await handle.close();
  };

  it('finds nothing wrong with what is whole, and names each file that is not', async () => {
    const host = await files();
    const whole = await verified(host);
    expect(whole.length).toBeGreaterThan(6);
    expect(whole.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const flip = (content: Buffer) => ((content[content.length >> 1] ^= 1), content);
    const harmed = ['manifest.json', 'model.safetensors', 'journal.jsonl'].map((name) => `/runs/one/${name}`);
    for (const path of harmed) await change(host, path, flip);
    const damaged = (await verified(host)).filter(({ problem }) => problem !== undefined);
    expect(damaged.map(({ file, repair }) => [file, repair]).sort()).toEqual(
      harmed.map((path) => [path, undefined]).sort(),
    );
    await expect(verifyFolder(host, '/runs', () => undefined)).rejects.toThrow(/neither a run nor a sweep/);
  });

  it('cuts off a torn last line, and sets a damaged snapshot aside', async () => {
    const host = await files();
    const snapshot = '/runs/one/checkpoints/snapshot-a.safetensors';
    const damaged = Buffer.from('no snapshot');
    await change(host, '/runs/one/journal.jsonl', (content) => content.subarray(0, -7));
    await change(host, snapshot, () => damaged);
    const repaired = (await verified(host)).filter(({ problem }) => problem !== undefined);
    expect(repaired.map(({ repair }) => repair)).toEqual([
      'set aside as snapshot-a.safetensors.damaged; resume takes what was saved before',
      expect.stringMatching(/^\d+ bytes were cut off/),
    ]);
    expect((await verified(host)).filter(({ problem }) => problem !== undefined)).toEqual([]);
    expect(await host.files.read(`${snapshot}.damaged`)).toEqual(damaged);
  });
});
