import { nodeHost } from '@prunegrid/core/node';
import { readSafetensors, type Tensor, writeSafetensors } from '@prunegrid/core/safetensors';
import { type Dataset, residentSplit } from '@prunegrid/trainer/datasets';
import { type Engine, engines, type PhaseSettings, type Replica } from '@prunegrid/trainer/engines';
import { exportFormats, writeExport } from '@prunegrid/trainer/export';
import { initialParameters, layOut, type Model, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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

function logitsOf(model: Model, weights: Float32Array, inputs: Float32Array): Float32Array {
  return tf.tidy(() => {
    const parameters = model.parameters.map(({ shape, offset, size }) =>
      tf.tensor(weights.slice(offset, offset + size), shape),
    );
    const examples = tf.tensor(inputs, [BATCH, ...model.input.shape], model.input.type);
    return model.forward(tf, parameters, examples).logits.dataSync<'float32'>();
  });
}

// PyTorch's newer exporter writes recurrent networks for one size of batch only, in a way that cannot be undone.
const exportersOf = (name: string): string[] => (name === 'lstm' ? ['script'] : ['script', 'dynamo']);

describe.each(networks)('%s', (name) => {
  let tensors: ReadonlyMap<string, Tensor>;
  beforeAll(async () => {
    ({ tensors } = await readSafetensors(nodeHost, join(folder, `${name}.safetensors`)));
  });

  const read = async (exporter: string, content = '') => {
    const model = models.get(await loadModel(join(folder, `${name}-${exporter}${content}.onnx`), nodeHost));
    return { model, weights: (await model.pretrained?.())! };
  };

  it.each(exportersOf(name))('trains as PyTorch does, exported by %s', async (exporter) => {
    const { model, weights } = await read(exporter);
    const logits = logitsOf(model, weights, tensors.get('inputs')!.data);
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

/** Sets all but the largest fifth of the weights to zero, and changes the states as training would. */
function pruned({ parameters }: Model, dense: Float32Array): Float32Array {
  const weights = dense.slice();
  for (const { kind, offset, size } of parameters) {
    const own = weights.subarray(offset, offset + size);
    if (kind === 'state') own.forEach((value, i) => (own[i] = value * 1.1));
    if (kind !== 'weight') continue;
    const least = own.map(Math.abs).sort()[Math.floor(size * 0.8)];
    own.forEach((value, i) => (own[i] = Math.abs(value) < least ? 0 : value));
  }
  return weights;
}

const zerosIn = (values: Float32Array): number => values.reduce((sum, value) => sum + (value === 0 ? 1 : 0), 0);

const { lenet5, lenet300 } = Object.fromEntries([...models].map((model) => [model.name, model]));

/** What AlexNet has beside LeNet-5, small. */
const grouped: Model = {
  name: 'grouped',
  ...layOut([
    { name: 'conv', kind: 'convolution', shape: [3, 3, 2, 4], groups: 2 },
    { name: 'fc', kind: 'dense', shape: [4 * 4 * 4, CLASSES] },
  ]),
  ...{ input: { shape: [15, 15, 4], type: 'float32' }, classes: CLASSES, dropouts: [] },
  forward(tf, [kernel, bias, dense, denseBias], images) {
    const [parts, kernels] = [images, kernel].map((whole) =>
      tf.split<tensorflow.Tensor4D>(whole as tensorflow.Tensor4D, 2, 3),
    );
    const maps = parts.map((part, i) => tf.conv2d(part, kernels[i], 2, 'same'));
    const sums: tensorflow.Tensor4D = tf.add(tf.concat(maps, 3), bias);
    const even = tf.localResponseNormalization(tf.relu<tensorflow.Tensor4D>(sums), 2, 1, 0.1, 0.75);
    const pooled = tf.maxPool(even, 3, 2, 'same');
    return { logits: tf.add(tf.matMul(tf.reshape(pooled, [-1, 64]), dense), denseBias) };
  },
};

describe('a network leaves', () => {
  /** What same_network.py is given: an original, the exported file, and what is expected of it. */
  const triples: string[] = [];
  let count = 0;

  const place = (end: string) => join(folder, `export-${count++}${end}`);

  async function take(format: string, model: Model, reference: string, parameters: Float32Array): Promise<string> {
    const out = place(format === 'onnx' ? '.onnx' : '');
    const request = { model, reference, parameters, out, onInstall: console.log };
    await writeExport(nodeHost, await exportFormats.get(format).files(request, nodeHost));
    return out;
  }

  async function expectation(model: Model, parameters: Float32Array, inputs: Float32Array, dense: Float32Array) {
    const file = place('.safetensors');
    const logits = logitsOf(model, parameters, inputs);
    await writeSafetensors(nodeHost, file, [
      { name: 'inputs', shape: [BATCH, ...model.input.shape], data: inputs },
      { name: 'logits', shape: [BATCH, model.classes], data: logits },
      { name: 'zeros', shape: [1], data: Float32Array.of(zerosIn(parameters) - zerosIn(dense)) },
    ]);
    return { file, logits };
  }

  async function taken(original: string, isFile: boolean) {
    const reference = await loadModel(original, nodeHost);
    const model = models.get(reference);
    const dense = (await model.pretrained?.()) ?? initialParameters(model, 1);
    const parameters = pruned(model, dense);
    const name = basename(original).split('-')[0];
    const inputs = isFile
      ? (await readSafetensors(nodeHost, join(folder, `${name}.safetensors`))).tensors.get('inputs')!.data
      : Float32Array.from({ length: BATCH * model.input.shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
    return { reference, model, dense, parameters, inputs };
  }

  it('by the file that it came by, with other values and nothing else', async () => {
    const files = networks.flatMap((name) =>
      exportersOf(name).map((exporter) => join(folder, `${name}-${exporter}.onnx`)),
    );
    const { python } = await ensurePyTorch();
    const script =
      'import onnx, sys; onnx.save(onnx.load(sys.argv[1]), sys.argv[2], save_as_external_data=True, size_threshold=64)';
    const external = join(folder, 'transformer-external.onnx');
    execFileSync(python, ['-c', script, join(folder, 'transformer-dynamo.onnx'), external], { stdio: 'pipe' });
    for (const original of [...files, external]) {
      const { reference, model, dense, parameters, inputs } = await taken(original, true);
      const out = await take('onnx', model, reference, parameters);
      triples.push(original, out, (await expectation(model, parameters, inputs, dense)).file);
    }
    expect(triples).toHaveLength(3 * 10);
  });

  it.each([...networks.slice(0, 4).map((name) => `${name}-script.onnx`), 'lenet5', 'lenet300', 'grouped'])(
    'as a new ONNX file and as a graph model of TensorFlow.js, for any number of examples: %s',
    async (name) => {
      const isFile = name.endsWith('.onnx');
      for (const own of [lenet5, lenet300, grouped]) if (!models.find(own.name)) models.add(own);
      const { model, dense, parameters, inputs } = await taken(isFile ? join(folder, name) : name, isFile);
      const { file, logits } = await expectation(model, parameters, inputs, dense);
      triples.push('-', await take('onnx', model, 'no file', parameters), file);
      const graph = await tf.loadGraphModel(`file://${join(await take('tfjs', model, '', parameters), 'model.json')}`);
      const found = tf.tidy(() => {
        const examples = tf.tensor(inputs, [BATCH, ...model.input.shape], model.input.type);
        return (graph.predict(examples) as tensorflow.Tensor).dataSync();
      });
      graph.dispose();
      expect(Math.max(...found.map((value, i) => Math.abs(value - logits[i])))).toBeLessThan(1e-6);
    },
  );

  it('and onnxruntime computes of each what prunegrid does', async () => {
    const { python } = await ensurePyTorch();
    const check = join(import.meta.dirname, 'pytorch', 'same_network.py');
    const said = execFileSync(python, [check, ...triples], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
    expect(said).toBe('17 are the same\n');
  });

  it('or is refused with all operations that a format lacks', async () => {
    const { model, parameters } = await taken(join(folder, 'many-script.onnx'), true);
    await expect(take('onnx', model, 'no file', parameters)).rejects.toThrow(
      'many-script.onnx uses operations that are not written as ONNX: SpaceToBatchND, BatchToSpaceND: choose',
    );
    await expect(take('tfjs', model, '', parameters)).rejects.toThrow(
      'not written for TensorFlow.js: Conv2DBackpropInput:',
    );
  });
});
