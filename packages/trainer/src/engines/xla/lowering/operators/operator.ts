import type { Attribute, Node } from '../../../recording/nodes.js';
import type { Body, Value } from '../body.js';

/** An operation of a recording, whose inputs have been written. */
export interface Operation {
  readonly body: Body;
  readonly node: Extract<Node, { kind: 'operation' }>;
  readonly inputs: readonly Value[];
  /** Returns the values of an input that is a constant, such as the axes of a sum. Throws if it is none. */
  constant: (input: number) => number[];
}

/** Writes an operation of TensorFlow, and returns its results. */
export type Lowering = (operation: Operation) => Value | Value[];

type ValueOf<Kind extends Attribute['kind']> = Extract<Attribute, { kind: Kind }>['value'];

/** Returns the value of an attribute. Throws if the operation has no such attribute of this kind. */
export function attribute<Kind extends Attribute['kind']>(
  { node }: Pick<Operation, 'node'>,
  name: string,
  kind: Kind,
): ValueOf<Kind> {
  const found = node.attributes.find((each) => each.name === name);
  if (found?.kind !== kind) throw new Error(`${node.op} has no attribute ${name} of kind ${kind}`);
  return found.value as ValueOf<Kind>;
}

/** Returns the dimensions that a constant input names. Negative ones count from the last. */
export const axesOf = ({ constant }: Operation, input: number, { shape }: Value): number[] =>
  constant(input).map((axis) => (axis < 0 ? axis + shape.length : axis));
