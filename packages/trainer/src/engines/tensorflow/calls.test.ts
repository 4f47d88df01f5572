import { nodeHost } from '@prunegrid/core/node';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dataset, datasets, evaluationBatch } from '../../datasets/index.js';
import { initialParameters, models } from '../../models/index.js';
import type { PhaseSettings } from '../engine.js';
import { hostEngine } from '../host/engine.js';
import { loadTensorFlow } from './tensorflow.js';

const provider = loadTensorFlow(1);
const engine = hostEngine(provider, nodeHost.clock);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
const model = models.get('lenet5');

const counted = ['executeOp', 'runSavedModel', 'createTensor', 'deleteTensor', 'tensorDataSync'] as const;
type Native = (typeof counted)[number];

/** Counts the calls of `work` to the native binding, by function, and the tensors that it does not free. */
async function nativeCalls(work: () => Promise<void>): Promise<Record<Native, number> & { left: number }> {
  const backend = tf.backend() as unknown as { binding: Record<Native, (...args: unknown[]) => unknown> };
  const { binding } = backend;
  const calls = { executeOp: 0, runSavedModel: 0, createTensor: 0, deleteTensor: 0, tensorDataSync: 0 };
  let made = 0;
  const counting = counted.map((name) => {
    const value = (...args: unknown[]) => {
      calls[name]++;
      const result = binding[name](...args);
      if (name === 'createTensor') made++;
      else if (name === 'executeOp' || name === 'runSavedModel') made += (result as unknown[]).length;
      return result;
    };
    return [name, { value }] as const;
  });
  backend.binding = Object.create(binding, Object.fromEntries(counting)) as typeof binding;
  try {
    await work();
  } finally {
    backend.binding = binding;
  }
  return { ...calls, left: made - calls.deleteTensor };
}

let dataset: Dataset;
beforeAll(async () => {
  dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 64 }, nodeHost);
});

/**
 * Opens a replica of LeNet-5 with the batch of the main job, 4 micro-batches. Its first steps are done, so that nothing
 * is built for the first time during the test.
 */
async function replica({ dropout = 0, survivors }: { dropout?: number; survivors?: Uint32Array } = {}) {
  const phase: PhaseSettings = {
    ...{ seed: 1, phase: 1, globalBatch: 64, microBatches: 4, shift: 2, dropout },
    optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
    bfloat16: false,
  };
  const weights = initialParameters(model, 1);
  const own = await engine.openReplica({ model, dataset, phase, weights, survivors });
  const step = async () => {
    const [[, sum]] = await own.computeGradients(0, [0, 1, 2, 3]);
    await own.beginUpdate(0, sum[sum.length - 2], 1e-3);
    await own.applyUpdate(0, sum.subarray(0, -2));
    await own.commit();
  };
  await step();
  return step;
}

/**
 * Unlike times, counts do not vary between runs. A change that lowers a count should lower its bound, too. Before a
 * bound is raised, `npm run bench -- step` must measure the cost.
 */
describe('a step of four micro-batches', () => {
  const survivors = Uint32Array.from({ length: 6000 }, (_, i) => 70 * i);
  // A step creates 8 tensors of parameters. A micro-batch creates tensors of images, labels and dropout factors. The
  // gradients are added up on the device.
  const dense = { executeOp: 3, runSavedModel: 4, createTensor: 16, deleteTensor: 23, tensorDataSync: 1 };
  it.each([
    { kind: 'dense', options: {}, bounds: dense },
    { kind: 'masked', options: { survivors }, bounds: dense },
    { kind: 'dropout', options: { dropout: 0.5 }, bounds: { ...dense, createTensor: 20, deleteTensor: 27 } },
  ])('calls TensorFlow no more often than it did: $kind', async ({ kind, options, bounds }) => {
    const calls = await nativeCalls(await replica(options));
    for (const name of counted) {
      const what = `${name} in a ${kind} step of four micro-batches, where ${bounds[name]} calls were enough`;
      expect(calls[name], what).toBeLessThanOrEqual(bounds[name]);
    }
    expect(calls.runSavedModel).toBeGreaterThan(0);
  });

  it('leaves no tensor behind, nor does an evaluation', async () => {
    const step = await replica({ dropout: 0.5 });
    const network = provider.open(model);
    const score = async () => {
      network.setParameters(initialParameters(model, 1));
      network.score(await evaluationBatch(dataset, dataset.test, 0, 64));
      network.close();
    };
    await score();
    const { left } = await nativeCalls(async () => {
      for (let i = 0; i < 3; i++) {
        await step();
        await score();
      }
    });
    expect(left, 'native tensors left behind by steps and evaluations').toBe(0);
    const before = tf.memory();
    provider.open({ ...model, name: 'another' }).setParameters(initialParameters(model, 1));
    await score();
    expect(tf.memory().numTensors, 'tensors left behind by recording').toBe(before.numTensors);
  });
});
