import type { TensorInfo } from '@tensorflow/tfjs';

import type { Model } from '../model.js';
import type { KernelCall } from './backend.js';
import { traceForward } from './forward.js';
import type { Origins } from './origins.js';
import { productOf } from './products.js';

/** A part of a network: the input, a layer with weights and what follows it alone, or a place where branches meet. */
export interface GraphPart {
  /** The names of the layers with weights; several if they are one recurrent layer, none if it is a place of meeting. */
  layers: string[];
  /** What the part does beside that, in its order, such as `norm`, `relu` and `max pool 2x2`; or how branches meet. */
  operations: string[];
  /** The numbers of the parts whose outputs this part reads, each lower than its own. That of the input is 0. */
  reads: number[];
}

/** A network's parts in the order in which they are computed. The first is the input, which has no layers. */
export type ModelGraph = GraphPart[];

/**
 * Finds out how the layers of a network are connected, from one forward pass without values. Feedback within a recurrent
 * layer, and to a layer that is used several times, is left out.
 * @throws {Failure} `input` if the forward pass cannot be traced, see `traceForward`
 */
export function graphOf(model: Model): ModelGraph {
  const building = new GraphBuilding(model);
  traceForward(model, (call, origins) => building.add(call, origins));
  return building.graph();
}

class GraphBuilding {
  private readonly parts: (GraphPart & { recurrent: boolean; into?: number })[] = [
    { layers: [], operations: [], reads: [], recurrent: false },
  ];
  /** The part that computed a tensor, by the tensor's data. What is not in it was computed from the input alone. */
  private readonly makers = new WeakMap<object, number>();
  private readonly byLayer = new Map<string, number>();

  constructor(private readonly model: Model) {}

  add(call: KernelCall, origins: Origins): void {
    if (origins.of(call.outputs[0]) !== 'example') return;
    const sources = [...new Set(Object.values(call.inputs).flatMap((tensor) => this.sourceOf(tensor, origins)))];
    const part = this.layerPart(call, origins, sources) ?? this.continued(call, origins, sources);
    for (const { dataId } of call.outputs) this.makers.set(dataId, part);
  }

  /** Returns the parts that no other one has taken in, with their numbers in this list. */
  graph(): ModelGraph {
    const roots = this.parts.flatMap((part, i) => (part.into === undefined ? [i] : []));
    const numbers = new Map(roots.map((root, i) => [root, i]));
    return roots.map((root, number) => {
      const { layers, operations, reads } = this.parts[root];
      const found = reads.map((each) => numbers.get(this.root(each)) as number);
      return { layers, operations, reads: [...new Set(found)].filter((each) => each < number).sort((a, b) => a - b) };
    });
  }

  private sourceOf(tensor: TensorInfo, origins: Origins): number[] {
    if (origins.of(tensor) !== 'example') return [];
    return [this.root(this.makers.get(tensor.dataId) ?? 0)];
  }

  private root(part: number): number {
    const { into } = this.parts[part];
    return into === undefined ? part : this.root(into);
  }

  /** Returns the part of the layer whose weights a kernel uses; undefined if it uses none. */
  private layerPart(call: KernelCall, origins: Origins, sources: readonly number[]): number | undefined {
    const product = productOf(call.kernel, call.inputs, call.attributes, call.outputs[0].shape);
    if (!product) return undefined;
    const layers = product.operands.flatMap((operand) => this.layersIn(operand, origins));
    if (layers.length === 0) return undefined;
    const known = layers.map((layer) => this.byLayer.get(layer)).find((part) => part !== undefined);
    const part = known === undefined ? this.newPart([], []) : this.root(known);
    const { layers: own, reads } = this.parts[part];
    for (const layer of layers) {
      if (!own.includes(layer)) own.push(layer);
      this.byLayer.set(layer, part);
    }
    reads.push(...sources.filter((source) => source !== part));
    const { kind } = this.model.layers.find(({ name }) => name === layers[0]) ?? {};
    this.parts[part].recurrent ||= kind === 'recurrent';
    return part;
  }

