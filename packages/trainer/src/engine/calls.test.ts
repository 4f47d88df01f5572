import type { BeginPhase } from '@prunegrid/proto';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dataset, evaluationBatch, loadDataset } from '../datasets/index.js';
import { initialParameters, type Model, models } from '../models/index.js';
import { Replica } from '../worker/index.js';
import { loadTensorFlow } from './index.js';

const engine = loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
const model = models.get('lenet5') as Model;

type Native = 'executeOp' | 'createTensor' | 'tensorDataSync';

/** How often `work` calls the native binding, by function. */
function nativeCalls(work: () => void): Record<Native, number> {
  const backend = tf.backend() as unknown as { binding: Record<Native, (...args: unknown[]) => unknown> };
  const { binding } = backend;
  const calls = { executeOp: 0, createTensor: 0, tensorDataSync: 0 };
  const counting = (Object.keys(calls) as Native[]).map((name) => {
    const value = (...args: unknown[]) => {
      calls[name]++;
      return binding[name](...args);
    };
    return [name, { value }] as const;
  });
  backend.binding = Object.create(binding, Object.fromEntries(counting)) as typeof binding;
  try {
    work();
  } finally {
    backend.binding = binding;
  }
  return calls;
}

let dataset: Dataset;
beforeAll(async () => {
  dataset = await loadDataset({ name: 'mnist', validation: 5000, limit: 64 });
});

/** A replica of LeNet-5 at the main job's batch: 4 micro-batches; its first steps are done, so that nothing is built for the first time. */
function replica({ dropout = 0, survivors }: { dropout?: number; survivors?: Uint32Array } = {}) {
  const phase: BeginPhase = {
    ...{ seed: 1, phase: 1, globalBatch: 64, microBatches: 4, shift: 2, dropout },
    optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
    ...{ masked: survivors !== undefined, survivors: survivors?.length ?? 0, optimizerSteps: 0 },
  };
  const own = new Replica(engine, model, dataset, phase, initialParameters(model, 1), survivors);
  const step = () => {
    const sum = own.gradient(0, 0);
    for (let i = 1; i < phase.microBatches; i++) own.gradient(0, i).forEach((value, at) => (sum[at] += value));
    own.apply(0, sum, 1e-3);
  };
  step();
  return step;
}

/**
 * Counts hold under noise where times do not. Whoever lowers one lowers the bound with it; whoever has to raise one measures
 * what it costs by `npm run bench -- step`.
 */
describe('a step of four micro-batches', () => {
  const survivors = Uint32Array.from({ length: 6000 }, (_, i) => 70 * i);
  it.each([
    { kind: 'dense', options: {}, bounds: { executeOp: 408, createTensor: 268, tensorDataSync: 4 } },
    { kind: 'masked', options: { survivors }, bounds: { executeOp: 408, createTensor: 268, tensorDataSync: 4 } },
    { kind: 'dropout', options: { dropout: 0.5 }, bounds: { executeOp: 420, createTensor: 272, tensorDataSync: 4 } },
  ])('calls TensorFlow no more often than it did: $kind', ({ kind, options, bounds }) => {
    const calls = nativeCalls(replica(options));
    for (const name of Object.keys(bounds) as Native[]) {
      const what = `${name} in a ${kind} step of four micro-batches, where ${bounds[name]} calls were enough`;
      expect(calls[name], what).toBeLessThanOrEqual(bounds[name]);
      expect(calls[name], what).toBeGreaterThan(0);
    }
  });

  it('leaves no tensor behind, nor does an evaluation', () => {
    const step = replica({ dropout: 0.5 });
    const score = () => engine.score(model, initialParameters(model, 1), evaluationBatch(dataset.test, 0, 64));
    const before = tf.memory();
    for (let i = 0; i < 3; i++) {
      step();
      score();
    }
    const { numTensors, numBytes } = tf.memory();
    expect(numTensors, 'tensors left behind by steps and evaluations').toBe(before.numTensors);
    expect(numBytes, 'bytes of tensors left behind').toBe(before.numBytes);
  });
});
