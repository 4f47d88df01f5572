import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { readModel } from '@prunegrid/coordinator/training/model-file';
import { type Evaluation, runJournal } from '@prunegrid/coordinator/training/records';
import { nodeHost } from '@prunegrid/core/node';
import { smallModel } from '@prunegrid/testing/engine';
import extend from '@prunegrid/testing/extension';
import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';
import { beforeAll, describe, expect, it } from 'vitest';

import { allLies } from '@prunegrid/testing/rogue/lies';
import { meetAll } from '@prunegrid/testing/rogue/meet-all';
import { findOne } from '@prunegrid/testing/simulation/broken/find-all';
import { mutations } from '@prunegrid/testing/simulation/broken/mutations';
import { drawScenario } from '@prunegrid/testing/simulation/faults';
import * as scenarios from '@prunegrid/testing/simulation/simulate';
import { prunegrid, temporaryFolder } from './environment/cli.js';
import { SimulatedCluster } from './simulation/cluster.js';

/** The weights of a network that has been trained elsewhere. */
const trained = Float32Array.from({ length: smallModel.size }, (_, i) => Math.sin(7 * i) / 4);

beforeAll(() => {
  extend({ engines, models, datasets });
  const dropouts = smallModel.dropouts.map((dropout) => ({ ...dropout, rate: 0.25 }));
  const pretrained = () => Promise.resolve(trained.slice());
  models.add({ ...smallModel, name: 'small-trained', dropouts, pretrained });
});

const experiment = 'test/simulation/small.yaml';
const sweep = 'test/simulation/small-sweep.yaml';
const catalogue = () => ({ engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] });
const loadExperiment = async () => (await loadSpec(nodeHost, experiment, [], catalogue())).spec;

const three = {
  ...{ trainers: 3, external: 0, listen: '127.0.0.1:0', wait: 60 },
  ...{ reduction: 'auto', extensions: [] },
};

/** SHA-256 of the tensors in a safetensors file. */
const hashOf = (bytes: Buffer): string =>
  createHash('sha256')
    .update(bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))))
    .digest('hex');

/** What a run in one process, in virtual time, comes to. */
async function simulate(options: ConstructorParameters<typeof SimulatedCluster>[0], reduction: 'hub' | 'sharded') {
  const spec = await loadExperiment();
  const cluster = new SimulatedCluster(options);
  await cluster.clock.run(() => cluster.runExperiment(spec, '/runs/one', { ...three, reduction }));
  return { hash: hashOf(await cluster.disk.read('/runs/one/model.safetensors')), cluster };
}

