import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadTensorFlow } from '../../../engines/tensorflow/tensorflow.js';
import { exportFormats } from '../../../export/index.js';
import { layOut, type Model, models, type Parameter } from '../../index.js';
import { loadModel } from '../../load.js';
import { traceModel } from '../../trace/trace.js';
import { cnn, drawn, graphModelOf, type WrittenGraph, writeGraphModel } from './graph.fixture.js';

const engine = loadTensorFlow(1);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-graph-'))));
beforeEach(() => tf.setBackend('cpu'));
afterAll(() => rm(folder, { recursive: true }));

const load = async (graph: WrittenGraph | { json: object; weights: Buffer }) => {
  const written = 'json' in graph ? graph : graphModelOf(graph);
  return loadModel(await writeGraphModel(folder, written), nodeHost);
};

/** Returns what TensorFlow.js itself computes. */
function expected({ json, weights }: { json: object; weights: Buffer }, inputs: tf.Tensor): Float32Array {
  const network = new tf.GraphModel({});
  const { modelTopology, signature, weightsManifest } = json as ReturnType<typeof graphModelOf>['json'];
  const weightSpecs = weightsManifest[0].weights as tf.io.WeightsManifestEntry[];
  network.loadSync({ modelTopology, signature, weightSpecs, weightData: Uint8Array.from(weights).buffer });
  return (network.execute(inputs) as tf.Tensor).dataSync<'float32'>();
}

function probabilities(reference: string, values: Float32Array, inputs: tf.Tensor): Float32Array {
  const model = models.get(reference);
  const parameters = model.parameters.map(({ shape, offset, size }) =>
    tf.tensor(values.slice(offset, offset + size), shape),
  );
  return tf.softmax(model.forward(tf, parameters, inputs).logits).dataSync() as Float32Array;
}

