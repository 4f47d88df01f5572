import { type BeginPhase } from '@prunegrid/proto';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dataset, loadDataset } from '../datasets/index.js';
import { loadTensorFlow } from '../engines/tensorflow/tensorflow.js';
import { initialParameters, type Model, models } from '../models/index.js';
import { Replica } from './replica.js';

const engine = loadTensorFlow(1);
const model = models.get('lenet5') as Model;
const phase: BeginPhase = {
  seed: 1,
  phase: 1,
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 } },
  globalBatch: 16,
  microBatches: 2,
  shift: 1,
  dropout: 0.3,
  masked: false,
  survivors: 0,
  optimizerSteps: 0,
  bfloat16: false,
  syncEvery: 1,
};
let dataset: Dataset;
beforeAll(async () => {
  dataset = await loadDataset({ name: 'mnist', validation: 5000, limit: 64 });
});

const step = (replica: Replica, number: number, rate = 1e-3) => {
  const [[, sum]] = replica.gradients(number, [0, 1]);
  const gradient = sum.subarray(0, -STEP_METRICS);
  replica.beginUpdate(number, sum[gradient.length], rate);
  replica.applyUpdate(0, gradient);
  replica.commit();
  return sum;
};

describe('Replica', () => {
  it('keeps pruned weights at exactly zero under Adam with weight decay, and no moments of them', () => {
    const dense = new Replica(engine, model, dataset, phase, initialParameters(model, 1));
    for (let i = 0; i < 2; i++) step(dense, i);
    const survivors = Uint32Array.from({ length: model.size / 7 }, (_, i) => 7 * i);
    const pruned = new Float32Array(model.size);
    for (const position of survivors) pruned[position] = dense.weights[position];
    const before = pruned.slice();
    const replica = new Replica(engine, model, dataset, { ...phase, masked: true }, pruned, survivors);
    expect(replica.exchangedLength).toBe(survivors.length + 2);
    for (let i = 0; i < 3; i++) {
      step(replica, i);
      expect(replica.weights.findIndex((value, position) => position % 7 !== 0 && !Object.is(value, 0))).toBe(-1);
      expect(replica.moments.map(({ length }) => length)).toEqual([survivors.length, survivors.length]);
    }
    const moved = survivors.filter((position) => replica.weights[position] !== before[position]);
    expect(moved.length / survivors.length).toBeGreaterThan(0.9);
  });

  it('moves the survivors as a dense step would move them', () => {
    const weights = initialParameters(model, 1);
    const all = Uint32Array.from(weights.keys());
    const masked = new Replica(engine, model, dataset, { ...phase, masked: true }, weights.slice(), all);
    const dense = new Replica(engine, model, dataset, phase, weights);
    for (let i = 0; i < 2; i++) for (const replica of [masked, dense]) step(replica, i);
    expect(masked.weightsHash(1)).toBe(dense.weightsHash(1));
  });

  it.each(['adam', 'sgd'] as const)('goes on from its weights and moments with the same bits: %s', ($case) => {
    const optimizer = {
      adam: phase.optimizer,
      sgd: { $case: 'sgd' as const, value: { momentum: 0.9, weightDecay: 0 } },
    };
    const own = { ...phase, optimizer: optimizer[$case] };
    const undisturbed = new Replica(engine, model, dataset, own, initialParameters(model, 1));
    for (let i = 0; i < 2; i++) step(undisturbed, i);
    const moments = undisturbed.moments.map((moment) => moment.slice());
    const later = new Replica(engine, model, dataset, own, undisturbed.weights.slice(), undefined, {
      steps: 2,
      moments,
    });
    for (const replica of [undisturbed, later]) for (let i = 2; i < 5; i++) step(replica, i);
    expect(later.weightsHash(4)).toBe(undisturbed.weightsHash(4));
  });

  it('computes the gradient of the loss it reports, the penalty apart', () => {
    const weights = initialParameters(model, 1);
    const whole = { ...phase, microBatches: 1 };
    const [[, gradient]] = new Replica(engine, model, dataset, whole, weights).gradients(0, [0]);
    const lossAt = (position: number, value: number) => {
      const replica = new Replica(engine, model, dataset, whole, weights.with(position, value));
      const loss = replica.gradients(0, [0])[0][1][model.size];
      replica.close();
      return loss;
    };
    for (const { offset } of model.parameters) {
      // The steepest of the first weights: others are below what float32 losses resolve.
      const head = [...gradient.subarray(offset, offset + 10)];
      const at = offset + head.reduce((best, value, i) => (Math.abs(value) > Math.abs(head[best]) ? i : best), 0);
      const h = 1e-2;
      const slope = (lossAt(at, weights[at] + h) - lossAt(at, weights[at] - h)) / (2 * h);
      expect(Math.abs(slope - gradient[at])).toBeLessThan(0.1 * Math.abs(gradient[at]) + 1e-4);
    }
  });

  it('adds rho * (W - Z + U) once, to the summed gradient', () => {
    const weights = initialParameters(model, 1);
    // Whose velocity after one step is the gradient.
    const sgd: BeginPhase = { ...phase, optimizer: { $case: 'sgd', value: { momentum: 0, weightDecay: 0 } } };
    const [plain, replica] = [1, 2].map(() => new Replica(engine, model, dataset, sgd, weights.slice()));
    const target = Float32Array.from({ length: 500 }, (_, i) => i / 1000);
    replica.setPenalty([{ layer: 'conv1', rho: 0.5 }], target);
    for (const each of [plain, replica]) step(each, 0);
    const [[unpenalised], [penalised]] = [plain.moments, replica.moments];
    target.forEach((z, i) => expect(penalised[i]).toBeCloseTo(unpenalised[i] + 0.5 * (weights[i] - z), 6));
    expect(penalised.findIndex((value, i) => i >= 500 && value !== unpenalised[i])).toBe(-1);
  });

  it('adds the penalty to the survivors alone in a masked phase, as to the same weights of a dense one', () => {
    const weights = initialParameters(model, 1);
    const survivors = Uint32Array.from({ length: model.size / 7 }, (_, i) => 7 * i);
    const pruned = new Float32Array(model.size);
    for (const position of survivors) pruned[position] = weights[position];
    const layers = ['conv2', 'fc2'].map((layer, i) => ({ layer, rho: 0.5 + i }));
    const target = Float32Array.from({ length: 25_000 + 5_000 }, (_, i) => i / 30_000);
    const dense = new Replica(engine, model, dataset, phase, pruned.slice());
    const masked = new Replica(engine, model, dataset, { ...phase, masked: true }, pruned.slice(), survivors);
    for (const replica of [dense, masked]) {
      replica.setPenalty(layers, target);
      step(replica, 0);
    }
    const [[whole], [own]] = [dense.moments, masked.moments];
    expect([...own]).toEqual([...survivors].map((position) => whole[position]));
  });

  it('says which layer and step when training blows up, and moves nothing', () => {
    const broken = initialParameters(model, 1).with(model.parameters[4].offset + 3, NaN);
    const replica = new Replica(engine, model, dataset, phase, broken);
    expect(() => step(replica, 7)).toThrow(/^step 7 of the phase: fc1.weight is no longer finite/);
    const { offset, size } = model.parameters[6];
    const overflowing = initialParameters(model, 1).fill(3e38, offset, offset + size);
    expect(() => step(new Replica(engine, model, dataset, phase, overflowing), 3)).toThrow(
      /^step 3 of the phase: the loss is not finite, .* 3.00e\+38 in fc2.weight/,
    );
  });
});
