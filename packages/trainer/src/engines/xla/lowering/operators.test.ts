import type { PjrtClient } from '@prunegrid/pjrt';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Recording } from '../../recording/nodes.js';
import { record } from '../../recording/record.js';
import { loadBinding } from '../../tensorflow/tensorflow.js';
import { apart, createCpuClient, hasPlugin } from '../plugin.fixture.js';
import { ShapeBinding } from '../shape-binding.js';
import { lower } from './lower.js';
import { writeProgram } from './program.js';

const { tf, backend } = loadBinding(1);

type Of = tensorflow.Tensor;
type Images = tensorflow.Tensor4D;
type Compute = (x: never) => tensorflow.Tensor;

const some = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 50 - 1.005);
const filter = (...shape: [number, number, number, number]) => tf.tensor4d(some(shape.reduce((a, b) => a * b)), shape);
/** Calls an operation of TensorFlow that TensorFlow.js reaches only in special cases. */
const native = (op: string, ...inputs: Of[]): Of =>
  backend.executeSingleOutput(op, [{ name: 'T', type: backend.binding.TF_ATTR_TYPE, value: 1 }], inputs);

describe.skipIf(!hasPlugin)('operators lowered for XLA', () => {
  let client: PjrtClient;
  beforeAll(async () => {
    client = await createCpuClient();
  }, 300_000);

  const idsOf = (tensor: Of) => [backend.tensorMap.get(tensor.dataId).id];
  /** Records without the library, as XLA's engine does. */
  function recordShapes(values: Float32Array, compute: () => number[]): Recording {
    const { binding } = backend;
    backend.binding = new ShapeBinding() as unknown as typeof binding;
    try {
      return record(backend, [values], compute);
    } finally {
      backend.binding = binding;
    }
  }
  const flat = (tensor: Of) => tf.reshape(tf.cast(tensor, 'float32'), [-1]);

  async function run(recording: Recording, values: Float32Array, shape: number[], length: number) {
    const [{ shape: whole, elementType }] = recording.placeholders;
    const parameters = { x: { shape: whole, type: elementType } };
    const program = writeProgram('HIGHEST', parameters, (body, { x }) => ({ y: lower(recording, body, [x]) }));
    const executable = await client.compile(program.text);
    const input = await client.put(values, 'float32', shape);
    const [output] = await executable.execute([input], { keep: true });
    const result = await output.read(new Float32Array(length));
    for (const each of [input, output, executable]) each.release();
    return result;
  }

  /** Expects that XLA computes the values of a function and, unless it has none, its gradient as libtensorflow does. */
  async function compare(
    shape: number[],
    compute: Compute,
    { values = some(tf.util.sizeFromShape(shape)), gradient = true } = {},
  ) {
    const forward = (x: Of) => flat(compute(x as never));
    const weighted = (x: Of) => {
      const y = forward(x);
      return tf.sum(tf.mul(y, tf.tensor1d(Float32Array.from({ length: y.size }, (_, i) => 1 + (i % 5) / 4))));
    };
    const backward = (x: Of) => flat(tf.grad(weighted)(x));
    for (const [each, bound] of [[forward, 1e-5] as const, ...(gradient ? [[backward, 1e-4] as const] : [])]) {
      const compute = () => tf.tidy(() => idsOf(each(tf.tensor(values, shape, 'float32'))));
      const recording = record(backend, [values], compute);
      expect(recordShapes(values, compute)).toEqual(recording);
      const expected = each(tf.tensor(values, shape, 'float32')).dataSync();
      expect(apart(await run(recording, values, shape, expected.length), expected)).toBeLessThan(bound);
    }
  }

  it.each<[string, number[], Compute]>([
    ['max-pooling with padding and overlap', [1, 5, 5, 2], (x: Images) => tf.maxPool(x, 3, 2, 'same')],
    ['max-pooling of equal values', [1, 4, 4, 1], (x: Images) => tf.maxPool(tf.mul<Images>(x, 0), 2, 2, 'valid')],
    ['average pooling', [2, 5, 7, 2], (x: Images) => tf.avgPool(x, [2, 3], [2, 1], 'valid')],
    ['average pooling with padding and overlap', [1, 5, 4, 2], (x: Images) => tf.avgPool(x, 3, 2, 'same')],
    ['convolution with stride and padding', [1, 6, 5, 2], (x: Images) => tf.conv2d(x, filter(3, 3, 2, 2), 2, 'same')],
    [
      'convolution of its filter',
      [3, 2, 2, 3],
      (x: Images) => tf.conv2d(tf.tensor4d(some(2 * 7 * 6 * 2), [2, 7, 6, 2]), x, [2, 1], 'valid'),
    ],
    [
      'dilated convolution',
      [1, 7, 6, 2],
      (x: Images) => {
        const blocks = tf.spaceToBatchND<Images>(
          x,
          [2, 2],
          [
            [0, 1],
            [0, 0],
          ],
        );
        return tf.batchToSpaceND(
          tf.conv2d(blocks, filter(2, 2, 2, 3), 1, 'valid'),
          [2, 2],
          [
            [0, 1],
            [0, 0],
          ],
        );
      },
    ],
    [
      'transposed convolution',
      [1, 3, 4, 3],
      (x: Images) => tf.conv2dTranspose(x, filter(3, 3, 2, 3), [1, 7, 9, 2], 2, 'valid'),
    ],
    ['depthwise convolution', [2, 6, 5, 3], (x: Images) => tf.depthwiseConv2d(x, filter(3, 3, 3, 2), 2, 'valid')],
    [
      'depthwise convolution with padding',
      [1, 5, 5, 2],
      (x: Images) => tf.depthwiseConv2d(x, filter(3, 2, 2, 1), 1, 'same'),
    ],
    [
      'depthwise convolution of its filter',
      [3, 3, 2, 2],
      (x: Images) => tf.depthwiseConv2d(tf.tensor4d(some(2 * 7 * 6 * 2), [2, 7, 6, 2]), x, 2, 'same'),
    ],
    [
      'products with transposed matrices',
      [2, 3],
      (x: tensorflow.Tensor2D) => tf.matMul(x, tf.tensor2d(some(12), [4, 3]), false, true),
    ],
    ['products of many matrices', [2, 3, 4], (x: Of) => tf.matMul(x, tf.transpose(x, [0, 2, 1]))],
    ['softmax', [2, 5], (x: Of) => tf.softmax(x)],
    ['the logarithm of softmax', [3, 4], (x: Of) => tf.logSoftmax(x)],
    ['the logarithm of a sum of exponentials', [3, 4], (x: Of) => tf.logSumExp(x, 1)],
    ['local response normalisation', [1, 2, 2, 6], (x: Images) => tf.localResponseNormalization(x, 2, 1, 0.5, 0.75)],
    [
      'moments',
      [2, 3, 4],
      (x: Of) => {
        const { mean, variance } = tf.moments(x, [0, 2], true);
        return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
      },
    ],
    ['softplus and leaky ReLU', [9], (x: Of) => tf.add(tf.softplus(x), tf.leakyRelu(x, 0.1))],
    ['sigmoid, tanh and erf', [7], (x: Of) => tf.mul(tf.sigmoid(x), tf.add(tf.tanh(x), tf.erf(x)))],
    ['ELU and SELU', [9], (x: Of) => tf.mul(tf.elu(x), tf.selu(x))],
    [
      'ReLU, ReLU6 and a clipped value',
      [9],
      (x: Of) => tf.add(tf.relu(x), tf.mul(tf.relu6(tf.mul(x, 8)), tf.clipByValue(x, -0.5, 0.7))),
    ],
    ['powers and roots', [6], (x: Of) => tf.add(tf.pow(tf.abs(x), 1.7), tf.mul(tf.sqrt(tf.abs(x)), tf.square(x)))],
    ['reciprocals and quotients', [5], (x: Of) => tf.add(tf.reciprocal(x), tf.div(x, tf.add(tf.abs(x), 1)))],
    ['logarithm, sine and cosine', [5], (x: Of) => tf.mul(tf.log(tf.abs(x)), tf.add(tf.sin(x), tf.cos(x)))],
    [
      'remainders and rounding',
      [7],
      (x: Of) => tf.add(tf.mod(x, 0.3), tf.mul(tf.floor(x), tf.add(tf.ceil(x), tf.round(x)))),
    ],
    ['maxima and minima', [2, 4], (x: Of) => tf.add(tf.max(x, 1, true), tf.mul(tf.min(x, 0), tf.maximum(x, 0.2)))],
    ['a product of elements', [3, 4], (x: Of) => tf.prod(x, 1)],
    ['a running sum', [5], (x: Of) => tf.add(tf.cumsum(x), tf.cumsum(x, 0, true, true))],
    [
      'a condition',
      [6],
      (x: Of) => tf.where(tf.tensor1d([true, false, false, true, true, false], 'bool'), tf.mul(x, 2), tf.neg(x)),
    ],
    ['parts and their order', [4, 6], (x: Of) => tf.concat(tf.split(x, 3, 1).reverse(), 1)],
    ['stacked and unstacked parts', [3, 4], (x: Of) => tf.stack(tf.unstack(x, 1).reverse(), 0)],
    ['a transpose and a mean', [2, 3, 4], (x: Of) => tf.mean(tf.transpose(x, [2, 0, 1]), 1)],
    [
      'slices with strides, also negative ones',
      [5, 6],
      (x: Of) =>
        tf.concat(
          [tf.stridedSlice(x, [1, 4], [5, 0], [2, -2]), tf.stridedSlice(x, [-2, 5], [9, -9], [1, -3], 0, 2)],
          0,
        ),
    ],
    [
      'padding and repetition',
      [2, 3],
      (x: tensorflow.Tensor2D) =>
        tf.tile(
          tf.pad(
            x,
            [
              [1, 0],
              [0, 2],
            ],
            0.5,
          ),
          [2, 1],
        ),
    ],
    ['a broadcast', [1, 3], (x: Of) => tf.broadcastTo(x, [2, 4, 3])],
    ['rows that are taken more than once', [4, 3], (x: Of) => tf.gather(x, tf.tensor2d([2, 0, 2, 3], [2, 2], 'int32'))],
    ['columns that are taken', [2, 5, 3], (x: Of) => tf.gather(x, [4, 0, 2], 1)],
    ['reversed elements', [2, 3], (x: Of) => tf.reverse(x, 1)],
  ])('compute values and gradients of %s', (_name, shape, compute) =>
    compare(
      shape,
      // No slice with strides has a gradient in TensorFlow.js.
      compute,
      { gradient: !_name.startsWith('slices with') },
    ),
  );

  it.each<[string, number[], Compute]>([
    [
      'integer quotients and remainders',
      [8],
      (x: Of) => {
        const whole = tf.cast(tf.mul(x, 10), 'int32');
        const by = tf.tensor1d([3, -3, 2, -2, 7, -7, 1, -1], 'int32');
        return tf.add(tf.floorDiv(whole, by), tf.mul(tf.mod(whole, by), 100));
      },
    ],
    [
      'comparisons and logic',
      [9],
      (x: Of) => {
        const [a, b] = [tf.greater(x, 0.2), tf.lessEqual(x, 0.6)];
        const all = [tf.logicalAnd(a, b), tf.logicalOr(a, b), tf.logicalXor(a, b), tf.logicalNot(a), tf.notEqual(x, x)];
        return tf.concat(all.map((each) => tf.cast(each, 'float32')));
      },
    ],
    ['steps and numbers that are none', [5], (x: Of) => tf.step(tf.sqrt(x), 0.2)],
    ['the first of the largest', [3, 4], (x: Of) => tf.argMax(tf.round(x), 1)],
    [
      'largest and smallest integers',
      [2, 3],
      (x: Of) => {
        const whole = tf.cast(tf.mul(x, 100), 'int32');
        return tf.add(tf.max(whole, 1), tf.min(whole, 1));
      },
    ],
    ['exponentials and logarithms near 0', [5], (x: Of) => tf.add(tf.expm1(tf.mul(x, 1e-3)), tf.log1p(tf.abs(x)))],
    ['a squared difference', [5], (x: Of) => tf.squaredDifference(x, tf.abs(x))],
    ['a sum of many', [5], (x: Of) => tf.addN([x, tf.abs(x), tf.square(x)])],
    [
      'products of many matrices with one',
      [2, 3, 4],
      (x: Of) => native('BatchMatMulV2', x, tf.tensor3d(some(20), [1, 4, 5])),
    ],
    [
      'products of one matrix with many',
      [3, 4],
      (x: Of) => native('BatchMatMulV2', x, tf.tensor3d(some(40), [2, 4, 5])),
    ],
    ['the gradient of ELU by its value', [5], (x: Of) => native('EluGrad', tf.abs(x), x)],
  ])('compute values of %s', (_name, shape, compute) => compare(shape, compute, { gradient: false }));

  it('name an operation that is not known', () => {
    const [values, compute] = [some(4), (x: Of) => tf.tidy(() => idsOf(tf.topk(x, 2).values))];
    expect(() => recordShapes(values, () => compute(tf.tensor1d(values)))).toThrow(
      'engine: xla cannot compute TopKV2 yet: use tensorflow',
    );
  });
});
