import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { loadTensorFlow } from '../../../engines/tensorflow/tensorflow.js';
import { openTfjsModel } from '../index.js';
import {
  attribute,
  type Constant,
  drawn,
  float,
  graphModelOf,
  integer,
  integers,
  node,
  type WrittenNode,
  writeGraphModel,
} from './graph.fixture.js';

const engine = loadTensorFlow(1);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-operators-'))));
afterAll(() => rm(folder, { recursive: true }));

const { flag, float: real, integer: whole, integers: list, text } = attribute;
const window = { ksize: list(1, 2, 2, 1), strides: list(1, 1, 1, 1), padding: text('SAME') };
const kernel = {
  strides: list(1, 2, 2, 1),
  dilations: list(1, 1, 1, 1),
  padding: text('SAME'),
  data_format: text('NHWC'),
};

/**
 * How an operator is used between two layers: its inputs, its attributes, and the numbers that the second layer reads, 8
 * by default. `h` is [n, 8], `p` is positive and below 1, `i` are images [n, 2, 2, 2], `t` says where h is positive.
 */
type Use = [inputs: string, attributes?: Record<string, object>, width?: number];

const alike = (operators: string, ...use: Use): [string, Use][] => operators.split(' ').map((op) => [op, use]);

const uses: [string, Use][] = [
  ...alike('Abs Atan Asinh Cos Cosh Elu Erf Exp Expm1 Identity LogSoftmax Neg Relu Relu6 Selu Sigmoid Sin Sinh', 'h'),
  ...alike('Softmax Softplus Square Tanh', 'h'),
  ...alike('Acos Asin Atanh Log Log1p Reciprocal Rsqrt Sqrt Tan', 'p'),
  ...alike('Add AddV2 Atan2 Maximum Minimum Mul RealDiv SquaredDifference Sub', 'h p'),
  ...alike('FloorMod Mod', 'p half'),
  ...alike('Pow', 'p h'),
  ...alike('Acosh', 'above'),
  ...alike('AddN', 'h p h', { N: whole(3) }),
  ...alike('LeakyRelu', 'h', { alpha: real(0.1) }),
  ...alike('ClipByValue', 'h low half'),
  ...alike('BiasAdd', 'h vector'),
  ...alike('Prelu', 'h vector'),
  ...alike('Select SelectV2', 't h p'),
  ...alike('Max Mean Min Prod Sum', 'i axis', { keep_dims: flag(false) }, 4),
  ...alike('Cumsum', 'h axis', { exclusive: flag(false), reverse: flag(true) }),
  ...alike('AvgPool MaxPool', 'i', window),
  ...alike('LRN', 'i', { depth_radius: whole(1), bias: real(1), alpha: real(0.5), beta: real(0.75) }),
  ...alike('Conv2D', 'i kernel', kernel, 3),
  ...alike('DepthwiseConv2dNative', 'i kernel', kernel, 6),
  ...alike('Conv2DBackpropInput', 'large transposed i', kernel, 48),
  ...alike('MatMul', 'h matrix', { transpose_a: flag(false), transpose_b: flag(true) }),
  ...alike('BatchMatMul BatchMatMulV2', 'i turn', { adj_x: flag(false), adj_y: flag(false) }),
  ...alike('Einsum', 'h matrix', { equation: text('ab,bc->ac'), N: whole(2) }),
  ...alike('FusedBatchNorm FusedBatchNormV2', 'i two two zeros ones', {
    epsilon: real(1e-3),
    is_training: flag(false),
  }),
  ...alike('FusedBatchNormV3', 'i two two zeros ones', { epsilon: real(1e-3), is_training: flag(true) }),
  ...alike('ConcatV2', 'h p axis', { N: whole(2) }, 16),
  ...alike('ExpandDims', 'h axis'),
  ...alike('GatherV2', 'h positions axis', { batch_dims: whole(0) }, 3),
  ...alike('Pad', 'h pads', {}, 11),
  ...alike('PadV2', 'h pads half', {}, 11),
  ...alike('Pack', 'h p', { axis: whole(1), N: whole(2) }, 16),
  ...alike('Reshape', 'h pairs'),
  ...alike(
    'ResizeBilinear ResizeNearestNeighbor',
    'i sizes',
    { align_corners: flag(false), half_pixel_centers: flag(true) },
    18,
  ),
  ...alike('ReverseV2', 'h axes'),
  ...alike('Slice', 'h begins lengths', {}, 3),
  ...alike('Split', 'axis h', { num_split: whole(1) }),
  ...alike('SplitV', 'h parts axis', { num_split: whole(2) }, 3),
  ...alike('Squeeze', 'h1', { squeeze_dims: list(1) }),
  ...alike('StridedSlice', 'h begins ends strides', { begin_mask: whole(1), end_mask: whole(1) }, 3),
  ...alike('Tile', 'h repeats', {}, 16),
  ...alike('Transpose', 'i order'),
  ...alike('Unpack', 'h1', { axis: whole(1), num: whole(1) }),
];

