import type { NodeProto } from '@prunegrid/onnx';

import type { GraphNode } from './operators/index.js';
import type { Role } from './roles.js';

/** Names that exporters make up for tensors that they have computed or copied. */
const madeUp = /^(onnx::|val_?\d|_?v_?\d|\d+$|const_fold_opt|p_?\d)/;

/** What tf2onnx adds to the name of a variable. */
const ofVariable = /(\/ReadVariableOp)?(:0)?$/;

/** What a name ends with that says the role of the tensor rather than its layer. */
const ending = /[./](weight|kernel|bias|gamma|beta|running_mean|running_var|weight_[ih]h_l\d+(_reverse)?)$/;

const suffixes: Readonly<Record<Role['kind'], string>> = {
  weight: 'weight',
  embedding: 'weight',
  scale: 'weight',
  bias: 'bias',
  state: 'state',
};

/**
 * Returns the name of a parameter and of its layer. A tensor keeps its name in the file, such as PyTorch's
 * `layer1.0.conv1.weight`, unless the exporter has made it up; then it is named after the node that uses it.
 * @param part the number of the parameter among those that are in one tensor, if there are several
 * @param taken the names of the parameters so far, to which that of this one is added
 */
export function nameOf(
  initializer: string,
  role: Role,
  part: number | undefined,
  taken: Set<string>,
): { tensor: string; layer: string } {
  const own = initializer.replace(ofVariable, '');
  const base = madeUp.test(own) ? `${pathOf(role.node)}.${suffixOf(initializer, role)}` : own;
  const whole = part === undefined ? base : `${base}${part === 0 ? '' : '_reverse'}`;
  let tensor = whole;
  for (let count = 2; taken.has(tensor); count++) tensor = `${whole}_${count}`;
  taken.add(tensor);
  const layer = tensor.replace(ending, '');
  // A weight is a layer of its own, so that of two weights of one module each keeps its whole name.
  const recurrent = role.layer === 'recurrent';
  return { tensor, layer: recurrent ? tensor : layer };
}

/** Returns the name of a node in messages: its own, or that of its first output if it has none. */
export const titleOf = ({ name, output, opType }: NodeProto): string => name || (output[0] ?? opType);

/** Returns the path of a module from a node's name, such as `layers.0.linear1` from `/layers.0/linear1/MatMul`. */
export function pathOf({ title, op }: Pick<GraphNode, 'title' | 'op'>): string {
  const steps = title.split('/').filter((step) => step !== '');
  const last = steps.at(-1) ?? '';
  const isOp = last
    .replace(/^node_/, '')
    .toLowerCase()
    .startsWith(op.toLowerCase());
  const path = isOp && steps.length > 1 ? steps.slice(0, -1) : steps;
  return path.join('.').replace(/[^\w.-]/g, '_') || op.toLowerCase();
}

/** The two matrices of a recurrent node and the two states of a batch normalization have names of their own. */
function suffixOf(initializer: string, { kind, layer, node: { inputs } }: Role): string {
  const index = inputs.indexOf(initializer);
  if (layer === 'recurrent') return index === 2 ? 'weight_hh' : 'weight_ih';
  if (kind === 'state') return index === 4 ? 'running_var' : 'running_mean';
  return suffixes[kind];
}
