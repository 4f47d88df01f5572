import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadTensorFlow } from '../../../engines/tensorflow/tensorflow.js';
import { exportFormats } from '../../../export/index.js';
import { models } from '../../index.js';
import { loadModel } from '../../load.js';
import { traceModel } from '../../trace/trace.js';
import {
  attribute,
  drawn,
  float,
  graphModelOf,
  integer,
  integers,
  node,
  type WrittenGraph,
  writeGraphModel,
} from './graph.fixture.js';

const engine = loadTensorFlow(1);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-graph-'))));
beforeEach(() => tf.setBackend('cpu'));
afterAll(() => rm(folder, { recursive: true }));

const { flag, float: real, integer: whole, integers: list, text, texts, type } = attribute;
const convolution = {
  ...{ strides: list(1, 1, 1, 1), padding: text('VALID'), data_format: text('NHWC'), dilations: list(1, 1, 1, 1) },
};

/**
 * A small network of what the converter makes of Keras': operators fused with what follows them, a normalization with
 * statistics, shapes that are computed, a kernel that is stored the other way round, and a softmax.
 */
const cnn: WrittenGraph = {
  input: [6, 6, 1],
  constants: {
    'net/input/scale': { shape: [1, 1, 1, 1], values: Float32Array.of(0.5) },
    'net/conv/Conv2D_weights': float([3, 3, 1, 4], 1),
    'net/conv/Conv2D_bn_offset': float([4], 2),
    'net/depth/depthwise/ReadVariableOp': float([3, 3, 4, 2], 3),
    'net/norm/gamma': float([8], 4),
    'net/norm/beta': float([8], 5),
    'net/norm/mean': float([8], 6),
    'net/norm/variance': { shape: [8], values: drawn(8, 7).map(Math.exp) },
    'net/split/axis': integer(3),
    'net/first': integers(0),
    'net/second': integers(1),
    'net/size': integer(16),
    'net/rows': integers(-1, 4, 4),
    'net/fc1/MatMul/ReadVariableOp': float([5, 16], 8),
    'net/fc1/BiasAdd/ReadVariableOp': float([5], 9),
    'net/mixed/einsum/Einsum/ReadVariableOp': float([4, 4], 10),
    'net/slope': float([5], 11),
    'net/backwards': integers(0, -1),
    'net/ends': integers(0, -6),
    'net/steps': integers(1, -1),
    'net/fc2/MatMul/ReadVariableOp': float([5, 3], 12),
  },
  nodes: [
    node('Mul', 'net/scaled', 'x net/input/scale'),
    node('_FusedConv2D', 'net/conv/Relu', 'net/scaled net/conv/Conv2D_weights net/conv/Conv2D_bn_offset', {
      ...{ ...convolution, fused_ops: texts('BiasAdd', 'Relu'), num_args: whole(1), epsilon: real(0) },
    }),
    node(
      'DepthwiseConv2dNative',
      'net/depth/depthwise',
      'net/conv/Relu net/depth/depthwise/ReadVariableOp',
      convolution,
    ),
    node(
      'FusedBatchNormV3',
      'net/norm/n',
      'net/depth/depthwise net/norm/gamma net/norm/beta net/norm/mean net/norm/variance',
      {
        ...{ epsilon: real(1e-3), is_training: flag(false), data_format: text('NHWC') },
      },
    ),
    node('Split', 'net/split', 'net/split/axis net/norm/n', { num_split: whole(2) }),
    node('Sigmoid', 'net/gate', 'net/split:1'),
    node('Mul', 'net/gated', 'net/split net/gate'),
    node('Shape', 'net/shape', 'net/gated', { out_type: type('DT_INT32') }),
    node('StridedSlice', 'net/batch', 'net/shape net/first net/second net/second', { shrink_axis_mask: whole(1) }),
    node('Pack', 'net/flat', 'net/batch net/size', { axis: whole(0), N: whole(2) }),
    node('Reshape', 'net/mixed/rows', 'net/gated net/rows'),
    node('Einsum', 'net/mixed/einsum/Einsum', 'net/mixed/rows net/mixed/einsum/Einsum/ReadVariableOp', {
      ...{ equation: text('bij,kj->bki'), N: whole(2) },
    }),
    node('Reshape', 'net/flatten', 'net/mixed/einsum/Einsum net/flat'),
    node('_FusedMatMul', 'net/fc1/Tanh', 'net/flatten net/fc1/MatMul/ReadVariableOp net/fc1/BiasAdd/ReadVariableOp', {
      ...{ transpose_a: flag(false), transpose_b: flag(true), fused_ops: texts('BiasAdd'), num_args: whole(1) },
      epsilon: real(0),
    }),
    node('Prelu', 'net/prelu', 'net/fc1/Tanh net/slope'),
    node('StridedSlice', 'net/turned', 'net/prelu net/backwards net/ends net/steps', {
      ...{ begin_mask: whole(1), end_mask: whole(1) },
    }),
    node('MatMul', 'net/fc2/MatMul', 'net/turned net/fc2/MatMul/ReadVariableOp', { transpose_b: flag(false) }),
    node('Softmax', 'net/fc2/Softmax', 'net/fc2/MatMul'),
    node('Identity', 'Identity', 'net/fc2/Softmax ^net/batch'),
  ],
};

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
    const { layers } = traceModel(model);
    expect(layers.map(({ name, multiplyAccumulates }) => [name, multiplyAccumulates])).toEqual([
      ['net/conv', 576],
      ['net/depth', 288],
      ['net/mixed', 64],
      ['net/fc1', 80],
      ['net/fc2', 15],
    ]);
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