describe('a graph model', () => {
  it('computes what TensorFlow.js computes of it, for any number of examples', async () => {
    const written = graphModelOf(cnn);
    const reference = await load(written);
    const values = (await models.get(reference).pretrained?.()) as Float32Array;
    for (const count of [1, 5]) {
      const inputs = tf.tensor(drawn(36 * count, 20), [count, 6, 6, 1]);
      const found = probabilities(reference, values, inputs);
      expected(written, inputs).forEach((value, i) => expect(Math.abs(found[i] - value)).toBeLessThan(1e-5));
    }
  });

  it('has its constants as parameters under their names, and what is neither learned nor a number as it is', async () => {
    const model = models.get(await load(cnn));
    expect(model).toMatchObject({ input: { shape: [6, 6, 1], type: 'float32' }, classes: 3, dropouts: [] });
    expect(model.parameters.map(({ name, kind, shape }) => [name, kind, shape.join()])).toEqual([
      ['net/conv/Conv2D_weights', 'weight', '3,3,1,4'],
      ['net/conv/Conv2D_bn_offset', 'bias', '4'],
      ['net/depth/depthwise/ReadVariableOp', 'weight', '3,3,1,8'],
      ['net/norm/gamma', 'scale', '8'],
      ['net/norm/beta', 'bias', '8'],
      ['net/mixed/einsum/Einsum/ReadVariableOp', 'weight', '4,4'],
      ['net/fc1/MatMul/ReadVariableOp', 'weight', '16,5'],
      ['net/fc1/BiasAdd/ReadVariableOp', 'bias', '5'],
      ['net/slope', 'scale', '5'],
      ['net/fc2/MatMul/ReadVariableOp', 'weight', '5,3'],
    ]);
    const initial = model.parameters.filter((each) => each.initial !== undefined);
    expect(initial.map((each) => [each.name, each.initial])).toEqual([
      ['net/norm/gamma', 1],
      ['net/norm/beta', 0],
      ['net/slope', 0],
    ]);
    const { layers } = traceModel(model);
    expect(layers.map(({ name, multiplyAccumulates }) => [name, multiplyAccumulates])).toEqual([
      ['net/conv', 576],
      ['net/depth', 288],
      ['net/mixed', 64],
      ['net/fc1', 80],
      ['net/fc2', 15],
    ]);
  });

  it('has the kernel of a grouped convolution as one, and reads what prunegrid exports', async () => {
    const grouped = layOut([{ name: 'conv', kind: 'convolution', shape: [3, 3, 1, 4], groups: 2 }]);
    const source: Model = {
      ...{ name: 'grouped', ...grouped, classes: 4, dropouts: [], input: { shape: [3, 3, 2], type: 'float32' } },
      forward(ops, [kernel, bias], images) {
        const [parts, kernels] = [images, kernel].map((whole) => ops.split(whole as tf.Tensor4D, 2, 3));
        const maps = parts.map((part, i) => ops.conv2d(part as tf.Tensor4D, kernels[i] as tf.Tensor4D, 1, 'valid'));
        return { logits: ops.reshape(ops.add(ops.concat(maps, 3), bias), [-1, 4]) };
      },
    };
    const parameters = drawn(source.size, 30);
    await tf.setBackend('tensorflow');
    const files = await exportFormats
      .get('tfjs')
      .files({ model: source, reference: 'grouped', parameters, out: folder, onInstall: () => undefined }, nodeHost);
    for (const { path, pieces } of files) await writeFile(path, Buffer.concat([...pieces()]));
    const model = models.get(await loadModel(join(folder, 'model.json'), nodeHost));
    const outline = ({ name, layer, kind, shape }: Parameter) => ({ name, layer, kind, shape });
    expect(model.parameters.map(outline)).toEqual(source.parameters.map(outline));
    expect(await model.pretrained?.()).toEqual(parameters);
    expect(traceModel(model)).toEqual(traceModel(source));
  });

  it('trains: its gradients are those of differences', async () => {
    const model = models.get(await load(cnn));
    const values = (await model.pretrained?.()) as Float32Array;
    const network = engine.open(model);
    const batch = { inputs: drawn(36 * 4, 21), labels: Int32Array.of(0, 1, 2, 1) };
    await tf.setBackend('tensorflow');
    const at = (vector: Float32Array) => {
      network.setParameters(vector);
      return network.gradient(batch, 1).read();
    };
    const gradient = at(values);
    for (const { name, offset, size } of model.parameters) {
      const direction = drawn(size, 22);
      const along = (step: number) => {
        const moved = values.slice();
        direction.forEach((value, i) => (moved[offset + i] += step * value));
        return at(moved)[model.size];
      };
      const found = direction.reduce((sum, value, i) => sum + value * gradient[offset + i], 0);
      expect(Math.abs(found - (along(1e-3) - along(-1e-3)) / 2e-3), name).toBeLessThan(2e-3);
    }
    let weights = values;
    for (let step = 0; step < 40; step++) {
      const downhill = at(weights);
      weights = weights.map((value, i) => value - 0.2 * downhill[i]);
    }
    expect(at(weights)[model.size]).toBeLessThan(0.5 * gradient[model.size]);
  });

  it('is given back as the same graph with other weights', async () => {
    const written = graphModelOf(cnn);
    const reference = await load(written);
    const model = models.get(reference);
    const parameters = ((await model.pretrained?.()) as Float32Array).map((value, i) => (i % 3 === 0 ? 0 : value));
    const out = join(folder, 'out');
    const files = await exportFormats
      .get('tfjs')
      .files({ model, reference, parameters, out, onInstall: () => undefined }, nodeHost);
    const [weights, json] = files.map(({ pieces }) => Buffer.concat([...pieces()]));
    const { weightsManifest, ...rest } = JSON.parse(json.toString()) as ReturnType<typeof graphModelOf>['json'];
    expect(files.map(({ path }) => path)).toEqual([join(out, 'group1-shard1of1.bin'), join(out, 'model.json')]);
    expect(weightsManifest).toEqual([{ ...written.json.weightsManifest[0], paths: ['group1-shard1of1.bin'] }]);
    expect({ ...rest, weightsManifest: written.json.weightsManifest }).toEqual(written.json);
    const inputs = tf.tensor(drawn(36 * 5, 20), [5, 6, 6, 1]);
    const found = expected({ json: { ...rest, weightsManifest }, weights }, inputs);
    probabilities(reference, parameters, inputs).forEach((value, i) =>
      expect(Math.abs(found[i] - value)).toBeLessThan(1e-5),
    );
    // What is not trained has the bytes that it had.
    const fixed = (name: string, all: Buffer) => {
      let at = 0;
      for (const each of weightsManifest[0].weights) {
        const bytes = 4 * each.shape.reduce((product, extent) => product * extent, 1);
        if (each.name === name) return all.subarray(at, at + bytes);
        at += bytes;
      }
      return undefined;
    };
    expect(fixed('net/norm/mean', weights)).toEqual(
      fixed('net/norm/mean', await readFile(join(folder, 'weights.bin'))),
    );
  });
});
