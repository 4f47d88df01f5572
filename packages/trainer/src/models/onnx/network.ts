import { Failure } from '@prunegrid/core/failure';
import { type OnnxFile, readTensor } from '@prunegrid/onnx';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Dropout, ForwardResult, Ops, TrainingPass } from '../model.js';
import type { ModelHost } from '../model-files.js';
import { fold } from './folding.js';
import { fixedBatch, imageAxes, networkInput } from './input.js';
import { Call, type GraphNode, operatorNamed, type Pass } from './operators/index.js';
import type { TrainedTensors } from './parameters.js';
import { computed, type Constant, plain, type Value } from './values.js';

/** The nodes of a file as a forward pass. */
export class Network {
  /** The dropouts, in the order in which the network comes to them. They are known after the first forward pass. */
  readonly dropouts: Dropout[] = [];

  private constructor(
    private readonly file: OnnxGraph,
    private readonly nodes: readonly GraphNode[],
    private readonly trained: TrainedTensors,
    private readonly constants: ReadonlyMap<string, Constant>,
  ) {}

  static async read(
    file: OnnxFile,
    nodes: readonly GraphNode[],
    trained: TrainedTensors,
    host: ModelHost,
  ): Promise<Network> {
    const isTrained = new Set(trained.tensors.map(({ initializer }) => initializer));
    const constants = new Map<string, Constant>();
    for (const initializer of file.graph.initializer) {
      if (isTrained.has(initializer)) continue;
      constants.set(initializer.name, { kind: 'constant', ...(await readTensor(file, initializer, host)) });
    }
    const output = logitsOf(file.graph.output[0].name, nodes);
    const graph = { input: networkInput(file).name, images: imageAxes(file), batch: fixedBatch(file), output };
    return new Network(graph, nodes, trained, constants);
  }

  /** Computes the logits as `Model.forward` does. */
  forward(
    tf: Ops,
    parameters: readonly tensorflow.Tensor[],
    inputs: tensorflow.Tensor,
    training?: TrainingPass,
  ): ForwardResult {
    const { input, images, batch: fileBatch, output } = this.file;
    const values = new Map<string, Value>(this.constants);
    const states = new Map<string, tensorflow.Tensor>();
    this.bind(parameters, values);
    values.set(input, computed(inputs, images === 'first'));
    const pass: Pass = {
      batch: inputs.shape[0],
      fileBatch,
      training: training !== undefined,
      dropout: (node, shape, rate) => this.factorsOf(node, shape, rate, training),
      renew: (name, value) => states.set(name, value),
    };
    for (const node of this.nodes) compute(tf, node, values, pass);
    const logits = plain(tf, values.get(output) as Value);
    return {
      logits: logits as tensorflow.Tensor2D,
      ...(training && states.size > 0 && { states: this.inOrder(states) }),
    };
  }

  /** Gives the trained tensors their names in the file. */
  private bind(parameters: readonly tensorflow.Tensor[], values: Map<string, Value>): void {
    let next = 0;
    for (const { initializer, role, parameters: own } of this.trained.tensors) {
      const tensors = own.map(() => parameters[next++]);
      const value: Value = role.stacked
        ? { kind: 'stacked', tensors }
        : { kind: 'trained', tensor: tensors[0], swapped: role.swapped };
      values.set(initializer.name, value);
    }
  }

  private inOrder(states: ReadonlyMap<string, tensorflow.Tensor>): tensorflow.Tensor[] {
    return this.trained.tensors
      .filter(({ role }) => role.kind === 'state')
      .map(({ initializer }) => states.get(initializer.name) as tensorflow.Tensor);
  }

  private factorsOf(
    name: string,
    [, ...shape]: readonly number[],
    rate: number,
    training: TrainingPass | undefined,
  ): tensorflow.Tensor | undefined {
    let index = this.dropouts.findIndex((dropout) => dropout.name === name);
    if (index < 0) index = this.dropouts.push({ name, shape, rate }) - 1;
    return training?.dropout?.[index];
  }
}

/** The names and the shape by which a file is entered and left. */
interface OnnxGraph {
  input: string;
  images: 'first' | 'last' | undefined;
  batch: number | undefined;
  output: string;
}

/** Computes a node and adds its outputs to `values`. */
function compute(tf: Ops, node: GraphNode, values: Map<string, Value>, pass: Pass): void {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : values.get(name)));
  const outputs = outputsOf(new Call(tf, node, inputs, pass));
  node.outputs.forEach((name, i) => {
    const output = outputs[i];
    if (name !== '' && output) values.set(name, output);
  });
}

function outputsOf(call: Call): (Value | undefined)[] {
  const { node, inputs } = call;
  const known = inputs.every((value) => value === undefined || value.kind === 'constant');
  try {
    const folded = known ? fold(node, inputs as (Constant | undefined)[]) : undefined;
    if (folded) return folded;
    const operator = operatorNamed(node.op);
    if (operator) return operator.compute(call);
    throw call.failure('depends on the data, and is supported for constants only');
  } catch (error) {
    if (error instanceof Failure) throw error;
    // TensorFlow.js says why shapes do not fit, but not in which node.
    throw call.failure((error as Error).message.split('\n')[0]);
  }
}

/** Returns the name of the logits. Exporters of classifiers often put a softmax behind them. */
function logitsOf(output: string, nodes: readonly GraphNode[]): string {
  const maker = nodes.find(({ outputs }) => outputs.includes(output));
  const isLast = maker && (maker.op === 'Softmax' || maker.op === 'Identity');
  return isLast ? logitsOf(maker.inputs[0], nodes) : output;
}
