import { DataType, shapeOf, type TensorProto } from '@prunegrid/onnx';

import { isSingle, type Role as RoleIn, rolesOf as rolesIn, type Use, vector, weight } from '../roles.js';
import type { GraphNode } from './operators/index.js';

/** What the network uses a tensor of the file for. Of `swapped` see `Trained`, of `stacked` see `Stacked`. */
export type Role = RoleIn<GraphNode>;

/** Operators whose result has the same elements as their first input. */
const passing = new Set(['Identity', 'Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Cast']);

const floats: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE]);

/** Finds out which tensors of a file are trained, see `rolesOf` of all formats. */
export function rolesOf(nodes: readonly GraphNode[], initializers: readonly TensorProto[]): Map<string, Role> {
  const tensors = initializers.filter(({ dataType }) => floats.has(dataType));
  return rolesIn(nodes, new Map(tensors.map((tensor) => [tensor.name, shapeOf(tensor)])), {
    passes: ({ op }) => (passing.has(op) ? 0 : undefined),
    useOf,
  });
}

function useOf(
  node: GraphNode,
  index: number,
  by: readonly GraphNode[],
  shape: readonly number[],
  follows: boolean,
): Use | undefined {
  switch (node.op) {
    case 'Conv':
    case 'ConvTranspose':
      return index === 1 ? weight('convolution', by.length === 0) : index === 2 ? vector('bias') : undefined;
    case 'Gemm':
      if (index === 2) return vector('bias');
      return weight('dense', by.length === 0 && index === 1 && node.attributes.int('transB', 0) === 1);
    case 'MatMul':
      if (shape.length < 2) return vector('scale');
      return weight('dense', shape.length === 2 && by.length === 1 && by[0].op === 'Transpose');
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      if (index === 1 || index === 2) {
        return { kind: 'weight', layer: 'recurrent', swapped: false, stacked: by.length === 0 };
      }
      return index === 3 ? vector('bias') : undefined;
    case 'BatchNormalization':
      return index === 0 ? undefined : vector(index === 1 ? 'scale' : index === 2 ? 'bias' : 'state');
    case 'LayerNormalization':
    case 'GroupNormalization':
    case 'InstanceNormalization':
    case 'RMSNormalization':
      return index === 1 ? vector('scale') : index === 2 ? vector('bias') : undefined;
    case 'Gather':
      return index === 0 && shape.length > 1 ? vector('embedding') : undefined;
    case 'PRelu':
      return index === 1 ? vector('scale') : undefined;
    case 'Mul':
      return follows && !isSingle(shape) ? vector('scale') : undefined;
    case 'Add':
    case 'Concat':
      return follows && !isSingle(shape) ? vector('bias') : undefined;
    default:
      return undefined;
  }
}
