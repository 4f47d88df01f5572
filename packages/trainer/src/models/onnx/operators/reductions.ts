import { axisOf } from '@prunegrid/numerics/shape';
import type { Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { computed } from '../values.js';
import { type Call, type Operator, operator, type Operators } from './operator.js';

/** Describes an operator that reduces axes, which are an input, or in older operator sets an attribute. */
const reduction = (reduce: (tf: Ops, x: Tensor, axes: number[], keep: boolean) => Tensor): Operator =>
  operator((call) => {
    const { tf, attributes } = call;
    const axes = axesOf(call);
    if (axes.length === 0) return call.input(0);
    const keep = attributes.int('keepdims', 1) === 1;
    const rank = call.shape(0).length;
    const positions = rank > 2 && axes.length === rank - 2 && axes.every((axis) => axis > 1);
    if (!positions) return computed(reduce(tf, call.plain(0), axes, keep));
    // All positions of images are reduced, which does not depend on where the channels are.
    const x = call.channelsLast(0);
    const stored = axes.map((axis) => axis - 1);
    return computed(reduce(tf, x, stored, keep), keep);
  });

function axesOf(call: Call): number[] {
  const { attributes } = call;
  const rank = call.shape(0).length;
  const given = call.numbers(1, 'axes') ?? attributes.ints('axes') ?? [];
  if (given.length > 0) return given.map((axis) => axisOf(axis, rank)).sort((a, b) => a - b);
  return attributes.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, i) => i);
}

export const reductions: Operators = {
  ReduceL2: reduction((tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))),
  ReduceLogSumExp: reduction((tf, x, axes, keep) => tf.logSumExp(x, axes, keep)),
  ReduceMax: reduction((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMean: reduction((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceMin: reduction((tf, x, axes, keep) => tf.min(x, axes, keep)),
  ReduceProd: reduction((tf, x, axes, keep) => tf.prod(x, axes, keep)),
  ReduceSum: reduction((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceSumSquare: reduction((tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
};
