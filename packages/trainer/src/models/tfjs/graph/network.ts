import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import * as tf from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import type { WeightValues } from '../artifacts.js';
import { einsum } from './einsum.js';
import type { Graph } from './graph.js';
import type { GraphNode } from './node.js';
import { isByOwnStatistics } from './operators.js';
import { stridedSlice } from './strided-slice.js';

/** A tensor whose values are known before the network runs, such as a shape. The number of examples counts as known. */
export interface Known {
  shape: number[];
  dtype: tf.DataType;
  values: WeightValues;
}

type Value = tf.Tensor | Known;

const isTensor = (value: Value): value is tf.Tensor => 'dataId' in value;

/**
 * The nodes of a graph model as a forward pass. TensorFlow.js executes each node by itself. What follows from shapes and
 * constants alone is computed at once by its backend for CPUs, because operators ask for the numbers, and the tensors of
 * a recording, or of a pass without values, have none.
 */
export class GraphNetwork {
  private readonly executors = new Map<GraphNode, tf.GraphModel>();

  /** @param constants those that are not trained, by their names */
  constructor(
    private readonly graph: Graph,
    private readonly constants: ReadonlyMap<string, Known>,
  ) {}

  /**
   * Computes the logits.
   * @param trained the tensors of the trained constants, by their names
   */
  forward(ops: Ops, trained: ReadonlyMap<string, tf.Tensor>, inputs: tf.Tensor): tf.Tensor2D {
    const { nodes, input, logits } = this.graph;
    const values = new Map<string, Value>([...this.constants, ...trained, [input.name, inputs]]);
    for (const node of nodes) {
      const read = node.inputs.map((name) => values.get(name) as Value);
      const results = this.compute(ops, node, read);
      node.outputs.forEach((name, i) => values.set(name, results[i]));
    }
    return tensorOf(values.get(logits) as Value) as tf.Tensor2D;
  }

  private compute(ops: Ops, node: GraphNode, read: readonly Value[]): Value[] {
    try {
      const shape = shapeFrom(node, read);
      if (shape) return [shape];
      if (read.every((value) => !isTensor(value))) return onCpu(() => this.execute(node, read).map(known));
      if (node.op === 'Einsum') return [einsum(ops, node.attributes.text('equation'), read.map(tensorOf))];
      if (node.op === 'StridedSlice') return [stridedSlice(ops, node, tensorOf(read[0]), read.slice(1).map(numbersOf))];
      if (isByOwnStatistics(node)) return [normalized(ops, node, read.slice(0, 3).map(tensorOf))];
      return this.execute(node, read);
    } catch (error) {
      const message = (error as Error).message.split('\n')[0];
      throw new Failure('input', `node ${node.title} (${node.op}): ${message}`, { cause: error });
    }
  }

  private execute(node: GraphNode, read: readonly Value[]): tf.Tensor[] {
    const executor = this.executors.get(node) ?? executorOf(node);
    this.executors.set(node, executor);
    const given = Object.fromEntries(read.map((value, i) => [inputName(i), tensorOf(value)]));
    return [
      executor.execute(
        given,
        node.outputs.map((_, i) => `node:${i}`),
      ),
    ].flat();
  }
}

const inputName = (index: number): string => `input${index}`;

/** Returns a graph model of TensorFlow.js that computes a single node. */
function executorOf({ op, inputs, attributes }: GraphNode): tf.GraphModel {
  const names = inputs.map((_, i) => inputName(i));
  const node = [
    ...names.map((name) => ({ name, op: 'Placeholder', input: [], attr: {} })),
    { name: 'node', op, input: names, attr: attributes.json },
  ];
  const model = new tf.GraphModel({});
  model.loadSync({ modelTopology: { node, versions: {} }, weightSpecs: [], weightData: new ArrayBuffer(0) });
  return model;
}

function shapeFrom({ op }: GraphNode, [value]: readonly Value[]): Known | undefined {
  const numbers = (values: number[], shape: number[]): Known => ({
    ...{ shape, dtype: 'int32' },
    values: Int32Array.from(values),
  });
  switch (op) {
    case 'Shape':
      return numbers(value.shape, [value.shape.length]);
    case 'Size':
      return numbers([sizeOf(value.shape)], []);
    case 'Rank':
      return numbers([value.shape.length], []);
    default:
      return undefined;
  }
}

/** TensorFlow.js knows only given statistics, and channels that are last. */
function normalized(ops: Ops, { attributes }: GraphNode, [x, scale, offset]: readonly tf.Tensor[]): tf.Tensor {
  const channel = attributes.text('data_format') === 'NCHW' ? 1 : 3;
  const axes = [0, 1, 2, 3].filter((axis) => axis !== channel);
  const { mean, variance } = ops.moments(x, axes, true);
  const spread = (vector: tf.Tensor) => ops.reshape(vector, mean.shape);
  const factor = ops.mul(spread(scale), ops.rsqrt(ops.add(variance, attributes.float('epsilon', 1e-4))));
  return ops.add(ops.mul(ops.sub(x, mean), factor), spread(offset));
}

/** Known values are in a tensor of the backend for CPUs, from which they can be read whatever the current one is. */
function tensorOf(value: Value): tf.Tensor {
  if (isTensor(value)) return value;
  const { values, shape, dtype } = value;
  return tf.engine().makeTensor(values, shape, dtype, tf.findBackend('cpu'));
}

function known(tensor: tf.Tensor): Known {
  const { shape, dtype } = tensor;
  return { shape, dtype, values: tensor.dataSync<'float32' | 'int32' | 'bool'>() };
}

function numbersOf(value: Value): number[] {
  if (isTensor(value)) throw new Error('computes where it cuts from the data, which is not supported');
  return [...value.values];
}

/** Calls `run` while TensorFlow.js computes by its backend for CPUs. */
function onCpu<T>(run: () => T): T {
  const { backendName } = tf.engine();
  // A backend that is there already is set before the promise is returned.
  void tf.setBackend('cpu');
  try {
    return run();
  } finally {
    void tf.setBackend(backendName);
  }
}
