import { nodeHost } from '@prunegrid/core/node';
import type { Traffic } from '@prunegrid/transport/channel';
import { DEFAULT_ENGINE } from '@prunegrid/trainer/engines';
import { initialParameters, models } from '@prunegrid/trainer/models';

import type { TrainerGroup, TrainerPool } from '@prunegrid/coordinator/cluster';
import { nodeRuntime } from '@prunegrid/transport/node';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { withTrainers } from '@prunegrid/coordinator/launch/trainers';
import { prunedLayers, survivorsOf, weightsOf } from '@prunegrid/coordinator/training/layers';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { trafficOf } from './traffic.js';

export const lenet5 = models.get('lenet5');

/** The settings of experiments/lenet5-mnist.yaml. */
export const dataset = { name: 'mnist', validation: 5000, shift: 2 };
export const batch = { global: 128, microBatches: 4 };
const keep = { conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 };
const adam = { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } } as const;
const RATE = 1e-4;
const RHO = 1e-3;

/** The number of steps of a turn that are not timed. */
export const WARM_UP = 3;

export type StepKind = 'dense' | 'ADMM' | 'masked 71x';
export const stepKinds: readonly StepKind[] = ['dense', 'ADMM', 'masked 71x'];

/** The measurements of one turn. */
export interface Turn {
  imagesPerSecond: number;
  /** How long it takes to compare the trainers' gradients once, in steps. A trainer that is alone is compared with nobody. */
  comparison: number;
  /** The bytes that the coordinator and its trainers exchange in one step. */
  traffic: Traffic;
  /** The bytes that the trainers exchange with each other in one step. */
  among: Traffic;
}

/**
 * Starts trainer processes that have the data set and stay ready between turns, for as long as `work` takes. Throws
 * Failure.
 */
export async function withReadyTrainers<T>(
  trainers: number,
  threadsPerTrainer: number,
  work: (pool: TrainerPool) => Promise<T>,
): Promise<T> {
  const workload = { engine: DEFAULT_ENGINE, model: lenet5.name, dataset, threadsPerTrainer };
  const choice = { trainers, external: 0, reduction: 'auto', extensions: [] };
  const { files } = nodeRuntime;
  const folder = await files.makeTemporaryFolder('prunegrid-bench-');
  const events = {
    runtime: nodeRuntime,
    launch: chooseLauncher(launchers, {}),
    purpose: { name: 'bench', folder },
    warn: (line: string) => console.error(line),
    interrupted: new Promise<never>(() => undefined),
  };
  try {
    return await withTrainers(workload, choice, events, ({ pool }) => work(pool));
  } finally {
    await files.remove(folder);
  }
}

/** Times `steps` steps of one kind by `trainers` of the pool together. */
export const takeTurn = (pool: TrainerPool, trainers: number, kind: StepKind, steps: number): Promise<Turn> =>
  pool.lease(trainers, (group) => timeSteps(group, kind, steps, 1));

/**
 * Returns the images that `trainers` process in a second, all together, if they exchange nothing and each computes its
 * part of the global batch.
 */
export async function takeTurnApart(pool: TrainerPool, trainers: number, steps: number): Promise<number> {
  const turns = Array.from({ length: trainers }, () =>
    pool.lease(1, (group) => timeSteps(group, 'dense', steps, trainers)),
  );
  return (await Promise.all(turns)).reduce((sum, { imagesPerSecond }) => sum + imagesPerSecond, 0);
}

/** Times steps on 1/`share` of the global batch. */
async function timeSteps(group: TrainerGroup, kind: StepKind, steps: number, share: number): Promise<Turn> {
  const dense = initialParameters(lenet5, 1);
  const layers = prunedLayers(lenet5, { keep }, dense);
  const pruned = await new Projector(nodeHost).pruneNetwork(layers, dense);
  const globalBatch = batch.global / share;
  const phase = {
    ...{ seed: 1, phase: 1, optimizer: adam, shift: dataset.shift, dropout: 0 },
    ...{ globalBatch, microBatches: batch.microBatches / share, bfloat16: false, syncEvery: 1 },
  };
  if (kind === 'masked 71x') await group.beginPhase(phase, pruned.weights, survivorsOf(lenet5, pruned.supports));
  else await group.beginPhase(phase, dense);
  if (kind === 'ADMM') {
    const target = Float32Array.from(layers.flatMap((layer) => [...weightsOf(layer, pruned.weights)]));
    await group.setPenalty(
      layers.map(({ name: layer }) => ({ layer, rho: RHO })),
      target,
    );
  }
  const passed = () => ({ time: performance.now(), traffic: trafficOf(group), among: { ...group.amongTrainers } });
  const train = (first: number, count: number) =>
    group.train(first, new Array<number>(count).fill(RATE), () => undefined);
  await train(0, WARM_UP);
  const from = passed();
  await train(WARM_UP, steps);
  const to = passed();
  await group.compareGradients(WARM_UP + steps - 1);
  const compared = performance.now() - to.time;
  const perStep = (before: Traffic, after: Traffic): Traffic => ({
    bytes: (after.bytes - before.bytes) / steps,
    messages: (after.messages - before.messages) / steps,
  });
  return {
    imagesPerSecond: (1000 * steps * globalBatch) / (to.time - from.time),
    comparison: (steps * compared) / (to.time - from.time),
    traffic: perStep(from.traffic, to.traffic),
    among: perStep(from.among, to.among),
  };
}
