import { Gateway, type ReductionChoice, type TrainerGroup, type TrainerPool } from '@prunegrid/coordinator/cluster';
import { encodeFromTrainer, type BeginPhase, Split } from '@prunegrid/proto';
import type { Runtime } from '@prunegrid/core/runtime';
import { trainerRegistries } from '@prunegrid/trainer/registries';
import { helloOf, join, LeaseEnded, openChannel, serve } from '@prunegrid/trainer/worker';
import { beforeAll, describe, expect, it } from 'vitest';

import { VirtualClock } from '../clock/virtual-clock.js';
import { smallModel } from '../engine/index.js';
import extend from '../extension.js';
import { virtualHost } from '../host/virtual-host.js';
import { MemoryNetwork, type NetworkOptions } from './memory-network.js';

beforeAll(() => extend(trainerRegistries));

interface Cluster {
  pool: TrainerPool;
  network: MemoryNetwork;
  clock: VirtualClock;
  warnings: string[];
  /** Returns the runtime of the machine with this name. */
  machine: (name: string) => Runtime;
  address: string;
  /** Resolves when this number of trainers has joined. */
  complete: () => Promise<void>;
}

/**
 * Runs a coordinator's cluster on a network in memory and in virtual time, with real trainers that use the small
 * engine.
 */
function onCluster<T>(
  { trainers, reduction, wanted = trainers, ...network }: ClusterOptions,
  program: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const clock = new VirtualClock();
  return clock.run(async () => {
    const net = new MemoryNetwork({ clock, seed: 1, ...network });
    const machine = (name: string): Runtime => ({
      ...virtualHost({ seed: 1, clock, host: name }),
      transport: net.end(name),
    });
    const warnings: string[] = [];
    const gateway = await Gateway.open({
      ...{ listen: 'coordinator:0', version: '1', trainers: wanted, reduction, parameters: smallModel.size },
      workload: {
        engine: 'small',
        model: 'small',
        dataset: { choice: JSON.stringify({ name: 'small', validation: 64 }) },
        threads: 1,
      },
      runtime: machine('coordinator'),
      warn: (line) => warnings.push(line),
    });
    const { address, pool } = gateway;
    for (let i = 1; i <= trainers; i++) {
      const runtime = machine(`machine-${i}`);
      void serve({ coordinator: address, version: '1', report: () => undefined, runtime }).catch(() => undefined);
      // Trainers start one after another, so that the coordinator numbers them in this order.
      while (pool.trainers.length < i) await clock.sleep(1);
    }
    const complete = () => gateway.waitForTrainers(60, new Promise(() => undefined));
    const result = await program({ pool, network: net, clock, warnings, machine, address, complete });
    await pool.dismiss();
    await gateway.close();
    return result;
  });
}

interface ClusterOptions extends Partial<NetworkOptions> {
  /** The number of trainers that are started. */
  trainers: number;
  /** The number of trainers that the coordinator admits. The default is the number that are started. */
  wanted?: number;
  reduction: ReductionChoice;
}

type Phase = Parameters<TrainerGroup['beginPhase']>[0];

const phaseOf = (microBatches: number, more: Partial<BeginPhase> = {}): Phase => ({
  ...{ seed: 1, phase: 1, globalBatch: 16, microBatches, shift: 0, dropout: 0.25, bfloat16: false, syncEvery: 1 },
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
  ...more,
});

const firstWeights = () => Float32Array.from({ length: smallModel.size }, (_, i) => Math.sin(7 * i) / 4);
const rates = (steps: number) => new Array<number>(steps).fill(0.01);

/** Trains twice, and returns everything that can be fetched afterwards. */
async function trainOn(group: TrainerGroup, phase: Phase) {
  await group.beginPhase(phase, firstWeights());
  const losses: number[] = [];
  const trained = await group.train(0, rates(4), ({ loss, correct }) => losses.push(loss, correct));
  const moments = await group.fetchMoments();
  const residuals = await group.fetchResiduals();
  const weights = await group.fetchWeights();
  await group.beginPhase(phase, weights, undefined, { steps: 4, moments, residuals });
  const more = await group.train(4, rates(3), ({ loss, correct }) => losses.push(loss, correct));
  const evaluated = await group.evaluate(Split.VALIDATION, 64);
  return { trained, more, moments, residuals, weights, losses, evaluated };
}

describe('all pairs of 1 to 8 trainers and 1, 2, 4 and 8 micro-batches', () => {
  const settings: Record<string, Partial<BeginPhase>> = {
    float32: {},
    bfloat16: { bfloat16: true },
    'local SGD': { syncEvery: 3 },
  };
  for (const reduction of ['hub', 'sharded'] as const) {
    it.each(Object.entries(settings))(`give the same bits, %s, ${reduction}`, (_, setting) =>
      onCluster({ trainers: 8, reduction }, async ({ pool }) => {
        const seen = new Set<string>();
        for (const microBatches of [1, 2, 4, 8]) {
          const phase = phaseOf(microBatches, setting);
          const alone = await pool.lease(1, (group) => trainOn(group, phase));
          expect(alone.losses).toHaveLength(14);
          seen.add(alone.more.weightsHash);
          for (let trainers = 2; trainers <= 8; trainers++) {
            const together = await pool.lease(trainers, (group) => trainOn(group, phase));
            expect(together, `${trainers} trainers, ${microBatches} micro-batches`).toEqual(alone);
          }
        }
        // This shows that the comparison is sensitive: the number of micro-batches changes the order of summation.
        expect(seen.size).toBeGreaterThan(1);
      }),
    );
  }
});

