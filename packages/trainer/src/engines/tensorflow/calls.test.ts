import type { BeginPhase } from '@prunegrid/proto';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dataset, evaluationBatch, loadDataset } from '../../datasets/index.js';
import { initialParameters, type Model, models } from '../../models/index.js';
import { Replica } from '../../worker/index.js';
import { loadTensorFlow } from './tensorflow.js';

const engine = loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
const model = models.get('lenet5') as Model;

const counted = ['executeOp', 'runSavedModel', 'createTensor', 'deleteTensor', 'tensorDataSync'] as const;
type Native = (typeof counted)[number];

/** How often `work` calls the native binding, by function, and how many tensors it leaves behind. */
function nativeCalls(work: () => void): Record<Native, number> & { left: number } {
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
    work();
  } finally {
    backend.binding = binding;
  }
  return { ...calls, left: made - calls.deleteTensor };
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
    ...{
      masked: survivors !== undefined,
      survivors: survivors?.length ?? 0,
      optimizerSteps: 0,
      bfloat16: false,
      syncEvery: 1,
    },
  };
  const own = new Replica(engine, model, dataset, phase, initialParameters(model, 1), survivors);
  const step = () => {
    const [[, sum]] = own.gradients(0, [0, 1, 2, 3]);
    own.beginUpdate(0, sum[sum.length - 2], 1e-3);
    own.applyUpdate(0, sum.subarray(0, -2));
    own.commit();
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
  // 8 tensors of parameters a step; images and labels, and dropout's factors, a micro-batch; their gradients are added up on the device.
  const dense = { executeOp: 3, runSavedModel: 4, createTensor: 16, deleteTensor: 23, tensorDataSync: 1 };
  it.each([
    { kind: 'dense', options: {}, bounds: dense },
    { kind: 'masked', options: { survivors }, bounds: dense },
    { kind: 'dropout', options: { dropout: 0.5 }, bounds: { ...dense, createTensor: 20, deleteTensor: 27 } },
  ])('calls TensorFlow no more often than it did: $kind', ({ kind, options, bounds }) => {
    const calls = nativeCalls(replica(options));
    for (const name of counted) {
      const what = `${name} in a ${kind} step of four micro-batches, where ${bounds[name]} calls were enough`;
      expect(calls[name], what).toBeLessThanOrEqual(bounds[name]);
    }
    expect(calls.runSavedModel).toBeGreaterThan(0);
  });

  it('leaves no tensor behind, nor does an evaluation', () => {
    const step = replica({ dropout: 0.5 });
    const network = engine.open(model);
    const score = () => {
      network.setParameters(initialParameters(model, 1));
      network.score(evaluationBatch(dataset.test, 0, 64));
      network.close();
    };
    score();
    const { left } = nativeCalls(() => {
      for (let i = 0; i < 3; i++) {
        step();
        score();
      }
    });
    expect(left, 'native tensors left behind by steps and evaluations').toBe(0);
    const before = tf.memory();
    engine.open({ ...model, name: 'another' }).setParameters(initialParameters(model, 1));
    score();
    expect(tf.memory().numTensors, 'tensors left behind by recording').toBe(before.numTensors);
  });
});
