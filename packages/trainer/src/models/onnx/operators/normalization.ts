import { axisOf } from '@prunegrid/numerics/shape';
import type { Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { computed, plain, type Value } from '../values.js';
import { type Call, type Operator, operator, type Operators } from './operator.js';

/** (x - mean) / sqrt(variance + epsilon). */
const standardized = (tf: Ops, x: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor =>
  tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));

/**
 * Batch normalization (Ioffe & Szegedy 2015) over the micro-batch. The running variance follows the unbiased variance,
 * as in PyTorch, where ONNX' own definition takes the biased one.
 */
function batchNormalization(call: Call): (Value | undefined)[] {
  const { tf, attributes, pass, node } = call;
  const epsilon = attributes.float('epsilon', 1e-5);
  const isFlat = call.shape(0).length === 2;
  const x = isFlat ? call.plain(0) : call.channelsLast(0);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => call.plain(i));
  const finish = (own: Tensor, ownVariance: Tensor) => {
    const factor = tf.mul(scale, tf.rsqrt(tf.add(ownVariance, epsilon)));
    return computed(tf.add(tf.mul(tf.sub(x, own), factor), bias), !isFlat);
  };
  if (!pass.training) return [finish(mean, variance)];
  const axes = Array.from({ length: x.rank - 1 }, (_, i) => i);
  const own = tf.moments(x, axes);
  const count = x.size / x.shape[x.rank - 1];
  const momentum = attributes.float('momentum', 0.9);
  const renewed = (before: Tensor, now: Tensor) => tf.add(tf.mul(before, momentum), tf.mul(now, 1 - momentum));
  pass.renew(node.inputs[3], renewed(mean, own.mean));
  pass.renew(node.inputs[4], renewed(variance, tf.mul(own.variance, count > 1 ? count / (count - 1) : 1)));
  return [finish(own.mean, own.variance)];
}

/** Layer normalization (Ba et al. 2016) over all axes from `axis` on. */
function layerNormalization(call: Call): Value {
  const { tf, attributes } = call;
  const x = call.plain(0);
  const first = axisOf(attributes.int('axis', -1), x.rank);
  const axes = Array.from({ length: x.rank - first }, (_, i) => first + i);
  const { mean, variance } = tf.moments(x, axes, true);
  const scaled = tf.mul(standardized(tf, x, mean, variance, attributes.float('epsilon', 1e-5)), call.plain(1));
  return computed(call.has(2) ? tf.add(scaled, call.plain(2)) : scaled);
}

/** Root mean square normalization (Zhang & Sennrich 2019) over all axes from `axis` on. */
function rmsNormalization(call: Call): Value {
  const { tf, attributes } = call;
  const x = call.plain(0);
  const first = axisOf(attributes.int('axis', -1), x.rank);
  const axes = Array.from({ length: x.rank - first }, (_, i) => first + i);
  const square = tf.mean(tf.square(x), axes, true);
  const scaled = tf.mul(x, tf.rsqrt(tf.add(square, attributes.float('epsilon', 1e-5))));
  return computed(tf.mul(scaled, call.plain(1)));
}

/**
 * Group normalization (Wu & He 2018): each group of channels of an example by its own mean and variance. Instance
 * normalization has as many groups as channels.
 */
function groupNormalization(call: Call, groups: number): Value {
  const { tf, attributes, node } = call;
  const x = call.channelsLast(0);
  const { shape } = x;
  const [batch, channels] = [shape[0], shape[shape.length - 1]];
  const positions = shape.slice(1, -1).reduce((product, extent) => product * extent, 1);
  const grouped = tf.reshape(x, [batch, positions, groups, channels / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  const own = tf.reshape(standardized(tf, grouped, mean, variance, attributes.float('epsilon', 1e-5)), shape);
  // Up to version 20 of the operator set there is one scale for each group, later one for each channel.
  const perChannel = (value: Value) => {
    const tensor = plain(tf, value);
    if (tensor.size === channels || node.op !== 'GroupNormalization') return tensor;
    return tf.reshape(tf.tile(tf.reshape(tensor, [groups, 1]), [1, channels / groups]), [channels]);
  };
  return computed(tf.add(tf.mul(own, perChannel(call.input(1))), perChannel(call.input(2))), true);
}

/** Softmax and its logarithm, along one axis. TensorFlow.js has them along the last one. */
const alongAxis = (compute: (tf: Ops, x: Tensor) => Tensor): Operator =>
  operator((call) => {
    const { tf, attributes } = call;
    const rank = call.shape(0).length;
    const axis = axisOf(attributes.int('axis', -1), rank);
    if (axis === 1 && rank > 2) return computed(compute(tf, call.channelsLast(0)), true);
    const x = call.plain(0);
    if (axis === rank - 1) return computed(compute(tf, x));
    const order = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
    return computed(tf.transpose(compute(tf, tf.transpose(x, order)), order));
  });

/** Dropout acts in training only, with the factors that the trainer draws. */
function dropout(call: Call): (Value | undefined)[] {
  const { tf, pass, node } = call;
  const value = call.input(0);
  const [ratio = 0.5] = call.numbers(1, 'ratio') ?? [];
  if (!(ratio >= 0 && ratio < 1)) throw call.failure(`drops a share of ${ratio}, which must be at least 0 and below 1`);
  const factors = pass.dropout(node.title, call.shape(0), ratio);
  if (!factors) return [value];
  return [computed(tf.mul(plain(tf, value), factors))];
}

export const normalizations: Operators = {
  BatchNormalization: { compute: batchNormalization },
  Dropout: { compute: dropout },
  GroupNormalization: operator((call) => groupNormalization(call, call.attributes.int('num_groups', 1))),
  InstanceNormalization: operator((call) => groupNormalization(call, call.shape(0)[1])),
  LayerNormalization: operator(layerNormalization),
  LogSoftmax: alongAxis((tf, x) => tf.logSoftmax(x)),
  RMSNormalization: operator(rmsNormalization),
  Softmax: alongAxis((tf, x) => tf.softmax(x)),
};
