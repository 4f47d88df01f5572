import { Failure } from '@prunegrid/core/failure';
import type { Attributes } from '@prunegrid/onnx';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { channelsLast, type Constant, plain, shapeOfValue, type Value } from '../values.js';

/** A node of the graph with what its operator needs of it. */
export interface GraphNode {
  /** The name in messages: the node's own, or that of its first output if it has none. */
  title: string;
  op: string;
  /** The names of the values that it reads. The name of an input that is left out is empty. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Attributes;
  /** The tensor that Constant and ConstantOfShape have as an attribute. */
  value?: Constant;
}

/** What a pass through the network gives to operators that act differently in training. */
export interface Pass {
  /** The number of examples. */
  batch: number;
  /** The number of examples that the file was exported for, if it is fixed. */
  fileBatch: number | undefined;
  training: boolean;
  /**
   * Returns the factors of the dropout node of this name, whose input has this shape; undefined if no unit is dropped.
   * @param rate the probability with which the node drops a unit
   */
  dropout: (node: string, shape: readonly number[], rate: number) => tensorflow.Tensor | undefined;
  /** Sets the new value of the trained tensor of this name, such as a running mean. */
  renew: (name: string, value: tensorflow.Tensor) => void;
}

/** One node with its inputs while the network runs. */
export class Call {
  constructor(
    readonly tf: Ops,
    readonly node: GraphNode,
    readonly inputs: readonly (Value | undefined)[],
    readonly pass: Pass,
  ) {}

  get attributes(): Attributes {
    return this.node.attributes;
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined;
  }

  input(index: number): Value {
    const value = this.inputs[index];
    if (value === undefined) throw this.failure(`lacks its input ${index}`);
    return value;
  }

  shape(index: number): readonly number[] {
    return shapeOfValue(this.input(index));
  }

  /** Returns an input in ONNX's own order of axes. */
  plain<Rank extends tensorflow.Rank = tensorflow.Rank>(index: number): tensorflow.Tensor<Rank> {
    return plain(this.tf, this.input(index)) as tensorflow.Tensor<Rank>;
  }

  /** Returns an input as [batch, ...positions, channels]. */
  channelsLast(index: number): tensorflow.Tensor {
    return channelsLast(this.tf, this.input(index));
  }

  /** Returns an input that must be known before the network runs. */
  constant(index: number, what: string): Constant {
    const value = this.input(index);
    if (value.kind === 'constant') return value;
    throw this.failure(`computes its ${what} from the data, which is not supported`);
  }

  /** Returns the numbers of an input that must be known before the network runs; undefined if the input is left out. */
  numbers(index: number, what: string): number[] | undefined {
    return this.has(index) ? [...this.constant(index, what).values] : undefined;
  }

  failure(problem: string): Failure {
    return new Failure('input', `node ${this.node.title} (${this.node.op}): ${problem}`);
  }
}

/** An operator of ONNX. */
export interface Operator {
  /** Returns why a node cannot be computed, if its attributes tell. */
  problem?: (node: GraphNode) => string | undefined;
  /**
   * Computes the outputs of a node.
   * @throws {Failure} `input` without the file's name, if the node's inputs are not supported
   */
  compute: (call: Call) => (Value | undefined)[];
}

export type Operators = Readonly<Record<string, Operator>>;

/** Describes an operator of one output that acts on the computed values of its inputs. */
export const operator = (compute: (call: Call) => Value, problem?: Operator['problem']): Operator => ({
  compute: (call) => [compute(call)],
  ...(problem && { problem }),
});
