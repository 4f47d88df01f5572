import { Failure } from '@prunegrid/core/failure';
import type { Tensor } from '@tensorflow/tfjs';

import type { Node, Recording } from '../../engines/recording/nodes.js';
import { record } from '../../engines/recording/record.js';
import { loadBinding } from '../../engines/tensorflow/tensorflow.js';
import type { Model } from '../../models/index.js';
import type { FixedTensor, InferenceGraph, Operation } from './graph.js';
import { openConstant, openShape, type Twin } from './open-batch.js';

/** Two numbers of examples without a common factor: what depends on them is found by comparison. */
const [FEW, MORE] = [2, 3];

/** The name of the examples in what is exported. */
const INPUT = 'input';

/**
 * Records what a model computes of two numbers of examples, and makes of it a graph for any number.
 * @param parameters all of the model's, in its own layout
 * @throws {Failure} `input` if the forward pass differs in more than sizes; it names all places
 */
export function recordInference(model: Model, parameters: Float32Array): InferenceGraph {
  const own = model.parameters.map(({ offset, size }) => parameters.subarray(offset, offset + size));
  const binding = loadBinding(1);
  const [few, more] = [FEW, MORE].map((count) => recordForward(binding, model, own, count));
  const names = new Map(few.placeholders.map(({ name }, i) => [name, model.parameters[i]?.name ?? INPUT]));
  const nameOf = (name: string) => names.get(name) ?? name;
  const fixed = new Map<string, FixedTensor>();
  const operations: Operation[] = [];
  const problems: string[] = [];
  if (few.nodes.length !== more.nodes.length) problems.push('it has other operations for other numbers of examples');
  const twins = few.nodes.flatMap((node, i): Twin[] => {
    const other = more.nodes[i] as Node | undefined;
    return node.kind === 'operation' && other?.kind === 'operation' ? [[node, other]] : [];
  });
  few.nodes.forEach((node, i) => {
    const other = more.nodes[i] as Node | undefined;
    if (node.kind === 'placeholder') {
      const name = nameOf(node.name);
      const values = own[few.placeholders.indexOf(node)];
      if (name !== INPUT) fixed.set(name, { name, shape: node.shape, elementType: node.elementType, values });
    } else if (node.kind === 'constant') {
      const users = twins.filter(([{ inputs }]) => inputs.includes(node.name));
      const opened = other?.kind === 'constant' ? openConstant(node, other, users) : undefined;
      if (opened) fixed.set(node.name, { ...opened, name: node.name });
      else problems.push(`${users.map(([{ op }]) => op).join(', ')} (${node.name})`);
    } else {
      const twin = twins.find(([{ name }]) => name === node.name);
      const same = twin && JSON.stringify(node.attributes) === JSON.stringify(twin[1].attributes);
      if (!same) problems.push(`${node.op} (${node.name})`);
      const shapes = node.shapes.map((shape, output) => (twin ? openShape(twin, output) : shape));
      operations.push({ ...node, inputs: node.inputs.map(nameOf), shapes });
    }
  });
  if (problems.length > 0) {
    throw new Failure(
      'input',
      `${model.name} cannot be written for any number of examples, because these depend on it: ${problems.join('; ')}: choose another --format`,
    );
  }
  const used = new Set(operations.flatMap(({ inputs }) => inputs));
  for (const name of fixed.keys()) if (!used.has(name)) fixed.delete(name);
  const { type } = model.input;
  const input = { name: INPUT, shape: [-1, ...model.input.shape], elementType: type };
  return { fixed, operations: operations.map(evenSplit(fixed)), input, output: nameOf(few.outputs[0]) };
}

function recordForward(
  { tf, backend }: ReturnType<typeof loadBinding>,
  model: Model,
  own: readonly Float32Array[],
  count: number,
): Recording {
  const size = model.input.shape.reduce((product, extent) => product * extent, count);
  const examples = model.input.type === 'int32' ? new Int32Array(size) : new Float32Array(size);
  let logits: Tensor | undefined;
  const recording = record(backend, [...own, examples], () => {
    logits = tf.tidy(() => {
      const parameters = model.parameters.map(({ shape }, i) => tf.tensor(own[i], shape, 'float32'));
      return model.forward(tf, parameters, tf.tensor(examples, [count, ...model.input.shape], model.input.type)).logits;
    });
    return [backend.tensorMap.get(logits.dataId).id];
  });
  logits?.dispose();
  return recording;
}

/** A split into equal parts states their number instead of their sizes, which may depend on the number of examples. */
const evenSplit =
  (fixed: ReadonlyMap<string, FixedTensor>) =>
  (operation: Operation): Operation => {
    if (operation.op !== 'SplitV') return operation;
    const [value, sizes, axis] = operation.inputs;
    const parts = [...(fixed.get(sizes)?.values ?? [])];
    if (parts.some((part) => part !== parts[0])) return operation;
    const attributes = operation.attributes.filter(({ name }) => name !== 'Tlen');
    return { ...operation, op: 'Split', inputs: [axis, value], attributes };
  };