/** Trains until an error ends the training. */
const trainOnAndOn = (group: TrainerGroup, onStep: (step: number) => void = () => undefined) =>
  group.beginPhase(phaseOf(4), firstWeights()).then(() => group.train(0, rates(1_000_000), ({ step }) => onStep(step)));

describe('a cluster of which a part is silent', () => {
  /** Trains with `trainers`, calls `harm` after some steps, and returns how the training ended. */
  const harmed = (
    options: ClusterOptions,
    harm: (network: MemoryNetwork) => void,
    after: (cluster: Cluster) => Promise<void>,
  ) =>
    onCluster(options, async (cluster) => {
      const { pool, clock, network } = cluster;
      let since = 0;
      const work = pool.lease(options.trainers, (group) =>
        trainOnAndOn(group, (step) => {
          if (step !== 50) return;
          since = clock.monotonic();
          harm(network);
        }),
      );
      const message = await work.then(
        () => 'trained to the end',
        (error: Error) => error.message,
      );
      await after(cluster);
      return { message, seconds: (clock.monotonic() - since) / 1000, warnings: cluster.warnings };
    });

  it('names two trainers that have lost each other, and keeps all of them', async () => {
    const { message, seconds, warnings } = await harmed(
      { trainers: 3, reduction: 'sharded', delayMs: [1, 2] },
      (network) => network.cut('machine-2', 'machine-3'),
      async ({ pool, network }) => {
        expect(pool.freeCount).toBe(3);
        network.mend('machine-2', 'machine-3');
        expect((await pool.lease(3, (group) => trainOn(group, phaseOf(4)))).losses).toHaveLength(14);
      },
    );
    expect(message).toMatch(
      /^trainer [23] at machine-[23] .* has lost the connection to trainer [23] at machine-[23] .*no progress for \d+ s$/,
    );
    expect(seconds).toBeLessThan(60);
    expect(warnings.join('\n')).toMatch(/^trainer \d at machine-\d .*: no progress for 1\d s \(usually 0\.\d+ s\)$/m);
  });

  it.each(['hub', 'sharded'] as const)(
    'drops a trainer that is frozen, names it and keeps the others, %s',
    async (reduction) => {
      const { message, seconds, warnings } = await harmed(
        { trainers: 3, reduction, delayMs: [1, 2] },
        (network) => network.freeze('machine-2'),
        async ({ pool }) => {
          expect(pool.trainers.map(({ number }) => number)).toEqual([1, 3]);
          expect(pool.freeCount).toBe(2);
          expect((await pool.lease(2, (group) => trainOn(group, phaseOf(4)))).losses).toHaveLength(14);
        },
      );
      expect(message).toMatch(/^trainer 2 at machine-2 .*no answer for \d+ s: see its own output$/);
      expect(seconds).toBeLessThan(120);
      expect(warnings.join('\n')).toMatch(/^trainer 2 at machine-2 .*: no progress for 1\d s/m);
    },
  );

  it('notices by the connection itself that an end has gone', async () => {
    const { message, seconds } = await harmed(
      { trainers: 2, reduction: 'hub', livenessMs: 20_000, delayMs: [1, 2] },
      (network) => network.freeze('machine-1'),
      async ({ pool }) => expect(pool.trainers.map(({ number }) => number)).toEqual([2]),
    );
    expect(message).toMatch(/^trainer 1 at machine-1 .* left in the middle of its work/);
    expect(seconds).toBeLessThan(30);
  });

  it('ends the work of a trainer that is alive and makes no progress, and keeps it', () =>
    onCluster(
      { trainers: 0, wanted: 1, reduction: 'auto' },
      async ({ pool, machine, address, warnings, clock, complete }) => {
        const runtime = machine('idler');
        const channel = openChannel(await runtime.transport.connect('coordination', address, 1000), address);
        const ready = {
          ...{ engine: 'none', engineVersion: '', device: '', memoryBytes: 0, datasetHash: '' },
          ...{ trainingImages: 0, validationImages: 0, testImages: 0, parameters: smallModel.size },
        };
        await join(channel, helloOf('1', runtime.processes), async () => ({ ready, loaded: undefined }));
        void (async () => {
          let generation = 0;
          for (;;) {
            try {
              const message = await channel.receive();
              if (message.$case === 'lease') ({ generation } = message.value);
            } catch (error) {
              if (!(error instanceof LeaseEnded)) throw error;
              await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
            }
          }
        })().catch(() => undefined);
        await complete();
        await expect(pool.lease(1, (group) => trainOnAndOn(group))).rejects.toThrow(
          /^trainer 1 at idler .*: no progress for 900 s: see their own output$/,
        );
        expect(warnings.join()).toMatch(/^trainer 1 at idler .*: no progress for 30 s$/);
        expect(clock.monotonic()).toBeLessThan(1_000_000);
        expect(pool.freeCount).toBe(1);
      },
    ));
});
