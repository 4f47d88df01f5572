import { nodeHost } from '@prunegrid/core/node';
import { readSafetensors, type Tensor } from '@prunegrid/core/safetensors';
import { type Dataset, residentSplit } from '@prunegrid/trainer/datasets';
import { type Engine, engines, type PhaseSettings, type Replica } from '@prunegrid/trainer/engines';
import { type Model, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tensorflow from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensurePyTorch } from './environment/python.mjs';

const networks = ['resnet', 'mobilenet', 'transformer', 'lstm', 'many'];
const BATCH = 8;
const CLASSES = 10;
const STEPS = 10;
const RATE = 0.01;

const folder = mkdtempSync(join(tmpdir(), 'prunegrid-onnx-'));
let engine: Engine;
let xla: Engine | undefined;
let tf: typeof tensorflow;
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  engine = await engines.get('tensorflow').load({ threads: 1, clock: nodeHost.clock });
  if (process.platform === 'linux' && process.arch === 'x64') {
    await engines.get('xla').provision(() => undefined);
    xla = await engines.get('xla').load({ threads: 1, clock: nodeHost.clock });
  }
  tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
  const { python } = await ensurePyTorch(console.log);
  execFileSync(python, [join(import.meta.dirname, 'pytorch', 'networks.py'), folder], { stdio: 'pipe' });
}, 900_000);

const sgd: PhaseSettings = {
  ...{ seed: 1, phase: 1, globalBatch: BATCH, microBatches: 1, shift: 0, dropout: 0, bfloat16: false },
  optimizer: { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0 } },
};

function datasetOf({ input }: Model, tensors: ReadonlyMap<string, Tensor>): Dataset {
  const { data } = tensors.get('inputs')!;
  const inputs = input.type === 'int32' ? Int32Array.from(data) : data;
  const examples = { inputs, labels: Uint8Array.from(tensors.get('labels')!.data), count: BATCH };
  const part = residentSplit(examples);
  const elementType = input.type;
  return {
    name: 'made',
    shape: input.shape,
    elementType,
    classes: CLASSES,
    training: part,
    validation: part,
    test: part,
    hash: '',
  };
}

/** Fails if an element of a parameter differs from the known one by more than the tolerance, beside the parameter's largest. */
function expectAlike(model: Model, ours: Float32Array, theirs: Float32Array, tolerance: number, kinds: string[]): void {
  for (const { name, kind, offset, size } of model.parameters) {
    if (!kinds.includes(kind)) continue;
    const [a, b] = [ours, theirs].map((vector) => vector.subarray(offset, offset + size));
    const scale = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
    const difference = a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
    expect(difference / scale, name).toBeLessThan(tolerance);
  }
}

describe.each(networks)('%s', (name) => {
  let tensors: ReadonlyMap<string, Tensor>;
  beforeAll(async () => {
    ({ tensors } = await readSafetensors(nodeHost, join(folder, `${name}.safetensors`)));
  });

  const read = async (exporter: string, content = '') => {
    const model = models.get(await loadModel(join(folder, `${name}-${exporter}${content}.onnx`), nodeHost));
    return { model, weights: (await model.pretrained?.())! };
  };

  // PyTorch's newer exporter writes recurrent networks for one size of batch only, in a way that cannot be undone.
  const exporters = name === 'lstm' ? ['script'] : ['script', 'dynamo'];

  it.each(exporters)('trains as PyTorch does, exported by %s', async (exporter) => {
    const { model, weights } = await read(exporter);
    const logits = tf.tidy(() => {
      const parameters = model.parameters.map(({ shape, offset, size }) =>
        tf.tensor(weights.slice(offset, offset + size), shape),
      );
      const inputs = tf.tensor(tensors.get('inputs')!.data, [BATCH, ...model.input.shape], model.input.type);
      return model.forward(tf, parameters, inputs).logits.dataSync();
    });
    tensors.get('logits')!.data.forEach((value, i) => expect(Math.abs(value - logits[i])).toBeLessThan(1e-5));

    const dataset = datasetOf(model, tensors);
    const replica: Replica = await engine.openReplica({ model, dataset, phase: sgd, weights: weights.slice() });
    const [[, gradient]] = await replica.computeGradients(0, [0]);
    expect(Math.abs(gradient[model.size] - tensors.get('loss')!.data[0])).toBeLessThan(1e-5);
    const { weights: sums } = await read(exporter, '-gradient');
    const gradients = sums.map((sum, i) => sum - weights[i]);
    expectAlike(model, gradient, gradients, 1e-4, ['weight', 'embedding', 'bias', 'scale']);
    replica.close();

    const training = await engine.openReplica({ model, dataset, phase: sgd, weights: weights.slice() });
    await training.runSteps(0, new Array<number>(STEPS).fill(RATE));
    const { weights: trained } = await read(exporter, '-trained');
    const all = ['weight', 'embedding', 'bias', 'scale', 'state'];
    expectAlike(model, await training.readWeights(), trained, 1e-4, all);
    training.close();
  });

  it('computes by XLA what it computes by TensorFlow', async () => {
    if (!xla) return;
    const { model, weights } = await read('script');
    const dataset = datasetOf(model, tensors);
    const run = async (each: Engine) => {
      const replica = await each.openReplica({ model, dataset, phase: sgd, weights: weights.slice() });
      const [[, gradient]] = await replica.computeGradients(0, [0]);
      const block = { part: 'test', blockSize: BATCH, firstBlock: 0, blocks: 1 } as const;
      const { losses, correct } = await replica.evaluate(block);
      replica.close();
      return { gradient, loss: losses[0] / BATCH, correct };
    };
    const [ours, known] = [await run(xla), await run(engine)];
    expect(Math.abs(ours.loss - known.loss)).toBeLessThan(1e-5);
    expect(Math.abs(ours.gradient[model.size] - known.gradient[model.size])).toBeLessThan(1e-5);
    expect(ours.correct).toBe(known.correct);
    const kinds = ['weight', 'embedding', 'bias', 'scale', 'state'];
    expectAlike(model, ours.gradient, known.gradient, 1e-4, kinds);
  });
});
