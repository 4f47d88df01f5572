import { slice_util as slices, type Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import type { GraphNode } from './node.js';

/**
 * Computes a strided slice by operations of which there are gradients.
 * @param bounds where it begins and ends along each axis, and its strides
 */
export function stridedSlice(
  tf: Ops,
  { attributes }: GraphNode,
  x: Tensor,
  [begin, end, strides]: readonly number[][],
): Tensor {
  const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'].map((name) =>
    attributes.number(name, 0),
  );
  const info = slices.sliceInfo(x.shape, begin, end, strides, ...(masks as [number, number, number, number, number]));
  const sizes = slices.computeOutShape(info.begin, info.end, info.strides);
  if (sizes.some((size) => size <= 0)) throw new Error('cuts nothing');
  // Backwards, or by more than one, an axis is gathered; along the others the slice is one of bounds.
  const whole = info.strides.map((stride) => stride !== 1);
  const cut = tf.slice(
    x,
    info.begin.map((first, axis) => (whole[axis] ? 0 : first)),
    sizes.map((size, axis) => (whole[axis] ? x.shape[axis] : size)),
  );
  const stepped = sizes.reduce((part, size, axis) => {
    if (!whole[axis]) return part;
    const positions = Array.from({ length: size }, (_, i) => info.begin[axis] + i * info.strides[axis]);
    return tf.gather(part, tf.tensor1d(positions, 'int32'), axis);
  }, cut);
  return tf.reshape(stepped, info.finalShape);
}
