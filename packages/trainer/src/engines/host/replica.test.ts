import { nodeHost } from '@prunegrid/core/node';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dataset, datasets } from '../../datasets/index.js';
import { initialParameters, models } from '../../models/index.js';
import type { PhaseSettings, ReplicaStart } from '../engine.js';
import { loadTensorFlow } from '../tensorflow/tensorflow.js';
import { HostReplica } from './replica.js';

const provider = loadTensorFlow(1);
const model = models.get('lenet5');
const phase: PhaseSettings = {
  seed: 1,
  phase: 1,
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 } },
  globalBatch: 16,
  microBatches: 2,
  shift: 1,
  dropout: 0.3,
  bfloat16: false,
};
let dataset: Dataset;
beforeAll(async () => {
  dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 64 }, nodeHost);
});

const open = (own: PhaseSettings, weights: Float32Array, rest: Pick<ReplicaStart, 'survivors' | 'state'> = {}) =>
  new HostReplica(
    provider,
    nodeHost.clock,
    { model, dataset, phase: own, survivors: rest.survivors },
    { weights, state: rest.state },
  );

const step = async (replica: HostReplica, number: number, rate = 1e-3) => {
  const [[, sum]] = await replica.computeGradients(number, [0, 1]);
  const gradient = sum.subarray(0, -STEP_METRICS);
  await replica.beginUpdate(number, sum[gradient.length], rate);
  replica.applyUpdate(0, gradient);
  await replica.commit();
  return sum;
};

describe('HostReplica', () => {
  it('keeps pruned weights at exactly zero under Adam with weight decay, and no moments of them', async () => {
    const dense = open(phase, initialParameters(model, 1));
    for (let i = 0; i < 2; i++) await step(dense, i);
    const survivors = Uint32Array.from({ length: model.size / 7 }, (_, i) => 7 * i);
    const pruned = new Float32Array(model.size);
    for (const position of survivors) pruned[position] = dense.weights[position];
    const before = pruned.slice();
    const replica = open(phase, pruned, { survivors });
    expect((await replica.computeGradients(0, [0, 1]))[0][1].length).toBe(survivors.length + 2);
    for (let i = 0; i < 3; i++) {
      await step(replica, i);
      expect(replica.weights.findIndex((value, position) => position % 7 !== 0 && !Object.is(value, 0))).toBe(-1);
      expect(replica.moments.map(({ length }) => length)).toEqual([survivors.length, survivors.length]);
    }
    const moved = survivors.filter((position) => replica.weights[position] !== before[position]);
    expect(moved.length / survivors.length).toBeGreaterThan(0.9);
  });

  it('moves the survivors as a dense step would move them', async () => {
    const weights = initialParameters(model, 1);
    const all = Uint32Array.from(weights.keys());
    const masked = open(phase, weights.slice(), { survivors: all });
    const dense = open(phase, weights);
    for (let i = 0; i < 2; i++) for (const replica of [masked, dense]) await step(replica, i);
    expect(await masked.hashWeights(1)).toBe(await dense.hashWeights(1));
  });

  it.each(['adam', 'sgd'] as const)('goes on from its weights and moments with the same bits: %s', async ($case) => {
    const optimizer = {
      adam: phase.optimizer,
      sgd: { $case: 'sgd' as const, value: { momentum: 0.9, weightDecay: 0 } },
    };
    const own = { ...phase, optimizer: optimizer[$case] };
    const undisturbed = open(own, initialParameters(model, 1));
    for (let i = 0; i < 2; i++) await step(undisturbed, i);
    const moments = undisturbed.moments.map((moment) => moment.slice());
    const later = open(own, undisturbed.weights.slice(), { state: { steps: 2, moments } });
    for (const replica of [undisturbed, later]) for (let i = 2; i < 5; i++) await step(replica, i);
    expect(await later.hashWeights(4)).toBe(await undisturbed.hashWeights(4));
  });

  it('computes the gradient of the loss it reports, the penalty apart', async () => {
    const weights = initialParameters(model, 1);
    const whole = { ...phase, microBatches: 1 };
    const [[, gradient]] = await open(whole, weights).computeGradients(0, [0]);
    const lossAt = async (position: number, value: number) => {
      const replica = open(whole, weights.with(position, value));
      const loss = (await replica.computeGradients(0, [0]))[0][1][model.size];
      replica.close();
      return loss;
    };
    for (const { offset } of model.parameters) {
      // The weight with the largest gradient among the first ones is used, because float32 losses cannot resolve the
      // effect of the others.
      const head = [...gradient.subarray(offset, offset + 10)];
      const at = offset + head.reduce((best, value, i) => (Math.abs(value) > Math.abs(head[best]) ? i : best), 0);
      const h = 1e-2;
      const slope = ((await lossAt(at, weights[at] + h)) - (await lossAt(at, weights[at] - h))) / (2 * h);
      expect(Math.abs(slope - gradient[at])).toBeLessThan(0.1 * Math.abs(gradient[at]) + 1e-4);
    }
  });

  it('adds rho * (W - Z + U) once, to the summed gradient', async () => {
    const weights = initialParameters(model, 1);
    // The velocity of this optimizer after one step is the gradient.
    const sgd: PhaseSettings = { ...phase, optimizer: { $case: 'sgd', value: { momentum: 0, weightDecay: 0 } } };
    const [plain, replica] = [1, 2].map(() => open(sgd, weights.slice()));
    const target = Float32Array.from({ length: 500 }, (_, i) => i / 1000);
    await replica.setPenalty([{ layer: 'conv1', rho: 0.5 }], target);
    for (const each of [plain, replica]) await step(each, 0);
    const [[unpenalised], [penalised]] = [plain.moments, replica.moments];
    target.forEach((z, i) => expect(penalised[i]).toBeCloseTo(unpenalised[i] + 0.5 * (weights[i] - z), 6));
    expect(penalised.findIndex((value, i) => i >= 500 && value !== unpenalised[i])).toBe(-1);
  });

  it('adds the penalty to the survivors alone in a masked phase, as to the same weights of a dense one', async () => {
    const weights = initialParameters(model, 1);
    const survivors = Uint32Array.from({ length: model.size / 7 }, (_, i) => 7 * i);
    const pruned = new Float32Array(model.size);
    for (const position of survivors) pruned[position] = weights[position];
    const layers = ['conv2', 'fc2'].map((layer, i) => ({ layer, rho: 0.5 + i }));
    const target = Float32Array.from({ length: 25_000 + 5_000 }, (_, i) => i / 30_000);
    const dense = open(phase, pruned.slice());
    const masked = open(phase, pruned.slice(), { survivors });
    for (const replica of [dense, masked]) {
      await replica.setPenalty(layers, target);
      await step(replica, 0);
    }
    const [[whole], [own]] = [dense.moments, masked.moments];
    expect([...own]).toEqual([...survivors].map((position) => whole[position]));
  });

  it('says which layer and step when training blows up, and moves nothing', async () => {
    const broken = initialParameters(model, 1).with(model.parameters[4].offset + 3, NaN);
    const replica = open(phase, broken);
    await expect(step(replica, 7)).rejects.toThrow(/^step 7 of the phase: fc1.weight is no longer finite/);
    const { offset, size } = model.parameters[6];
    const overflowing = initialParameters(model, 1).fill(3e38, offset, offset + size);
    await expect(step(open(phase, overflowing), 3)).rejects.toThrow(
      /^step 3 of the phase: the loss is not finite, .* 3.00e\+38 in fc2.weight/,
    );
  });
});
