import { Gateway, type TrainerGroup, type TrainerPool } from '@prunegrid/coordinator/cluster';
import type { Clock, Runtime } from '@prunegrid/core/runtime';
import { type BeginPhase, Split } from '@prunegrid/proto';
import { trainerRegistries } from '@prunegrid/trainer/registries';
import { serve } from '@prunegrid/trainer/worker';

import { VirtualClock } from '../clock/virtual-clock.js';
import { slowness } from '../engine/engine.js';
import { smallModel } from '../engine/index.js';
import extend from '../extension.js';
import { Life, livedIn } from '../host/life.js';
import { virtualHost } from '../host/virtual-host.js';
import { MemoryNetwork, type NetworkOptions } from './memory-network.js';

export interface ClusterOptions extends Partial<NetworkOptions> {
  /** The number of trainers that are started. */
  trainers: number;
  /** The number of trainers that the coordinator admits. The default is the number that are started. */
  wanted?: number;
  /** The name of the reduction. The default is `auto`. */
  reduction?: string;
}

export interface Cluster {
  pool: TrainerPool;
  network: MemoryNetwork;
  clock: VirtualClock;
  warnings: string[];
  /** Returns the runtime of the machine with this name. */
  machine: (name: string) => Runtime;
  /** Sets how long a trainer takes for the gradient of a micro-batch. */
  slow: (trainer: number, milliseconds: number) => void;
  address: string;
  /** Resolves when this number of trainers has joined. */
  complete: () => Promise<void>;
}

/** The token of the coordinators of all clusters. */
export const TOKEN = 'the token of a cluster in memory';

/**
 * Runs a coordinator's cluster on a network in memory and in virtual time, with real trainers that use the small
 * engine. Trainer i runs on the machine `machine-i`.
 */
export function onCluster<T>(
  { trainers, reduction, wanted = trainers, ...network }: ClusterOptions,
  program: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  if (!trainerRegistries.engines.find('small')) extend(trainerRegistries);
  const clock = new VirtualClock();
  return clock.run(async () => {
    const net = new MemoryNetwork({ clock, seed: 1, ...network });
    let machines = 0;
    const clocks: Clock[] = [];
    const machine = (name: string): Runtime =>
      // No two of them may draw the same secrets. Each has a clock of its own, by which engines know it.
      livedIn({ ...virtualHost({ seed: ++machines, clock, host: name }), transport: net.end(name) }, new Life());
    const slow = (trainer: number, milliseconds: number) => void slowness.set(clocks[trainer - 1], milliseconds);
    const warnings: string[] = [];
    const gateway = await Gateway.open({
      ...{ listen: 'coordinator:0', token: TOKEN, version: '1', trainers: wanted, parameters: smallModel.size },
      ...(reduction !== undefined && { reduction }),
      workload: {
        engine: 'small',
        model: 'small',
        dataset: { choice: JSON.stringify({ name: 'small', validation: 64 }) },
        threads: 1,
        metrics: [],
      },
      runtime: machine('coordinator'),
      warn: (line) => warnings.push(line),
    });
    const { address, pool } = gateway;
    for (let i = 1; i <= trainers; i++) {
      const runtime = machine(`machine-${i}`);
      clocks.push(runtime.clock);
      const served = {
        coordinator: address,
        token: TOKEN,
        version: '1',
        redialMs: 0,
        report: () => undefined,
        runtime,
      };
      void serve(served).catch(() => undefined);
      // Trainers start one after another, so that the coordinator numbers them in this order.
      while (pool.trainers.length < i) await clock.sleep(1);
    }
    const complete = () => gateway.waitForTrainers(60, new Promise(() => undefined));
    const result = await program({ pool, network: net, clock, warnings, machine, slow, address, complete });
    await pool.dismiss();
    await gateway.close();
    return result;
  });
}

export type Phase = Parameters<TrainerGroup['beginPhase']>[0];

/** Returns the settings of a phase with dropout and Adam. A global batch has 16 images. */
export const phaseOf = (microBatches: number, more: Partial<BeginPhase> = {}): Phase => ({
  ...{ seed: 1, phase: 1, globalBatch: 16, microBatches, shift: 0, dropout: 0.25, bfloat16: false, syncEvery: 1 },
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
  ...more,
});

export const firstWeights = (): Float32Array =>
  Float32Array.from({ length: smallModel.size }, (_, i) => Math.sin(7 * i) / 4);

/** Returns a learning rate for each of so many steps. */
export const rates = (steps: number): number[] => new Array<number>(steps).fill(0.01);

/** Everything that can be fetched from trainers that have trained. */
export interface TrainedState {
  trained: Awaited<ReturnType<TrainerGroup['train']>>;
  more: TrainedState['trained'];
  moments: Float32Array[];
  residuals: Float32Array[];
  weights: Float32Array;
  /** The loss and the number of correct answers of each step. */
  losses: number[];
  evaluated: Awaited<ReturnType<TrainerGroup['evaluate']>>;
}

/** Trains twice, the second time from what was fetched after the first, and returns all that can be fetched. */
export async function trainOn(group: TrainerGroup, phase: Phase, survivors?: Uint32Array): Promise<TrainedState> {
  await group.beginPhase(phase, firstWeights(), survivors);
  const losses: number[] = [];
  const trained = await group.train(0, rates(4), ({ loss, correct }) => losses.push(loss, correct));
  const moments = await group.fetchMoments();
  const residuals = await group.fetchResiduals();
  const weights = await group.fetchWeights();
  await group.beginPhase(phase, weights, survivors, { steps: 4, moments, residuals });
  const more = await group.train(4, rates(3), ({ loss, correct }) => losses.push(loss, correct));
  const evaluated = await group.evaluate(Split.VALIDATION, 64, []);
  return { trained, more, moments, residuals, weights, losses, evaluated };
}

/** Trains until an error ends the training. */
export async function trainOnAndOn(group: TrainerGroup, onStep: (step: number) => void = () => undefined) {
  await group.beginPhase(phaseOf(4), firstWeights());
  await group.train(0, rates(1_000_000), ({ step }) => onStep(step));
}

/**
 * Trains on all trainers of a cluster, does harm to its network after some steps, and returns how the training ended
 * and the seconds from the harm to the end of `after`.
 * @param after receives the cluster when the training has ended
 */
export const harmed = (
  options: ClusterOptions,
  harm: (network: MemoryNetwork) => void,
  after: (cluster: Cluster) => Promise<void>,
): Promise<{ message: string; seconds: number; warnings: string[] }> =>
  onCluster(options, async (cluster) => {
    const { pool, clock, network, warnings } = cluster;
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
    return { message, seconds: (clock.monotonic() - since) / 1000, warnings };
  });