  private layersIn(tensor: TensorInfo, origins: Origins): string[] {
    const origin = origins.of(tensor);
    if (origin === 'example') return [];
    return [...origin.keys()].flatMap((i) =>
      this.model.parameters[i].kind === 'weight' ? [this.model.parameters[i].layer] : [],
    );
  }

  /** Returns the part that a kernel without weights belongs to. */
  private continued(call: KernelCall, origins: Origins, sources: readonly number[]): number {
    if (sources.length > 1 && sources.every((source) => this.parts[source].recurrent)) return this.union(sources);
    const operation = operationOf(call, (tensor) => this.kindsIn(tensor, origins));
    if (sources.length > 1) return this.newPart([...sources], [joins.get(call.kernel) ?? call.kernel.toLowerCase()]);
    const [part] = sources;
    const { operations, recurrent } = this.parts[part];
    if (recurrent || operation === undefined) return part;
    // The mean of a normalization is no pooling.
    while (operation === 'norm' && operations.at(-1) === AVERAGE) operations.pop();
    if (operations.at(-1) !== operation) operations.push(operation);
    return part;
  }

  private kindsIn(tensor: TensorInfo, origins: Origins): string[] {
    const origin = origins.of(tensor);
    return origin === 'example' ? [] : [...origin.keys()].map((i) => this.model.parameters[i].kind);
  }

  private newPart(reads: number[], operations: string[]): number {
    return this.parts.push({ layers: [], operations, reads, recurrent: false }) - 1;
  }

  /** Makes one part of several, which is that of the first. */
  private union(parts: readonly number[]): number {
    const [first, ...others] = [...parts].sort((a, b) => a - b);
    for (const other of others) {
      const { layers, reads } = this.parts[other];
      this.parts[first].layers.push(...layers);
      this.parts[first].reads.push(...reads);
      this.parts[other].into = first;
    }
    this.parts[first].reads = this.parts[first].reads.filter((read) => this.root(read) !== first);
    return first;
  }
}

const AVERAGE = 'mean';

/** What kernels with two branches as their inputs are called. */
const joins = new Map([
  ['Add', 'add'],
  ['AddN', 'add'],
  ['Sub', 'subtract'],
  ['Multiply', 'multiply'],
  ['RealDiv', 'divide'],
  ['Concat', 'concatenate'],
  ['Pack', 'concatenate'],
  ['BatchMatMul', 'matmul'],
]);

/** What kernels of one branch are called. All others, such as those that rearrange, are not worth a word. */
const operations = new Map([
  ...[...['Relu', 'Relu6', 'Elu', 'Selu', 'Sigmoid', 'Tanh', 'Softplus', 'Softmax', 'LogSoftmax', 'Prelu']].map(
    (kernel): [string, string] => [kernel, kernel.toLowerCase()],
  ),
  ['LeakyRelu', 'leaky relu'],
  ['Erf', 'gelu'],
  ['ClipByValue', 'clip'],
  ['LRN', 'local response norm'],
  ['FusedBatchNorm', 'norm'],
  ['Mean', AVERAGE],
  ['Max', 'max'],
  ['BatchMatMul', 'matmul'],
]);

function operationOf(
  { kernel, inputs, attributes }: KernelCall,
  kindsIn: (tensor: TensorInfo) => string[],
): string | undefined {
  const kinds = Object.values(inputs).flatMap(kindsIn);
  if (kernel === 'GatherV2' && kinds.includes('embedding')) return 'embedding';
  if (kinds.includes('scale') && kernel !== 'Prelu') return 'norm';
  if (kernel === 'MaxPool' || kernel === 'AvgPool') {
    const { filterSize } = attributes as { filterSize: number | [number, number] };
    return `${kernel === 'MaxPool' ? 'max' : 'average'} pool ${[filterSize].flat().concat(filterSize).slice(0, 2).join('x')}`;
  }
  return operations.get(kernel);
}
