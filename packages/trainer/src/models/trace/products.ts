import type * as tensorflow from '@tensorflow/tfjs';
import { sizeOf } from '@prunegrid/numerics/shape';

import { einsumIndices, type KernelInputs } from './shape-rules.js';

/** A sum of products of two tensors: a convolution or a matrix multiplication. */
export interface Product {
  operands: readonly [tensorflow.TensorInfo, tensorflow.TensorInfo];
  multiplyAccumulates: number;
}

/**
 * Returns what a kernel of TensorFlow.js multiplies, or undefined if it is neither a convolution nor a matrix
 * multiplication. As usual, products with the zeros around a padded image count like any other.
 * @param output the shape of the kernel's output
 */
export function productOf(
  kernel: string,
  inputs: KernelInputs,
  attributes: object,
  output: readonly number[],
): Product | undefined {
  switch (kernel) {
    case 'Conv2D':
    case 'FusedConv2D':
    case 'Conv3D': {
      const { x, filter } = inputs;
      return product(x, filter, sizeOf(output) * sizeOf(filter.shape.slice(0, -1)));
    }
    case 'DepthwiseConv2dNative':
    case 'FusedDepthwiseConv2D': {
      const { x, filter } = inputs;
      return product(x, filter, sizeOf(output) * sizeOf(filter.shape.slice(0, 2)));
    }
    case 'Conv2DBackpropInput':
    case 'Conv3DBackpropInputV2': {
      const { dy, filter } = inputs;
      return product(dy, filter, sizeOf(dy.shape) * sizeOf(filter.shape.slice(0, -1)));
    }
    case 'BatchMatMul':
    case '_FusedMatMul': {
      const { a, b } = inputs;
      const { transposeA } = attributes as tensorflow.BatchMatMulAttrs;
      return product(a, b, sizeOf(output) * (a.shape.at(transposeA ? -2 : -1) as number));
    }
    case 'Einsum': {
      if (!('1' in inputs)) return undefined;
      const { extents } = einsumIndices(inputs, attributes as tensorflow.EinsumAttrs);
      return product(inputs['0'], inputs['1'], sizeOf([...extents.values()]));
    }
    default:
      return undefined;
  }
}

const product = (a: tensorflow.TensorInfo, b: tensorflow.TensorInfo, multiplyAccumulates: number): Product => ({
  operands: [a, b],
  multiplyAccumulates,
});