describe('a bad graph model is refused in one line', () => {
  type Json = ReturnType<typeof graphModelOf>['json'];
  type Node = { name: string; op: string; input: string[]; attr: Record<string, unknown> };
  const nodeOf = (json: Json, name: string) => json.modelTopology.node.find((each) => each.name === name) as Node;
  it.each<[string, (json: Json) => unknown, string]>([
    [
      'operators that are not read, all at once',
      (json) => {
        nodeOf(json, 'net/gate').op = 'TensorListReserve';
        nodeOf(json, 'net/prelu').op = 'StatelessWhile';
        Object.assign(nodeOf(json, 'net/depth/depthwise').attr, { dilations: list(1, 2, 2, 1) });
      },
      'has operators that are not supported: DepthwiseConv2dNative has dilations, of which TensorFlow.js has no gradient (net/depth/depthwise); TensorListReserve is not read (net/gate); StatelessWhile is not read (net/prelu): express',
    ],
    ['no nodes', (json) => (json.modelTopology.node = []), 'is no graph model of TensorFlow.js (modelTopology.node: '],
    ['null in place of nodes', (json) => (json.modelTopology.node = null as never), '(modelTopology.node: '],
    ['null as a node', (json) => (json.modelTopology.node[3] = null as never), '(modelTopology.node.3: '],
    ['an attribute that is a number', (json) => (nodeOf(json, 'net/norm/n').attr['epsilon'] = 1), 'attr.epsilon: '],
    ['two nodes of one name', (json) => (nodeOf(json, 'net/gate').name = 'net/flat'), 'has two nodes net/flat'],
    [
      'a node that is not there',
      (json) => (nodeOf(json, 'net/gate').input = ['none']),
      'node net/gate reads none, which',
    ],
    ['a cycle', (json) => (nodeOf(json, 'net/gate').input = ['net/flat']), 'its nodes form a cycle through net/'],
    ['an output that is not there', (json) => (json.signature.outputs.y.name = 'none'), 'has 1 outputs (none), and'],
    [
      'a fixed number of examples',
      (json) => {
        const { shape } = nodeOf(json, 'x').attr as { shape: { shape: { dim: { size: string }[] } } };
        shape.shape.dim[0].size = '8';
      },
      'its input x has the shape [8, 6, 6, 1]: save it with the number of examples open',
    ],
    [
      'an input of texts',
      (json) => (nodeOf(json, 'x').attr['dtype'] = type('DT_STRING')),
      'its input x is of DT_STRING; ',
    ],
    [
      'a constant without values',
      (json) => (nodeOf(json, 'net/gate').op = 'Const'),
      'its weights do not fit: net/gate missing',
    ],
    [
      'shapes that do not fit',
      (json) => (nodeOf(json, 'net/flat').input = ['net/batch', 'net/batch']),
      'node net/flatten (Reshape): ',
    ],
    [
      'bounds from the data',
      (json) => (nodeOf(json, 'net/flatten').input[1] = 'net/gated'),
      'node net/flatten (Reshape): ',
    ],
    [
      'another output',
      (json) => (json.signature.outputs.y.name = 'net/conv/Relu:0'),
      'its output has the shape [batch, 4, 4, 4], and',
    ],
  ])('%s', async (_what, change, message) => {
    const { json, weights } = structuredClone(graphModelOf(cnn));
    change(json);
    const error = await load({ json, weights: Buffer.from(weights) }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    const { message: line } = error as Failure;
    expect(line).toMatch(/^\/[^\n]+$/);
    expect(line).toContain(message);
  });
});
