import type { Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { computed, plain, type Value } from '../values.js';
import { type Call, operator, type Operators } from './operator.js';

/** Returns a value as a matrix, and whether the matrix is the transpose of what the file has. */
function matrixOf(tf: Ops, value: Value): { matrix: Tensor; transposed: boolean } {
  return value.kind === 'trained' && value.swapped && value.tensor.rank === 2
    ? { matrix: value.tensor, transposed: true }
    : { matrix: plain(tf, value), transposed: false };
}

/** alpha * A * B + beta * C, with A and B transposed if the node says so. */
function gemm(call: Call): Value {
  const { tf, attributes } = call;
  const [a, b] = [matrixOf(tf, call.input(0)), matrixOf(tf, call.input(1))];
  const transposes = (name: string, { transposed }: { transposed: boolean }) =>
    (attributes.int(name, 0) === 1) !== transposed;
  const scaled = (tensor: Tensor, factor: number) => (factor === 1 ? tensor : tf.mul(tensor, factor));
  const product = tf.matMul(a.matrix, b.matrix, transposes('transA', a), transposes('transB', b));
  const sum = scaled(product, attributes.float('alpha', 1));
  return computed(call.has(2) ? tf.add(sum, scaled(call.plain(2), attributes.float('beta', 1))) : sum);
}

/** The product of matrices in the last two axes, as numpy.matmul has it. */
function matMul(call: Call): Value {
  const { tf } = call;
  const a = call.plain(0);
  const b = matrixOf(tf, call.input(1));
  const [rank, other] = [a.rank, b.matrix.rank];
  if (other === 1) {
    const column = tf.reshape(b.matrix, [b.matrix.size, 1]);
    const rows = tf.reshape(a, [a.size / b.matrix.size, b.matrix.size]);
    return computed(tf.reshape(tf.matMul(rows, column), a.shape.slice(0, -1)));
  }
  if (rank === 1 && other === 2) {
    return computed(tf.reshape(tf.matMul(tf.reshape(a, [1, a.size]), b.matrix, false, b.transposed), [-1]));
  }
  // One product of large matrices is faster than many of small ones, and its gradient needs no sum over the batch.
  if (other === 2 && rank > 2) {
    const flat = tf.matMul(tf.reshape(a, [-1, a.shape[rank - 1]]), b.matrix, false, b.transposed);
    return computed(tf.reshape(flat, [...a.shape.slice(0, -1), flat.shape[1] as number]));
  }
  const [left, right] = sameBatch(tf, a, b.matrix);
  return computed(tf.matMul(left, right, false, b.transposed));
}

/** Repeats two stacks of matrices until both have the same axes in front of the last two. */
function sameBatch(tf: Ops, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const rank = Math.max(a.rank, b.rank);
  const whole = [a, b].map((tensor) => [...Array.from({ length: rank - tensor.rank }, () => 1), ...tensor.shape]);
  const batch = whole[0].slice(0, -2).map((extent, i) => Math.max(extent, whole[1][i]));
  return [a, b].map((tensor, i) => {
    const shape = [...batch, ...whole[i].slice(-2)];
    const same = tensor.rank === rank && shape.every((extent, axis) => extent === tensor.shape[axis]);
    return same ? tensor : tf.broadcastTo(tf.reshape(tensor, whole[i]), shape);
  }) as [Tensor, Tensor];
}

export const linear: Operators = {
  Gemm: operator(gemm),
  MatMul: operator(matMul),
};
