import type { OnnxTensor } from '@prunegrid/onnx';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Ops } from '../model.js';

type Tensor = tensorflow.Tensor;

/** A value that is known before the network runs, such as a shape. The batch counts as known. */
export type Constant = { kind: 'constant' } & OnnxTensor;

/**
 * A value that the network computes. ONNX has the channels of images first, [batch, channels, ...positions], and
 * TensorFlow's kernels on CPUs want them last, so a value may be stored [batch, ...positions, channels].
 */
export interface Computed {
  kind: 'computed';
  tensor: Tensor;
  channelsLast: boolean;
}

/**
 * A trained tensor of the file in the model's own layout. If it is `swapped`, that is [...positions, in, out], where the
 * file has [out, in, ...positions].
 */
export interface Trained {
  kind: 'trained';
  tensor: Tensor;
  swapped: boolean;
}

/**
 * The trained matrices [in, out] that the file has one upon the other as [count, out, in], such as those of the two
 * directions of an LSTM.
 */
export interface Stacked {
  kind: 'stacked';
  tensors: readonly Tensor[];
}

export type Value = Constant | Computed | Trained | Stacked;

export const computed = (tensor: Tensor, channelsLast = false): Computed => ({
  kind: 'computed',
  tensor,
  channelsLast,
});

export const integers = (values: readonly number[], shape: number[] = [values.length]): Constant => ({
  kind: 'constant',
  type: 'int',
  shape,
  values: Float64Array.from(values),
});

/** Returns the shape that ONNX sees. */
export function shapeOfValue(value: Value): readonly number[] {
  switch (value.kind) {
    case 'constant':
      return value.shape;
    case 'stacked':
      return [value.tensors.length, ...[...value.tensors[0].shape].reverse()];
    case 'trained': {
      const { shape } = value.tensor;
      return value.swapped ? [...shape.slice(-2).reverse(), ...shape.slice(0, -2)] : shape;
    }
    case 'computed': {
      const { shape } = value.tensor;
      return value.channelsLast ? [shape[0], shape[shape.length - 1], ...shape.slice(1, -1)] : shape;
    }
  }
}

/** Returns the value as a tensor in ONNX's own order of axes. */
export function plain(tf: Ops, value: Value): Tensor {
  if (value.kind === 'constant') return tensorOf(tf, value);
  if (value.kind === 'stacked') return tf.stack(value.tensors.map((matrix) => tf.transpose(matrix)));
  const { tensor } = value;
  const { rank } = tensor;
  if (value.kind === 'trained') {
    return value.swapped
      ? tf.transpose(tensor, [rank - 1, rank - 2, ...Array.from({ length: rank - 2 }, (_, i) => i)])
      : tensor;
  }
  if (!value.channelsLast) return tensor;
  const single = tensor.shape.slice(1, -1).every((extent) => extent === 1);
  if (single) return tf.reshape(tensor, [...shapeOfValue(value)]);
  return tf.transpose(tensor, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]);
}

/** Returns a value of at least three axes as a tensor [batch, ...positions, channels]. */
export function channelsLast(tf: Ops, value: Value): Tensor {
  if (value.kind === 'computed' && value.channelsLast) return value.tensor;
  const tensor = plain(tf, value);
  const { rank, shape } = tensor;
  if (shape.slice(2).every((extent) => extent === 1)) {
    return tf.reshape(tensor, [shape[0], ...shape.slice(2), shape[1] as number]);
  }
  return tf.transpose(tensor, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]);
}

/** Returns the axis of the stored tensor that is ONNX's axis `axis`. */
export function storedAxis({ tensor, channelsLast: last }: Computed, axis: number): number {
  if (!last || axis === 0) return axis;
  return axis === 1 ? tensor.rank - 1 : axis - 1;
}

function tensorOf(tf: Ops, { type, shape, values }: Constant): Tensor {
  if (type === 'float') return tf.tensor(values, shape, 'float32');
  const whole = Int32Array.from(values, (value) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value)));
  return type === 'int' ? tf.tensor(whole, shape, 'int32') : tf.cast(tf.tensor(whole, shape, 'int32'), 'bool');
}

/**
 * Returns two values with the same order of axes, so that they can be combined element by element, and whether the
 * channels are last.
 */
export function aligned(tf: Ops, a: Value, b: Value): { tensors: [Tensor, Tensor]; channelsLast: boolean } {
  const last = [a, b].find((value) => value.kind === 'computed' && value.channelsLast) as Computed | undefined;
  const rank = Math.max(shapeOfValue(a).length, shapeOfValue(b).length);
  if (!last || last.tensor.rank < rank) return { tensors: [plain(tf, a), plain(tf, b)], channelsLast: false };
  const fit = (value: Value): Tensor => {
    if (value.kind === 'computed' && value.channelsLast) return value.tensor;
    const tensor = plain(tf, value);
    if (tensor.size === 1) return tf.reshape(tensor, []);
    const whole = tf.reshape(tensor, [...Array.from({ length: rank - tensor.rank }, () => 1), ...tensor.shape]);
    return channelsLast(tf, computed(whole));
  };
  return { tensors: [fit(a), fit(b)], channelsLast: true };
}
