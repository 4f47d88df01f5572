import type { ParameterKind } from './model.js';

/** A node of a network's file, as far as it tells what tensors are for. */
export interface RoleNode {
  /** The name in messages. */
  title: string;
  op: string;
  /** The names of the values that it reads. */
  inputs: readonly string[];
  outputs: readonly string[];
}

/** What a node uses a tensor for. */
export interface Use {
  kind: ParameterKind;
  /** The layer's kind, if it is a weight. */
  layer?: 'convolution' | 'dense' | 'recurrent';
  /** Whether the file has the outputs first. */
  swapped: boolean;
  /** Whether the file has the matrices of several directions one upon the other. */
  stacked: boolean;
}

/** What the network uses a tensor of the file for. */
export interface Role<Node extends RoleNode = RoleNode> extends Use {
  /** The node that uses it first. */
  node: Node;
  /** The names of all nodes that use it, in their order. */
  users: readonly string[];
}

/** What the operators of a format mean. */
export interface Vocabulary<Node extends RoleNode> {
  /** Returns the number of the input whose elements a node only rearranges, or shares out; undefined if it computes. */
  passes: (node: Node) => number | undefined;
  /**
   * Returns what a node uses a tensor for; undefined if the tensor is a constant there.
   * @param index the number of the input
   * @param by the operators that have rearranged the tensor
   * @param shape the tensor's
   * @param follows whether the node also reads what a layer has computed
   */
  useOf: (
    node: Node,
    index: number,
    by: readonly Node[],
    shape: readonly number[],
    follows: boolean,
  ) => Use | undefined;
}

/** A tensor of the file that a node reads as it is, or after it was only rearranged. */
interface Alias<Node> {
  tensor: string;
  by: readonly Node[];
}

/**
 * Finds out which tensors of a file are trained. Those of layers and normalizations are, and so are tensors that are
 * added, multiplied or appended to what layers compute, such as biases after MatMul, scales, position embeddings and
 * class tokens. Single numbers, and what acts on the network's input before any layer, are constants.
 * @param nodes each after those whose outputs it reads
 * @param tensors the shapes of the file's tensors of floating-point numbers, by their names
 */
export function rolesOf<Node extends RoleNode>(
  nodes: readonly Node[],
  tensors: ReadonlyMap<string, readonly number[]>,
  { passes, useOf }: Vocabulary<Node>,
): Map<string, Role<Node>> {
  const aliases = new Map<string, Alias<Node>>([...tensors.keys()].map((tensor) => [tensor, { tensor, by: [] }]));
  const learned = new Set<string>();
  const roles = new Map<string, Role<Node>>();
  for (const node of nodes) {
    const passed = passes(node);
    const before = passed === undefined ? undefined : aliases.get(node.inputs[passed]);
    if (before) {
      for (const output of node.outputs) aliases.set(output, { tensor: before.tensor, by: [...before.by, node] });
      continue;
    }
    const follows = node.inputs.some((input) => learned.has(input));
    let uses = follows;
    node.inputs.forEach((input, index) => {
      const alias = aliases.get(input);
      if (!alias) return;
      const use = useOf(node, index, alias.by, tensors.get(alias.tensor) as readonly number[], follows);
      if (!use) return;
      uses = true;
      roles.set(alias.tensor, merged(roles.get(alias.tensor), { ...use, node, users: [node.title] }));
    });
    if (uses) for (const output of node.outputs) learned.add(output);
  }
  return roles;
}

/** A tensor with several uses is an embedding if it is one at all, then a weight. */
function merged<Node extends RoleNode>(before: Role<Node> | undefined, now: Role<Node>): Role<Node> {
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

/** The use of a tensor that is neither a matrix of a layer nor laid out otherwise in the file. */
export const vector = (kind: ParameterKind): Use => ({ kind, swapped: false, stacked: false });

/** The use of a kernel. */
export const weight = (layer: Use['layer'], swapped: boolean): Use => ({
  ...{ kind: 'weight', swapped, stacked: false },
  ...(layer && { layer }),
});

/** Returns whether a shape is that of a single number. */
export const isSingle = (shape: readonly number[]): boolean => shape.every((extent) => extent === 1);
