import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

import { computed, type Value } from '../values.js';
import { type Call, type GraphNode, operator, type Operators } from './operator.js';
import { type Pads, padded, twoDimensional, windowOf, withPositions } from './window.js';

/** Smaller than any value of an image, so that padding is never the maximum. */
const LOWEST = -3.4028234663852886e38;

interface Pooling {
  images: Tensor4D;
  size: [number, number];
  strides: [number, number];
  /** The padding of the file, which counts for averages if the file says so. */
  pads: Pads;
  /** What has to be added below and on the right, so that the last window of `ceil_mode` is complete. */
  beyond: [number, number];
  flat: boolean;
}

function poolingOf(call: Call): Pooling {
  const { tf, attributes } = call;
  const shape = attributes.ints('kernel_shape') ?? [];
  const flat = shape.length === 1;
  const size: [number, number] = flat ? [1, shape[0]] : [shape[0], shape[1]];
  const { strides, pads } = windowOf(call, size, flat);
  const images = call.channelsLast(0);
  const four = twoDimensional(tf, images);
  const beyond = [0, 1].map((i) => {
    if (attributes.int('ceil_mode', 0) === 0) return 0;
    const extent = four.shape[i + 1] + pads[2 * i] + pads[2 * i + 1];
    let count = Math.ceil((extent - size[i]) / strides[i]) + 1;
    // A window that would lie in the padding alone is left out, as in PyTorch.
    if ((count - 1) * strides[i] >= four.shape[i + 1] + pads[2 * i]) count--;
    return Math.max(0, (count - 1) * strides[i] + size[i] - extent);
  }) as [number, number];
  return { images: four, size, strides, pads, beyond, flat };
}

function maxPool(call: Call): Value {
  const { tf } = call;
  const { images, size, strides, pads, beyond, flat } = poolingOf(call);
  const [top, bottom, left, right] = pads;
  const x = padded(tf, images, [top, bottom + beyond[0], left, right + beyond[1]], LOWEST);
  const maps = tf.maxPool(x, size, strides, 'valid');
  return computed(withPositions(tf, maps, flat), true);
}

function averagePool(call: Call): Value {
  const { tf } = call;
  const { images, size, strides, pads, beyond, flat } = poolingOf(call);
  const [top, bottom, left, right] = pads;
  const x = padded(tf, images, [top, bottom + beyond[0], left, right + beyond[1]], 0);
  const means = tf.avgPool(x, size, strides, 'valid');
  const counted = call.attributes.int('count_include_pad', 0) === 1;
  const shares = [0, 1].map((i) => {
    const [begin, end] = counted
      ? [0, pads[2 * i] + images.shape[i + 1] + pads[2 * i + 1]]
      : [pads[2 * i], pads[2 * i] + images.shape[i + 1]];
    return Float32Array.from({ length: means.shape[i + 1] }, (_, at) => {
      const first = at * strides[i];
      return size[i] / (Math.min(first + size[i], end) - Math.max(first, begin));
    });
  });
  const whole = shares.every((share) => share.every((factor) => factor === 1));
  const maps = whole
    ? means
    : tf.mul<Tensor4D>(
        tf.mul(means, tf.tensor(shares[0], [1, shares[0].length, 1, 1])),
        tf.tensor(shares[1], [1, 1, shares[1].length, 1]),
      );
  return computed(withPositions(tf, maps, flat), true);
}

/** Reduces all positions of images to one. */
const overPositions = (reduce: (call: Call, x: Tensor, axes: number[]) => Tensor) =>
  operator((call) => {
    const x = call.channelsLast(0);
    const axes = Array.from({ length: x.rank - 2 }, (_, i) => i + 1);
    return computed(reduce(call, x, axes), true);
  });

function poolable({ attributes, op }: GraphNode): string | undefined {
  const positions = attributes.ints('kernel_shape')?.length ?? 0;
  if (positions < 1 || positions > 2) return `pools ${positions} dimensions; 1 and 2 are read`;
  if (attributes.ints('dilations')?.some((dilation) => dilation !== 1)) return 'has dilations, which are not read';
  if (op === 'MaxPool' && attributes.int('storage_order', 0) !== 0) return 'has storage_order 1, which is not read';
  return undefined;
}

/** Local response normalization over channels (Krizhevsky et al., NeurIPS 2012, section 3.3). */
function lrn(call: Call): Value {
  const { tf, attributes } = call;
  const size = attributes.int('size', 1);
  const x = call.channelsLast(0) as Tensor4D;
  const alpha = attributes.float('alpha', 1e-4) / size;
  return computed(
    tf.localResponseNormalization(
      x,
      (size - 1) / 2,
      attributes.float('bias', 1),
      alpha,
      attributes.float('beta', 0.75),
    ),
    true,
  );
}

export const pooling: Operators = {
  AveragePool: operator(averagePool, poolable),
  GlobalAveragePool: overPositions(({ tf }, x, axes) => tf.mean(x, axes, true)),
  GlobalMaxPool: overPositions(({ tf }, x, axes) => tf.max(x, axes, true)),
  LRN: operator(lrn, ({ attributes }) =>
    attributes.int('size', 1) % 2 === 0 ? 'has an even size, which is not read' : undefined,
  ),
  MaxPool: operator(maxPool, poolable),
};
