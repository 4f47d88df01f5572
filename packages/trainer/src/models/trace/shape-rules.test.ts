import type { Rank, Tensor, Tensor2D, Tensor4D, Tensor5D } from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

import { loadTensorFlow } from '../../engines/tensorflow/tensorflow.js';
import type { Ops } from '../model.js';
import { traceModel } from './trace.js';

loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as Ops;

/** Operations of one tensor [2, 4, 6, 3], of which the results are compared with those of the engine. */
const operations: Record<string, (ops: Ops, x: Tensor4D) => Tensor | Tensor[]> = {
  activations: (ops, x) => [ops.elu(x), ops.softplus(x), ops.clipByValue(x, 0, 6), ops.leakyRelu(x)],
  comparisons: (ops, x) => [
    ops.greater(x, 0.5),
    ops.logicalNot(ops.equal(x, 1)),
    ops.isNaN(x),
    ops.any(ops.cast(x, 'bool'), 1),
  ],
  select: (ops, x) => ops.where(ops.greater(x, 0), x, ops.zerosLike(x)),
  broadcast: (ops, x) => [
    ops.add(x, ops.ones([6, 1])),
    ops.pow(ops.ones([4, 1, 1]), x),
    ops.prelu(x, ops.ones([1, 1, 1, 3])),
  ],
  reductions: (ops, x) => [
    ops.sum(x),
    ops.mean(x, [1, -1], true),
    ops.max(x, 2),
    ops.prod(x, 0),
    ops.logSumExp(x, [1, 2]),
  ],
  arguments: (ops, x) => [ops.argMax(x, -1), ops.argMin(x, 1), ...Object.values(ops.topk(x, 2))],
  normalisation: (ops, x) => [
    ops.batchNorm(x, ops.ones([3]), ops.ones([3])),
    ops.localResponseNormalization(x, 1),
    ops.softmax(x),
    ops.logSoftmax(x),
    ...Object.values(ops.moments(x, [0, 1])),
  ],
  pooling: (ops, x) => [
    ops.maxPool(x, 2, 2, 'same'),
    ops.avgPool(x, [3, 2], 1, 'valid'),
    ops.pool(x, 2, 'max', 'valid', 2),
    ops.maxPool3d(ops.expandDims<Tensor5D>(x, 1), 2, 1, 'same'),
  ],
  convolutions: (ops, x) => [
    ops.conv2d(x, ops.ones([3, 3, 3, 5]), 1, 'same', 'NHWC', 2),
    ops.conv1d(ops.reshape<Rank.R3>(x, [2, 24, 3]), ops.ones([5, 3, 4]), 2, 'valid'),
    ops.separableConv2d(x, ops.ones([3, 3, 3, 2]), ops.ones([1, 1, 6, 7]), 1, 'valid'),
    ops.fused.conv2d({
      x,
      filter: ops.ones([1, 1, 3, 2]),
      strides: 2,
      pad: 0,
      bias: ops.ones([2]),
      activation: 'relu',
    }),
    ops.conv3dTranspose(ops.expandDims<Tensor5D>(x, 1), ops.ones([1, 2, 2, 5, 3]), [2, 1, 8, 12, 5], [1, 2, 2], 'same'),
  ],
  products: (ops, x) => [
    ops.matMul(x, ops.ones([3, 5])),
    ops.matMul(x, x, false, true),
    ops.einsum('abcd,de->abce', x, ops.ones([3, 7])),
    ops.dot(ops.ones([4]), ops.ones([4])),
    ops.outerProduct(ops.ones([4]), ops.ones([3])),
    ops.fused.matMul({ a: ops.reshape<Rank.R2>(x, [-1, 3]), b: ops.ones([3, 2]), bias: ops.ones([2]) }),
  ],
  layout: (ops, x) => [
    ops.transpose(x, [0, 3, 1, 2]),
    ops.reshape(x, [2, -1]),
    ops.squeeze(ops.expandDims(x, -1), [-1]),
    ops.tile(x, [1, 2, 1, 3]),
    ops.reverse(x, 1),
    ops.pad(x, [
      [0, 0],
      [1, 2],
      [0, 3],
      [0, 0],
    ]),
    ops.mirrorPad(
      x,
      [
        [0, 0],
        [1, 2],
        [0, 3],
        [0, 0],
      ],
      'reflect',
    ),
    ops.broadcastTo(ops.ones([1, 3]), [4, 3]),
    ops.depthToSpace(ops.concat([x, x, x, x], 3), 2, 'NHWC'),
    ops.batchToSpaceND(
      ops.spaceToBatchND(
        x,
        [2, 2],
        [
          [0, 0],
          [1, 1],
        ],
      ),
      [2, 2],
      [
        [0, 0],
        [1, 1],
      ],
    ),
  ],
  parts: (ops, x) => [
    ops.slice(x, [0, 1, 0, 0], [2, 2, -1, 3]),
    ops.stridedSlice(x, [0, 3, 0, 0], [2, 0, 6, 3], [1, -1, 2, 1], 0, 2, 0, 0, 8),
    ...ops.split(x, 3, -1),
    ...ops.split(x, [1, -1, 2], 2),
    ...ops.split(x, 1, 0),
    ...ops.unstack(x, 1),
    ops.stack([x, x], -1),
    ops.concat([x, x], -2),
    ops.gather(
      x,
      ops.tensor(
        [
          [0, 1],
          [2, 0],
        ],
        [2, 2],
        'int32',
      ),
      3,
    ),
    ops.gatherND(
      x,
      ops.tensor(
        [
          [0, 1],
          [1, 3],
        ],
        [2, 2],
        'int32',
      ),
    ),
    ops.scatterND(ops.tensor([[1], [3]], [2, 1], 'int32'), ops.ones([2, 5]), [6, 5]),
  ],
  made: (ops, x) => [
    ops.oneHot(ops.argMax(x, 3), 4),
    ops.fill([2, 3], 1.5),
    ops.range(1, 9, 3),
    ops.linspace(0, 1, 5),
    ops.cumsum(x, 1),
    ops.image.resizeBilinear(x, [8, 9]),
    ops.image.resizeNearestNeighbor(x, [8, 9]),
    ops.addN([x, x]),
  ],
};

const outcome = (result: Tensor | Tensor[]) => [result].flat().map(({ shape, dtype }) => ({ shape, dtype }));

it.each(Object.entries(operations))('the shapes are those of the engine: %s', (_name, operation) => {
  const shape: [number, number, number, number] = [2, 4, 6, 3];
  let traced: unknown;
  traceModel({
    ...{ name: 'traced', layers: [], size: 144, classes: 1, dropouts: [], input: { shape: [1], type: 'float32' } },
    parameters: [{ name: 'x.weight', layer: 'x', kind: 'weight', shape, offset: 0, size: 144 }],
    forward: (ops, [x], inputs) => {
      traced = outcome(operation(ops, x as Tensor4D));
      return { logits: inputs as Tensor2D };
    },
  });
  expect(traced).toEqual(tf.tidy(() => outcome(operation(tf, tf.ones<Rank.R4>(shape)))));
});