describe('a coordinator and its trainers in one process, in virtual time', () => {
  it('train to the same bits as processes that talk by gRPC', async () => {
    const folder = await temporaryFolder();
    try {
      const out = join(folder.path, 'run');
      const extension = createRequire(import.meta.url).resolve('@prunegrid/testing/extension');
      const { code, stderr } = await prunegrid(
        ...['run', experiment, '--trainers', '3', '--extension', extension, '--out', out],
      );
      expect(`${code}: ${stderr}`).toMatch(/^0: /);
      const expected = hashOf(readFileSync(join(out, 'model.safetensors')));
      // Without a delay, no time passes at all: whatever waits for a timer would be seen.
      const { hash, cluster } = await simulate({ seed: 1 }, 'hub');
      expect([hash, cluster.clock.monotonic(), cluster.warnings]).toEqual([expected, 0, []]);
      expect((await simulate({ seed: 2, delayMs: [1, 40] }, 'sharded')).hash).toBe(expected);
      expect((await simulate({ seed: 3, delayMs: [0, 200] }, 'hub')).hash).toBe(expected);
    } finally {
      await folder.remove();
    }
  });

  it('warn in the journal and in the result of a run whose ADMM does not converge, once', async () => {
    const spec = await loadExperiment();
    const strict = { ...spec, keep: { hidden: 8, output: 4 }, admm: { ...spec.admm, iterations: 6, rho: 1e-3 } };
    const cluster = new SimulatedCluster({ seed: 9 });
    await cluster.clock.run(async () => {
      await cluster.runExperiment(spec, '/runs/one', three);
      await cluster.runExperiment(strict, '/runs/strict', three);
    });
    const read = async (file: string) => (await cluster.disk.read(file)).toString();
    expect(await read('/runs/one/journal.jsonl')).not.toContain('not-converged');
    expect(await read('/runs/one/result.json')).not.toContain('warnings');
    const warned = (await read('/runs/strict/journal.jsonl')).match(/"admm-not-converged".*"message":"(.*?)"/g);
    expect(warned).toHaveLength(1);
    expect(JSON.parse(await read('/runs/strict/result.json'))).toMatchObject({
      warnings: [expect.stringMatching(/^ADMM has not converged in (hidden|output): /)],
    });
  });

  it('prune a network that comes trained straight away, also after a power cut and in sweeps', async () => {
    const overrides = ['model=small-trained', 'dense={epochs: 0}'];
    const { spec } = await loadSpec(nodeHost, experiment, overrides, catalogue());
    const whole = new SimulatedCluster({ seed: 1 });
    const { epochs } = await whole.clock.run(() => whole.runExperiment(spec, '/runs/one', three));
    expect(epochs).toBe(5);
    const records = await readJournal(whole.runtime, '/runs/one', runJournal);
    expect(records.find(({ type }) => type === 'evaluated')).toMatchObject({ stage: 'dense', totalEpochs: 0 });
    const phases = records.filter((record) => record.type === 'phase-started').map(({ phase }) => phase);
    expect(phases).toEqual(['prune', 'retrain']);
    const dense = await readModel(whole.runtime, '/runs/one/checkpoints/dense.safetensors', smallModel);
    expect(dense).toEqual(trained);

    const hash = hashOf(await whole.disk.read('/runs/one/model.safetensors'));
    let resumed = 0;
    for (const share of [0.2, 0.4, 0.6]) {
      const before = new SimulatedCluster({ seed: 8 });
      const power = before.disk.losePowerAfter(Math.floor(share * whole.disk.operations));
      void before.clock.run(() => Promise.race([power, before.runExperiment(spec, '/runs/one', three)]));
      await power;
      const after = new SimulatedCluster({ seed: 9, after: before });
      const { resumed: saved } = await after.clock.run(() => after.resumeOrRestart(spec, '/runs/one', three));
      if (saved) resumed++;
      const folder = saved ? '/runs/one' : '/runs/again';
      expect(hashOf(await after.disk.read(`${folder}/model.safetensors`))).toBe(hash);
    }
    expect(resumed).toBeGreaterThan(0);

    const changes = ['model=small-trained', 'dense={epochs: 0}'];
    const plan = await planSweep(nodeHost, sweep, catalogue(), { set: changes, seeds: 1 });
    const state = await whole.clock.run(() => whole.runSweep(plan, '/sweeps/one', three));
    expect([...state.trials.values()].map(({ status }) => status)).toEqual(new Array(10).fill('finished'));
  });

  it("drop units at the network's own rates where the spec says so", async () => {
    const hashWith = async (dropout: string) => {
      const overrides = ['model=small-trained', 'dense={epochs: 0}', `retrain.dropout=${dropout}`];
      const { spec } = await loadSpec(nodeHost, experiment, overrides, catalogue());
      const cluster = new SimulatedCluster({ seed: 1 });
      await cluster.clock.run(() => cluster.runExperiment(spec, '/runs/one', three));
      return hashOf(await cluster.disk.read('/runs/one/model.safetensors'));
    };
    const own = await hashWith('network');
    expect(await hashWith('0.25')).toBe(own);
    expect(await hashWith('0')).not.toBe(own);
  });

  it('keep the epoch of retraining with the lowest held-out loss where the spec chooses by it', async () => {
    const overrides = ['retrain.epochs=8', 'retrain.learningRate={schedule: constant, value: 0.03}'];
    const { spec } = await loadSpec(nodeHost, experiment, overrides, catalogue());
    const chosen = async (choose: 'accuracy' | 'loss') => {
      const cluster = new SimulatedCluster({ seed: 1 });
      const { final } = await cluster.clock.run(() => cluster.runExperiment({ ...spec, choose }, '/runs/one', three));
      const records = await readJournal(cluster.runtime, '/runs/one', runJournal);
      const epochs = records.filter((record) => record.type === 'epoch-finished' && record.phase === 'retrain');
      return { final, scores: epochs.map((record) => (record as { validation: Evaluation }).validation) };
    };
    const [byLoss, byAccuracy] = [await chosen('loss'), await chosen('accuracy')];
    expect(byLoss.scores).toEqual(byAccuracy.scores);
    expect(byLoss.final.validationLoss).toBe(Math.min(...byLoss.scores.map(({ loss }) => loss)));
    expect(byAccuracy.final.validationAccuracy).toBe(Math.max(...byLoss.scores.map(({ accuracy }) => accuracy)));
    expect(byAccuracy.final).not.toHaveProperty('validationLoss');
    // The two choose different epochs here.
    expect(byLoss.final.validationAccuracy).not.toBe(byAccuracy.final.validationAccuracy);
  });

  it('do the same in every simulation with the same seed, to the last record of the journal', async () => {
    const journals = [];
    for (const seed of [4, 4, 5]) {
      const { cluster } = await simulate({ seed, delayMs: [1, 40] }, 'sharded');
      journals.push((await cluster.disk.read('/runs/one/journal.jsonl')).toString());
    }
    expect(journals[1]).toBe(journals[0]);
    expect(journals[2]).not.toBe(journals[0]);
  });

  it('resume after a power cut, wherever it comes, to the same bits', async () => {
    const spec = await loadExperiment();
    const { hash, cluster: whole } = await simulate({ seed: 6, delayMs: [100, 300] }, 'hub');
    let resumed = 0;
    for (let cut = 1; cut <= 8; cut++) {
      const before = new SimulatedCluster({ seed: 100 + cut, delayMs: [100, 300] });
      const power = before.disk.losePowerAfter(Math.floor((whole.disk.operations * cut) / 9));
      void before.clock.run(() => Promise.race([power, before.runExperiment(spec, '/runs/one', three)]));
      await power;
      const after = new SimulatedCluster({ seed: 200 + cut, delayMs: [100, 300], after: before });
      const { resumed: saved } = await after.clock.run(() => after.resumeOrRestart(spec, '/runs/one', three));
      if (saved) resumed++;
      const folder = saved ? '/runs/one' : '/runs/again';
      expect(hashOf(await after.disk.read(`${folder}/model.safetensors`))).toBe(hash);
    }
    expect(resumed).toBeGreaterThan(2);
  });

  it('resume without a snapshot from the last stage that was evaluated, or from the beginning', async () => {
    const spec = await loadExperiment();
    // Without a delay no time passes, so no snapshot is ever due.
    const { hash, cluster: whole } = await simulate({ seed: 8 }, 'hub');
    const phases = new Set<string>();
    // The last operation was that of hashing the model, after the run.
    const all = whole.disk.operations - 1;
    for (let operations = 4; operations < all; operations += 7) {
      const before = new SimulatedCluster({ seed: 8 });
      const power = before.disk.losePowerAfter(operations);
      void before.clock.run(() => Promise.race([power, before.runExperiment(spec, '/runs/one', three)]));
      await power;
      const after = new SimulatedCluster({ seed: 9, after: before });
      const { resumed } = await after.clock.run(() => after.resumeOrRestart(spec, '/runs/one', three));
      if (!resumed) continue;
      const records = await readJournal(after.runtime, '/runs/one', runJournal);
      const first = records.findIndex(({ type }) => type === 'run-resumed');
      // It had ended before.
      if (first < 0) continue;
      const evaluated = records.slice(0, first).findLast((record) => record.type === 'evaluated');
      const phase = evaluated ? (evaluated.stage === 'dense' ? 'prune' : 'retrain') : 'dense';
      expect(records[first]).toMatchObject({ phase, steps: 0, totalEpochs: { dense: 0, prune: 2, retrain: 5 }[phase] });
      expect(records.filter((record) => record.type === 'phase-started').map((record) => record.phase)).toEqual([
        ...['dense', 'prune', 'retrain'],
      ]);
      expect(hashOf(await after.disk.read('/runs/one/model.safetensors'))).toBe(hash);
      phases.add(phase);
    }
    expect(phases).toEqual(new Set(['dense', 'prune', 'retrain']));
  });

  it('end by themselves with the same bits, or a clear refusal, whatever happens to processes, links and disks', async () => {
    const spec = await loadExperiment();
    const { hash } = await scenarios.simulate(spec, { ...drawScenario(0), trainers: 2, external: 0, faults: [] });
    const ends = { resumed: 0, refused: 0 };
    // `npm run simulate` does many more. What fits into this time is different from machine to machine.
    const end = performance.now() + 15_000;
    for (let seed = 1; seed <= 6 || (performance.now() < end && seed <= 60); seed++) {
      const { refusal, resumed, ...outcome } = await scenarios.simulate(spec, drawScenario(seed));
      if (refusal === undefined) expect([seed, outcome.hash]).toEqual([seed, hash]);
      else ends.refused++;
      ends.resumed += resumed;
    }
    expect(ends.resumed).toBeGreaterThan(0);
    expect(ends.refused).toBeGreaterThan(0);
  });

  // `npm run simulate -- --broken` tries the others, too.
  it.each(['fence-removed', 'checksum-of-checkpoints-skipped', 'stale-messages-accepted', 'record-after-a-lost-one'])(
    'are found out when their code is broken: %s',
    async (name) => {
      const mutation = mutations.find((each) => each.name === name)!;
      const scenario = drawScenario(mutation.seed);
      const { faults = scenario.faults } = mutation;
      await scenarios.simulate(await loadExperiment(), { ...scenario, faults });
      expect(findOne(mutation)).toMatch(/^found by seed \d+: ./);
    },
  );

  it('end a sweep with the same bits whose trials lose a trainer or all, and in the end the networks of its cache', async () => {
    const set = ['model=small-trained', 'dense={epochs: 0}', 'retrain.epochs=12'];
    const { trials, ...plan } = await planSweep(nodeHost, sweep, catalogue(), { set, seeds: 1 });
    const chain = [trials[0], { ...trials[1], start: trials[0].key }];
    const attemptAt = (trial: number) => `/sweeps/one/trials/${trial}/attempt-1`;
    const run = async (disturb: (cluster: SimulatedCluster) => Promise<void>) => {
      const cluster = new SimulatedCluster({ seed: 3, delayMs: [50, 100] });
      const two = { ...three, trainers: 2, reduction: 'hub' };
      await cluster.clock.run(async () => {
        void disturb(cluster);
        await cluster.runSweep({ ...plan, trainersPerTrial: 2, trials: chain }, '/sweeps/one', two);
      });
      const hashes = [];
      for (const trial of [1, 2]) hashes.push(hashOf(await cluster.disk.read(`${attemptAt(trial)}/model.safetensors`)));
      return { hashes, cluster };
    };
    const undisturbed = await run(() => Promise.resolve());
    const { hashes, cluster } = await run(async ({ clock, disk, runtime, killTrainer }) => {
      const isRetrained = async (trial: number) => {
        const file = `${attemptAt(trial)}/checkpoints/retrain.safetensors`;
        while (!(await disk.status(file))) await clock.sleep(10);
      };
      await isRetrained(1);
      killTrainer(1002);
      await isRetrained(2);
      await disk.remove(runtime.files.cacheFolder());
      for (const trainer of [1001, 1003]) killTrainer(trainer);
    });
    expect(hashes).toEqual(undisturbed.hashes);
    expect(undisturbed.cluster.warnings).toEqual([]);
    expect(cluster.warnings.join('\n')).toMatch(/goes on with 1 trainer from what was saved last/);
    const journal = (await cluster.disk.read('/sweeps/one/journal.jsonl')).toString();
    expect(journal.match(/trial-(paused|failed)","trial":\d/g)).toEqual(['trial-failed","trial":2']);
    const records = await readJournal(cluster.runtime, attemptAt(1), runJournal);
    const resumed = records.filter((record) => record.type === 'run-resumed');
    expect(resumed.map(({ lost }) => lost !== undefined)).toEqual([true, false]);
    expect(records.filter(({ type }) => type === 'trainer-joined')).toHaveLength(3);
  });

  it.each([
    {
      trainers: 3,
      reduction: 'sharded' as const,
      what: /^\S+ one: (trainer \d) .* computes another gradient than .* and most others in step \d+/m,
    },
    {
      trainers: 2,
      reduction: 'hub' as const,
      what: /computes another gradient than .* in step \d+: one of them is faulty, and a third one/,
    },
  ])(
    'end with the same bits when one of $trainers begins to compute wrong gradients',
    async ({ trainers, reduction, what }) => {
      const spec = await loadExperiment();
      const scenario = { seed: 1, trainers, external: 0, reduction, delayMs: [1, 20] as const, diskMs: 0, faults: [] };
      const { hash } = await scenarios.simulate(spec, scenario);
      const corrupt = { at: 1500, kind: 'corrupt' as const, victim: 1, other: 0, lasts: 0 };
      const faulty = await scenarios.simulate(spec, { ...scenario, faults: [corrupt] });
      expect(faulty.said.join('\n')).toMatch(what);
      expect(faulty.hash).toBe(hash);
    },
  );

  it('come to no other result by a lie of one of them, and do not crash', async () => {
    const spec = await loadExperiment();
    const { hash } = await scenarios.simulate(spec, { ...drawScenario(0), trainers: 2, external: 0, faults: [] });
    // `npm run simulate -- --rogues` tells all of them.
    const lies = allLies().filter((_, i) => i % 50 === 3);
    const { problems, told } = await meetAll(spec, hash, lies);
    expect(problems).toEqual([]);
    expect(told).toBeGreaterThan(lies.length / 2);
  });

  it('run a sweep of a hundred trials', async () => {
    const plan = await planSweep(nodeHost, sweep, catalogue());
    const cluster = new SimulatedCluster({ seed: 7 });
    const state = await cluster.clock.run(() => cluster.runSweep(plan, '/sweeps/one', three));
    const trials = [...state.trials.values()];
    expect(trials).toHaveLength(100);
    expect(new Set(trials.map(({ status }) => status))).toEqual(new Set(['finished']));
    expect(cluster.warnings).toEqual([]);
  });
});
