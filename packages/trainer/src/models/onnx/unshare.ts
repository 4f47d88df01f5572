import type { Host } from '@prunegrid/core/runtime';
import { copyOfTensor, DataType, type NodeProto, type OnnxFile, readTensor, shapeOf } from '@prunegrid/onnx';

import { pathOf, titleOf } from './names.js';

/** What the inputs of normalizations are called. Those of other operators that are vectors are biases. */
const roles: Readonly<Record<number, string>> = { 1: 'weight', 2: 'bias', 3: 'running_mean', 4: 'running_var' };

const floats: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16]);

/**
 * Gives each use of a vector whose elements are all equal a tensor of its own, in the messages of `file`. Exporters store
 * equal tensors once. Of a network that is not trained these are scales and variances of ones, biases and means of zeros,
 * which its layers do not share.
 * @throws {Failure} `input` if a tensor cannot be read
 */
export async function unshareEqualVectors(file: OnnxFile, host: Pick<Host, 'files'>): Promise<void> {
  const { graph } = file;
  const uses = new Map<string, { node: NodeProto; index: number }[]>();
  for (const node of graph.node) {
    node.input.forEach((name, index) => uses.set(name, [...(uses.get(name) ?? []), { node, index }]));
  }
  const names = new Set([...uses.keys(), ...graph.initializer.map(({ name }) => name)]);
  for (const tensor of [...graph.initializer]) {
    const [, ...others] = uses.get(tensor.name) ?? [];
    const [length, ...more] = shapeOf(tensor);
    if (others.length === 0 || length === undefined || length < 2 || more.length > 0) continue;
    if (!floats.has(tensor.dataType)) continue;
    const { values } = await readTensor(file, tensor, host);
    if (values.some((value) => value !== values[0])) continue;
    for (const { node, index } of others) {
      const role = node.opType.endsWith('Normalization') ? roles[index] : 'bias';
      const whole = `${pathOf({ title: titleOf(node), op: node.opType })}.${role ?? 'bias'}`;
      let name = whole;
      for (let count = 2; names.has(name); count++) name = `${whole}_${count}`;
      names.add(name);
      graph.initializer.push(copyOfTensor(tensor, name));
      node.input[index] = name;
    }
  }
}
