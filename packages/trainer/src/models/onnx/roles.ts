import { DataType, shapeOf, type TensorProto } from '@prunegrid/onnx';

import type { ParameterKind } from '../model.js';
import type { GraphNode } from './operators/index.js';

/** What the network uses a tensor of the file for. */
export interface Role {
  kind: ParameterKind;
  /** The layer's kind, if it is a weight. */
  layer?: 'convolution' | 'dense' | 'recurrent';
  /** Whether the file has the outputs first, see `Trained`. */
  swapped: boolean;
  /** Whether the file has the matrices of several directions one upon the other, see `Stacked`. */
  stacked: boolean;
  /** The node that uses it first. */
  node: GraphNode;
  /** The names of all nodes that use it, in their order. */
  users: readonly string[];
}

/** Operators whose result has the same elements as their first input. */
const passing = new Set(['Identity', 'Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Cast']);

const floats: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE]);

/** A tensor of the file that a node reads as it is, or after it was only rearranged. */
interface Alias {
  initializer: string;
  /** The operators that rearranged it. */
  by: readonly GraphNode[];
}

/**
 * Finds out which tensors of a file are trained. Those of layers and normalizations are, and so are tensors that are
 * added, multiplied or appended to what layers compute, such as biases after MatMul, scales, position embeddings and
 * class tokens. Single numbers, and what acts on the network's input before any layer, are constants.
 */
export function rolesOf(nodes: readonly GraphNode[], initializers: readonly TensorProto[]): Map<string, Role> {
  const tensors = new Map(
    initializers.filter(({ dataType }) => floats.has(dataType)).map((tensor) => [tensor.name, tensor]),
  );
  const aliases = new Map<string, Alias>([...tensors.keys()].map((name) => [name, { initializer: name, by: [] }]));
  const learned = new Set<string>();
  const roles = new Map<string, Role>();
  for (const node of nodes) {
    const first = aliases.get(node.inputs[0]);
    if (first && passing.has(node.op)) {
      aliases.set(node.outputs[0], { initializer: first.initializer, by: [...first.by, node] });
      continue;
    }
    const follows = node.inputs.some((input) => learned.has(input));
    let uses = follows;
    node.inputs.forEach((input, index) => {
      const alias = aliases.get(input);
      if (!alias) return;
      const shape = shapeOf(tensors.get(alias.initializer) as TensorProto);
      const role = roleOf(node, index, alias.by, shape, follows);
      if (!role) return;
      uses = true;
      roles.set(alias.initializer, merged(roles.get(alias.initializer), { ...role, node, users: [node.title] }));
    });
    if (uses) for (const output of node.outputs) learned.add(output);
  }
  return roles;
}

/** A tensor with several uses is an embedding if it is one at all, then a weight. */
function merged(before: Role | undefined, now: Role): Role {
  if (!before) return now;
  const order: ParameterKind[] = ['embedding', 'weight', 'scale', 'bias', 'state'];
  const [chosen, other] = order.indexOf(now.kind) < order.indexOf(before.kind) ? [now, before] : [before, now];
  const alike = chosen.kind !== other.kind || (chosen.swapped === other.swapped && chosen.stacked === other.stacked);
  return {
    ...chosen,
    node: before.node,
    users: [...before.users, ...now.users],
    swapped: chosen.swapped && alike,
    stacked: chosen.stacked && alike,
  };
}

type Found = Omit<Role, 'node' | 'users'>;

const vector = (kind: ParameterKind): Found => ({ kind, swapped: false, stacked: false });

const weight = (layer: Role['layer'], swapped: boolean): Found => ({
  ...{ kind: 'weight', swapped, stacked: false },
  ...(layer && { layer }),
});

function roleOf(
  node: GraphNode,
  index: number,
  by: readonly GraphNode[],
  shape: readonly number[],
  follows: boolean,
): Found | undefined {
  const single = shape.every((extent) => extent === 1);
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
      return follows && !single ? vector('scale') : undefined;
    case 'Add':
    case 'Concat':
      return follows && !single ? vector('bias') : undefined;
    default:
      return undefined;
  }
}
