import type { Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';

/**
 * Computes Einstein's sum of one or two tensors, such as `abc,cd->abd`, by a product of matrices, of which engines have
 * gradients and which is what counts as multiply-accumulates.
 * @throws {Error} if the equation has an ellipsis or an index twice in a term, or there are more tensors
 */
export function einsum(tf: Ops, equation: string, tensors: readonly Tensor[]): Tensor {
  const [left, result = ''] = equation.replaceAll(/\s/g, '').split('->');
  const terms = left.split(',');
  const plain = [...terms, result].every((term) => /^[a-zA-Z]*$/.test(term) && new Set(term).size === term.length);
  if (!plain || terms.length !== tensors.length || terms.length > 2) {
    throw new Error(`has the equation ${equation}; two terms without a repeated index are read`);
  }
  const [[a, indicesA], [b, indicesB]] = [0, 1].map((i): [Tensor | undefined, string[]] => {
    if (i >= terms.length) return [undefined, []];
    // What only one tensor has, and the result has not, is summed at once.
    const other = terms[1 - i] ?? '';
    const indices = [...terms[i]];
    const alone = indices.flatMap((index, axis) => (other.includes(index) || result.includes(index) ? [] : [axis]));
    const summed = alone.length > 0 ? tf.sum(tensors[i], alone) : tensors[i];
    return [summed, indices.filter((_, axis) => !alone.includes(axis))];
  });
  if (!a) throw new Error('has no tensor');
  if (!b)
    return tf.transpose(
      a,
      [...result].map((index) => indicesA.indexOf(index)),
    );
  const shared = indicesA.filter((index) => indicesB.includes(index));
  const batch = shared.filter((index) => result.includes(index));
  const inner = shared.filter((index) => !result.includes(index));
  const [rows, columns] = [indicesA, indicesB].map((indices) => indices.filter((index) => !shared.includes(index)));
  const extents = new Map([
    ...indicesA.map((index, axis) => [index, a.shape[axis]] as const),
    ...indicesB.map((index, axis) => [index, b.shape[axis]] as const),
  ]);
  const extentsOf = (indices: readonly string[]) => indices.map((index) => extents.get(index) as number);
  const size = (indices: readonly string[]) => extentsOf(indices).reduce((product, extent) => product * extent, 1);
  const arranged = (tensor: Tensor, own: readonly string[], first: string[], second: string[]) => {
    const order = [...batch, ...first, ...second].map((index) => own.indexOf(index));
    const same = order.every((axis, i) => axis === i);
    return tf.reshape(same ? tensor : tf.transpose(tensor, order), [...extentsOf(batch), size(first), size(second)]);
  };
  const product = tf.matMul(arranged(a, indicesA, rows, inner), arranged(b, indicesB, inner, columns));
  const found = [...batch, ...rows, ...columns];
  const whole = tf.reshape(product, extentsOf(found));
  const order = [...result].map((index) => found.indexOf(index));
  return order.every((axis, i) => axis === i) ? whole : tf.transpose(whole, order);
}
