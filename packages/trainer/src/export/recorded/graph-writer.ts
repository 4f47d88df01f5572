import { DataType, type NodeProto, type OnnxAttribute, onnxNode, onnxTensor, type TensorProto } from '@prunegrid/onnx';

import type { ElementType } from '../../engines/recording/nodes.js';
import type { FixedTensor, InferenceGraph, Operation } from './graph.js';

/**
 * A value of the graph that is written. Recorded images have their channels last, and ONNX wants them first, so a value
 * of four axes has a name for either order, or only for that in which it was computed.
 */
export interface Value {
  /** The recorded shape, with -1 for what depends on the number of examples. */
  shape: readonly number[];
  plain?: string;
  channelsFirst?: string;
}

/** The axes of an image in ONNX's order, by their numbers in the recorded one, and the other way round. */
const [TO_FIRST, TO_LAST] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
];

/** Returns where a recorded axis of an image is in ONNX's order. */
export const firstAxis = (axis: number): number => TO_FIRST.indexOf(axis);

/** The nodes and tensors of an ONNX graph, made of recorded operations one after another. */
export class GraphWriter {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  private readonly values = new Map<string, Value>();
  private readonly turns = new Map<string, string>();
  private made = 0;

  constructor(private readonly fixed: InferenceGraph['fixed']) {}

  /** Returns a fixed tensor that an operation reads; undefined if it is computed. */
  constant(name: string): FixedTensor | undefined {
    return this.fixed.get(name);
  }

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }

  value(name: string): Value {
    const known = this.values.get(name);
    if (known) return known;
    const { shape, values } = this.fixed.get(name) as FixedTensor;
    const order = shape.map((_extent, axis) => axis);
    const value: Value = { shape, plain: this.turned(name, order, () => ({ shape, values })) };
    this.values.set(name, value);
    return value;
  }

  /** Adds a node, and returns the name of its output, or its only one. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.addAll(op, inputs, 1, attributes)[0];
  }

  addAll(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): string[] {
    const names = Array.from({ length: outputs }, () => `${op}_${this.made++}`);
    this.nodes.push(onnxNode(op, inputs, names, attributes));
    return names;
  }

  /** Adds a tensor of whole numbers, such as axes, and returns its name. */
  integers(values: readonly number[]): string {
    const name = `constant_${this.made++}`;
    this.initializers.push(onnxTensor(name, [values.length], BigInt64Array.from(values.map(BigInt))));
    return name;
  }

  /** Adds a number, and returns its name. */
  number(value: number): string {
    return this.initializer(`constant_${this.made++}`, [], Float32Array.of(value));
  }

  initializer(name: string, shape: readonly number[], values: FixedTensor['values']): string {
    this.initializers.push(onnxTensor(name, shape, values));
    return name;
  }

  /** Returns the name of a fixed tensor with its axes in another order, which is added at the first use. */
  turned(name: string, order: readonly number[], turn: () => Pick<FixedTensor, 'shape' | 'values'>): string {
    const key = `${name} ${order.join()}`;
    const known = this.turns.get(key);
    if (known !== undefined) return known;
    const { shape, values } = turn();
    const isTaken = this.initializers.some((each) => each.name === name);
    const added = this.initializer(isTaken ? `${name}_${this.made++}` : name, shape, values);
    this.turns.set(key, added);
    return added;
  }

  /** Returns the name of a value with its axes as they were recorded. */
  plain(value: Value): string {
    value.plain ??= this.add('Transpose', [value.channelsFirst as string], { perm: TO_LAST });
    return value.plain;
  }

  /** Returns the name of images with their channels first. */
  channelsFirst(value: Value): string {
    value.channelsFirst ??= this.add('Transpose', [value.plain as string], { perm: TO_FIRST });
    return value.channelsFirst;
  }
}

/** A recorded operation that is being written. */
export class Call {
  constructor(
    readonly writer: GraphWriter,
    readonly operation: Operation,
  ) {}

  get shape(): readonly number[] {
    return this.operation.shapes[0];
  }

  input(index: number): Value {
    return this.writer.value(this.operation.inputs[index]);
  }

  /** Returns the shape of an input, without adding it to the graph. */
  shapeOf(index: number): readonly number[] {
    const name = this.operation.inputs[index];
    return this.writer.constant(name)?.shape ?? this.writer.value(name).shape;
  }

  get inputs(): Value[] {
    return this.operation.inputs.map((_name, i) => this.input(i));
  }

  plain(index: number): string {
    return this.writer.plain(this.input(index));
  }

  /** Returns the numbers of an input that is fixed. */
  numbers(index: number): number[] {
    const { name, op, inputs } = this.operation;
    const found = this.writer.constant(inputs[index]);
    if (!found) throw new Error(`input ${index} of ${op} (${name}) is no constant`);
    return [...found.values];
  }

  /** Returns an attribute; undefined if it is not stated. */
  attribute<T>(name: string): T | undefined {
    return this.operation.attributes.find((each) => each.name === name)?.value as T | undefined;
  }

  /** Adds a node of ONNX whose output is that of the operation. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): Value {
    return { shape: this.shape, plain: this.writer.add(op, inputs, attributes) };
  }

  /** Does the same for images whose channels are first. */
  addFirst(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): Value {
    return { shape: this.shape, channelsFirst: this.writer.add(op, inputs, attributes) };
  }
}

/** Writes an operation, and returns its outputs. */
export type Writing = (call: Call) => Value | Value[];
export type Writings = Readonly<Record<string, Writing>>;

/** Returns whether images have been computed with their channels first, and not yet turned. */
export const isFirst = ({ plain, channelsFirst }: Value): boolean => plain === undefined && channelsFirst !== undefined;

export const onnxTypes: Readonly<Record<ElementType, DataType>> = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};
