import type { Rank, Tensor, Tensor4D } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { computed, plain, type Value } from '../values.js';
import { type Call, type GraphNode, operator, type Operators } from './operator.js';
import { addBias } from './bias.js';
import { type Pads, padded, twoDimensional, windowOf, withPositions } from './window.js';

/** Returns the kernel as [height, width, in, out]. That of one dimension has the height 1. */
function kernelOf(tf: Ops, value: Value): Tensor4D {
  const kernel = lastInAndOut(tf, value);
  if (kernel.rank === 4) return kernel as Tensor4D;
  const [length, inputs, outputs] = kernel.shape;
  return tf.reshape<Rank.R4>(kernel, [1, length, inputs, outputs]);
}

/** Returns the kernel as [...positions, in, out]. */
function lastInAndOut(tf: Ops, value: Value): Tensor {
  if (value.kind === 'trained' && value.swapped) return value.tensor;
  const tensor = plain(tf, value);
  return tf.transpose(tensor, [...Array.from({ length: tensor.rank - 2 }, (_, i) => i + 2), 1, 0]);
}

function onlyImages({ attributes }: GraphNode): string | undefined {
  const positions = attributes.ints('kernel_shape')?.length ?? attributes.ints('strides')?.length ?? 2;
  return positions > 2 ? `has ${positions} dimensions; networks of 1 and 2 are read` : undefined;
}

/**
 * A convolution of NHWC images by a kernel [height, width, in, out]. TensorFlow computes no gradient with dilation, so a
 * dilated one is computed on images that are taken apart into as many smaller ones.
 */
function convolve(tf: Ops, x: Tensor4D, kernel: Tensor4D, strides: [number, number], dilations: [number, number]) {
  if (dilations.every((dilation) => dilation === 1)) return tf.conv2d(x, kernel, strides, 'valid');
  if (strides.some((stride) => stride > 1)) {
    const whole = apart(tf, x, kernel, dilations);
    return tf.gather(tf.gather(whole, every(whole.shape[1], strides[0]), 1), every(whole.shape[2], strides[1]), 2);
  }
  return apart(tf, x, kernel, dilations);
}

const every = (extent: number, stride: number): number[] =>
  Array.from({ length: Math.ceil(extent / stride) }, (_, i) => i * stride);

function apart(tf: Ops, x: Tensor4D, kernel: Tensor4D, dilations: [number, number]): Tensor4D {
  const extents = [x.shape[1], x.shape[2]];
  const missing = extents.map((extent, i) => (dilations[i] - (extent % dilations[i])) % dilations[i]);
  const blocks = tf.spaceToBatchND<Tensor4D>(x, dilations, [
    [0, missing[0]],
    [0, missing[1]],
  ]);
  const crops = [0, 1].map((i) => {
    const whole = (Math.ceil(extents[i] / dilations[i]) - kernel.shape[i] + 1) * dilations[i];
    return [0, whole - (extents[i] - (kernel.shape[i] - 1) * dilations[i])];
  });
  return tf.batchToSpaceND<Tensor4D>(tf.conv2d(blocks, kernel, 1, 'valid'), dilations, crops);
}

/** Convolves each group of channels by its own part of the kernel. */
function grouped(
  tf: Ops,
  x: Tensor4D,
  kernel: Tensor4D,
  groups: number,
  strides: [number, number],
  dilations: [number, number],
): Tensor4D {
  if (groups === 1) return convolve(tf, x, kernel, strides, dilations);
  const [height, width, inputs, outputs] = kernel.shape;
  const square = strides[0] === strides[1] && dilations.every((dilation) => dilation === 1);
  if (inputs === 1 && square) {
    // TensorFlow's depthwise kernel is [height, width, channels, outputs of each channel].
    const depthwise = tf.reshape<Rank.R4>(kernel, [height, width, groups, outputs / groups]);
    return tf.depthwiseConv2d(x, depthwise, strides, 'valid');
  }
  const kernels = tf.split<Tensor4D>(kernel, groups, 3);
  return tf.concat(
    tf.split<Tensor4D>(x, groups, 3).map((part, i) => convolve(tf, part, kernels[i], strides, dilations)),
    3,
  );
}

function convolution(call: Call): Value {
  const { tf, attributes } = call;
  const kernel = kernelOf(tf, call.input(1));
  const images = call.channelsLast(0);
  const flat = images.rank === 3;
  const window = windowOf(call, flat ? [1, kernel.shape[1]] : [kernel.shape[0], kernel.shape[1]], flat);
  const x = padded(tf, twoDimensional(tf, images), window.pads, 0);
  const groups = attributes.int('group', 1);
  if (x.shape[3] !== kernel.shape[2] * groups) {
    throw call.failure(`takes ${kernel.shape[2] * groups} channels, and its input has ${x.shape[3]}`);
  }
  const maps = grouped(tf, x, kernel, groups, window.strides, window.dilations);
  return addBias(call, 2, computed(withPositions(tf, maps, flat), true));
}

/** The transpose of a convolution, which makes images larger. Its kernel in the file is [in, out, ...positions]. */
function transposed(call: Call): Value {
  const { tf, attributes } = call;
  const kernel = kernelOf(tf, call.input(1));
  const images = call.channelsLast(0);
  const flat = images.rank === 3;
  const [height, width, outputs] = kernel.shape;
  const x = twoDimensional(tf, images);
  const { strides } = windowOf(call, flat ? [1, width] : [height, width], flat);
  const two = (values: readonly number[] | undefined, otherwise: number): [number, number] => {
    const [a = otherwise, b = otherwise] = values ?? [];
    return flat ? [0, a] : [a, b];
  };
  const extra = two(attributes.ints('output_padding'), 0);
  const file = attributes.ints('pads') ?? [0, 0, 0, 0];
  const pads: Pads = flat ? [0, 0, file[0], file[1]] : [file[0], file[2], file[1], file[3]];
  const groups = attributes.int('group', 1);
  const whole = [x.shape[1], x.shape[2]].map((extent, i) => (extent - 1) * strides[i] + kernel.shape[i] + extra[i]);
  const size = whole.map((extent, i) => extent - pads[2 * i] - pads[2 * i + 1]);
  const split = (whole: Tensor4D) => (groups === 1 ? [whole] : tf.split<Tensor4D>(whole, groups, 3));
  const kernels = split(kernel);
  const parts = split(x).map((part, i) =>
    tf.conv2dTranspose(part, kernels[i], [part.shape[0], whole[0], whole[1], outputs], strides, 'valid'),
  );
  const maps = tf.slice(
    parts.length === 1 ? parts[0] : tf.concat(parts, 3),
    [0, pads[0], pads[2], 0],
    [-1, size[0], size[1], -1],
  );
  return addBias(call, 2, computed(withPositions(tf, maps, flat), true));
}

function transposable(node: GraphNode): string | undefined {
  const { attributes } = node;
  if (attributes.ints('dilations')?.some((dilation) => dilation !== 1)) return 'has dilations, which are not read';
  if (attributes.ints('output_shape')) return 'states output_shape; export it with pads and output_padding';
  if (!['NOTSET', 'VALID'].includes(attributes.string('auto_pad', 'NOTSET'))) {
    return 'has auto_pad; export it with pads';
  }
  return onlyImages(node);
}

export const convolutions: Operators = {
  Conv: operator(convolution, onlyImages),
  ConvTranspose: operator(transposed, transposable),
};
