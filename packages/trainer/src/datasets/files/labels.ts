import { Failure } from '@prunegrid/core/failure';

import type { Tensor } from './tensor.js';

/** A whole number, as it is written in a table; some programs write 3 as 3.0. */
const WHOLE = /^[+-]?\d+(\.0*)?$/;

/**
 * Returns the names of the classes if labels are text, in the order of their code units; undefined if they are numbers.
 * @param parts the labels of all parts
 */
export function namesOf(parts: readonly (Tensor | string[])[]): string[] | undefined {
  const text = parts.filter((labels) => Array.isArray(labels));
  if (text.length === 0 || text.every((labels) => labels.every((label) => Number.isFinite(Number(label))))) {
    return undefined;
  }
  return [...new Set(text.flat())].sort((a, b) => (a < b ? -1 : 1));
}

/**
 * Returns the class number of each example.
 * @param names the names of the classes, if they are text
 * @throws {Failure} `input`, which names the example, if there is not one label for each example, or one is no class
 */
export function classNumbers(
  labels: Tensor | string[],
  inputs: Tensor,
  names: readonly string[] | undefined,
): Int32Array {
  const count = inputs.shape[0];
  if (!Array.isArray(labels)) return requireClasses(ofTensor(labels, inputs), labels.where, count);
  if (!names) {
    const odd = labels.findIndex((label) => !WHOLE.test(label));
    if (odd >= 0) throw noClass(inputs.where, odd, labels[odd]);
    return requireClasses(labels.map(Number), inputs.where, count);
  }
  const numbers = new Map(names.map((name, number) => [name, number]));
  return Int32Array.from(labels, (label) => numbers.get(label) as number);
}

/**
 * Returns the target values of each example, [count, values].
 * @throws {Failure} `input`, which names the example, if there are not as many for each, or one is no finite number
 */
export function targetValues(labels: Tensor | string[], inputs: Tensor): Float32Array {
  const where = Array.isArray(labels) ? inputs.where : labels.where;
  if (!Array.isArray(labels)) requirePerExample(labels, inputs, 'target values are [examples] or [examples, values]');
  const values = Array.isArray(labels) ? labels.map(numberOf) : labels.values;
  const targets = Float32Array.from(values as ArrayLike<number>);
  const bad = targets.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return targets;
  const example = Math.floor((bad * inputs.shape[0]) / targets.length);
  const found = Array.isArray(labels) ? `"${labels[bad]}"` : labels.values[bad];
  throw new Failure('input', `${where}: the example ${example} has the target ${found}: give a finite number`);
}

const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text));

function requirePerExample({ shape, where }: Tensor, inputs: Tensor, rule: string): void {
  if (shape.length > 2) throw new Failure('input', `${where}: has the shape [${shape.join(', ')}]: ${rule}`);
  if (shape[0] === inputs.shape[0]) return;
  throw new Failure(
    'input',
    `${where}: has ${shape[0]} labels for the ${inputs.shape[0]} examples of ${inputs.where}: give both the same number`,
  );
}

function ofTensor(tensor: Tensor, inputs: Tensor): ArrayLike<number> {
  requirePerExample(tensor, inputs, 'labels are class numbers [examples] or one-hot [examples, classes]');
  const { shape, values, where } = tensor;
  const [count, width = 1] = shape;
  return width === 1 ? values : fromOneHot(values, count, width, where);
}

function fromOneHot(values: ArrayLike<number>, count: number, width: number, where: string): Int32Array {
  return Int32Array.from({ length: count }, (_, example) => {
    let label = -1;
    for (let i = 0; i < width; i++) {
      const value = values[example * width + i];
      if (value === 0) continue;
      if (value !== 1 || label >= 0) label = width;
      else label = i;
    }
    if (label >= 0 && label < width) return label;
    throw new Failure(
      'input',
      `${where}: the example ${example} is not one-hot: put 1 for its class and 0 for the other ${width - 1}`,
    );
  });
}

function requireClasses(labels: ArrayLike<number>, where: string, count: number): Int32Array {
  for (let i = 0; i < count; i++) {
    if (!Number.isInteger(labels[i]) || labels[i] < 0) throw noClass(where, i, labels[i]);
  }
  return Int32Array.from(labels);
}

const noClass = (where: string, example: number, found: number | string): Failure =>
  new Failure(
    'input',
    `${where}: the example ${example} has the label ${found}: classes are numbered 0, 1, 2 and so on`,
  );
