import type { Node } from '../../engines/recording/nodes.js';
import type { FixedTensor, Operation } from './graph.js';

type Constant = Extract<Node, { kind: 'constant' }>;

/** An operation as it was recorded with a few examples and with more. */
export type Twin = readonly [few: Operation, more: Operation];

/** Returns the shape of an operation's output, with -1 for what depends on the number of examples. */
export const openShape = ([few, more]: Twin, output = 0): number[] =>
  few.shapes[output].map((extent, axis) => (more.shapes[output]?.[axis] === extent ? extent : -1));

/** Operations that take -1 for what follows from the rest, and the number of the input that has it. */
const inferring: Readonly<Record<string, number>> = { Conv2DBackpropInput: 0, Slice: 2 };

/**
 * Returns a constant as it is for any number of examples, or undefined if there is no such.
 * @param few its recording with a few examples
 * @param more its recording with more examples
 * @param users the operations that read it
 */
export function openConstant(
  few: Constant,
  more: Constant,
  users: readonly Twin[],
): Omit<FixedTensor, 'name'> | undefined {
  const { shape, elementType, values } = few;
  const sameShape = String(shape) === String(more.shape);
  if (sameShape && values.every((value, i) => value === more.values[i])) return { shape, elementType, values };
  if (elementType === 'float32') return oneRow(few, more);
  if (!sameShape || users.length !== 1) return undefined;
  const [{ op, inputs }] = users[0];
  const input = inputs.indexOf(few.name);
  // Sizes of equal parts are not written, see `evenSplit`.
  if (op === 'SplitV' && input === 1) return isEven(few) && isEven(more) ? { shape, elementType, values } : undefined;
  const isShape = op === 'Reshape' && input === 1;
  if (!isShape && inferring[op] !== input) return undefined;
  const open = isShape ? openShape(users[0]) : [...values].map((value, i) => (value === more.values[i] ? value : -1));
  if (open.filter((extent) => extent === -1).length > 1) return undefined;
  return { shape, elementType, values: Int32Array.from(open) };
}

const isEven = ({ values }: Constant): boolean => values.every((value) => value === values[0]);

/** Returns the first row if all rows are alike, such as zeros that a recurrent layer starts from. It is broadcast. */
function oneRow(few: Constant, more: Constant): Omit<FixedTensor, 'name'> | undefined {
  const [rows, ...rest] = few.shape;
  if (String(rest) !== String(more.shape.slice(1)) || rows === more.shape[0]) return undefined;
  const size = few.values.length / rows;
  const first = few.values.slice(0, size);
  const alike = [few, more].every(({ values }) => values.every((value, i) => value === first[i % size]));
  return alike ? { shape: [1, ...rest], elementType: few.elementType, values: first } : undefined;
}
