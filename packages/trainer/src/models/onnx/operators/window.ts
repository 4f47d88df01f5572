import type { Rank, Tensor, Tensor4D } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import type { Call } from './operator.js';

/** Rows or columns that are added: above, below, left and right. */
export type Pads = [top: number, bottom: number, left: number, right: number];

/** How the window of a convolution or of pooling moves over images, [height, width]. */
export interface Window {
  strides: [number, number];
  dilations: [number, number];
  pads: Pads;
}

/**
 * Reads the attributes of a window.
 * @param size the window's height and width
 * @param flat whether the input has one dimension, which is stored as images of height 1
 */
export function windowOf(call: Call, size: readonly [number, number], flat: boolean): Window {
  const { attributes } = call;
  const two = (values: readonly number[] | undefined): [number, number] => {
    const [a = 1, b = 1] = values ?? [];
    return flat ? [1, a] : [a, b];
  };
  const strides = two(attributes.ints('strides'));
  const dilations = two(attributes.ints('dilations'));
  const auto = attributes.string('auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const extents = call.shape(0).slice(2);
    const [height, width] = flat ? [1, extents[0]] : extents;
    const whole = [height, width].map((extent, i) => {
      const reach = (size[i] - 1) * dilations[i] + 1;
      return Math.max(0, (Math.ceil(extent / strides[i]) - 1) * strides[i] + reach - extent);
    });
    const [small, large] = [whole.map((sum) => Math.floor(sum / 2)), whole.map((sum) => Math.ceil(sum / 2))];
    const [begin, end] = auto === 'SAME_UPPER' ? [small, large] : [large, small];
    return { strides, dilations, pads: [begin[0], end[0], begin[1], end[1]] };
  }
  const file = attributes.ints('pads') ?? [0, 0, 0, 0];
  return { strides, dilations, pads: flat ? [0, 0, file[0], file[1]] : [file[0], file[2], file[1], file[3]] };
}

/** Returns the images with rows and columns of `value` around them. */
export function padded(tf: Ops, images: Tensor4D, [top, bottom, left, right]: Pads, value: number): Tensor4D {
  if (top + bottom + left + right === 0) return images;
  return tf.pad(
    images,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    value,
  );
}

/** Makes two positional axes of one, so that convolutions in one dimension are computed as those in two. */
export function twoDimensional(tf: Ops, tensor: Tensor): Tensor4D {
  if (tensor.rank !== 3) return tensor as Tensor4D;
  const [first, positions, last] = tensor.shape;
  return tf.reshape<Rank.R4>(tensor, [first, 1, positions, last]);
}

/** Undoes `twoDimensional` if the value is `flat`, that is, has one positional axis. */
export function withPositions(tf: Ops, maps: Tensor4D, flat: boolean): Tensor {
  const [batch, , positions, channels] = maps.shape;
  return flat ? tf.reshape(maps, [batch, positions, channels]) : maps;
}