const constants: Record<string, Constant> = {
  W: float([4, 8], 1),
  images: integers(-1, 2, 2, 2),
  half: { shape: [], values: Float32Array.of(0.55) },
  low: { shape: [], values: Float32Array.of(-0.45) },
  tiny: { shape: [], values: Float32Array.of(0.1) },
  vector: float([8], 2),
  matrix: float([8, 8], 3),
  turn: float([2, 2], 4),
  two: float([2], 5),
  zeros: { shape: [2], values: Float32Array.of(0.1, -0.2) },
  ones: { shape: [2], values: Float32Array.of(1.1, 0.9) },
  kernel: float([3, 3, 2, 3], 6),
  transposed: float([3, 3, 3, 2], 7),
  zero: integers(0),
  one: integers(1),
  four: integer(4),
  three: integer(3),
  single: { shape: [], values: Float32Array.of(1) },
  axis: integer(1),
  axes: integers(1),
  positions: integers(0, 5, 5),
  pads: { shape: [2, 2], values: Int32Array.of(0, 0, 1, 2) },
  pairs: integers(-1, 4, 2),
  sizes: integers(3, 3),
  begins: integers(0, 1),
  lengths: integers(-1, 3),
  ends: integers(0, 7),
  strides: integers(1, 2),
  parts: integers(3, 5),
  repeats: integers(1, 2),
  order: integers(0, 3, 1, 2),
};

const before: WrittenNode[] = [
  node('MatMul', 'h', 'x W'),
  node('Sigmoid', 'sigmoid', 'h'),
  node('Mul', 'shrunk', 'sigmoid half'),
  node('Add', 'p', 'shrunk tiny'),
  node('Add', 'above', 'p single'),
  node('Greater', 't', 'h p'),
  node('Reshape', 'i', 'h images'),
  node('ExpandDims', 'h1', 'h axis'),
  node('Shape', 'shape', 'h'),
  node('StridedSlice', 'count', 'shape zero one one', { shrink_axis_mask: whole(1) }),
  node('Pack', 'large', 'count four four three', { axis: whole(0), N: whole(4) }),
];

const CLASSES = 3;

it.each(uses)('%s is computed as by TensorFlow.js, and trains', async (op, [inputs, attributes = {}, width = 8]) => {
  const graph = graphModelOf({
    input: [4],
    constants: { ...constants, flat: integers(-1, width), last: float([width, CLASSES], 9) },
    nodes: [
      ...before,
      node(op, 'tried', inputs, attributes),
      node('Reshape', 'flattened', 'tried flat'),
      node('MatMul', 'logits', 'flattened last'),
    ],
  });
  const model = await (await openTfjsModel(await writeGraphModel(folder, graph), op, nodeHost)).read('');
  const values = (await model.pretrained?.()) as Float32Array;
  const examples = drawn(4 * 4, 11);
  await tf.setBackend('cpu');
  const parameters = model.parameters.map(({ shape, offset, size }) =>
    tf.tensor(values.slice(offset, offset + size), shape),
  );
  const x = tf.tensor(examples, [4, 4]);
  const { logits } = model.forward(tf, parameters, x);
  // TensorFlow.js knows no statistics of an input's own.
  if (op !== 'FusedBatchNormV3') {
    const network = new tf.GraphModel({});
    const { modelTopology, weightsManifest } = graph.json;
    const weightSpecs = weightsManifest[0].weights as tf.io.WeightsManifestEntry[];
    network.loadSync({ modelTopology, weightSpecs, weightData: Uint8Array.from(graph.weights).buffer });
    const expected = (network.execute(x, 'logits') as tf.Tensor).dataSync();
    logits.dataSync().forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-5));
  }
  await tf.setBackend('tensorflow');
  const network = engine.open(model);
  const at = (vector: Float32Array) => {
    network.setParameters(vector);
    return network.gradient({ inputs: examples, labels: Int32Array.of(0, 1, 2, 1) }, 1).read();
  };
  const direction = drawn(model.size, 12);
  const along = (step: number) => at(values.map((value, i) => value + step * direction[i]))[model.size];
  const found = at(values)
    .subarray(0, model.size)
    .reduce((sum, value, i) => sum + value * direction[i], 0);
  const expected = (along(1e-3) - along(-1e-3)) / 2e-3;
  expect(Math.abs(found - expected)).toBeLessThan(2e-3 + 1e-2 * Math.abs(expected));
});
