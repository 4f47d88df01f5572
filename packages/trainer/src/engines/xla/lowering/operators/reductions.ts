import { sizeOf } from '@prunegrid/numerics/shape';

import type { Value } from '../body.js';
import { attribute, axesOf, type Lowering, type Operation } from './operator.js';

const reduction =
  (name: string, initial: number): Lowering =>
  (operation) => {
    const [x] = operation.inputs;
    const axes = axesOf(operation, 1, x);
    // Integers have no infinity, and their limits are as good.
    const start = x.type === 'float32' ? initial : Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), initial));
    return operation.body.reduce(x, name, start, axes, attribute(operation, 'keep_dims', 'boolean'));
  };

/** Combines each element along an axis with all before it, in logarithmically many steps of a fixed order. */
const cumulation =
  (name: string, neutral: number): Lowering =>
  (operation) => {
    const { body, inputs } = operation;
    const [axis] = axesOf(operation, 1, inputs[0]);
    const reverse = attribute(operation, 'reverse', 'boolean');
    const extent = inputs[0].shape[axis];
    /** Moves all elements by `distance` along the axis. */
    const moved = (x: Value, distance: number) => {
      const only = (amount: number) => x.shape.map((_, i) => (i === axis ? amount : 0));
      const filling = body.scalar(neutral, x.type);
      return body.pad(x, only(distance), only(-distance), undefined, filling);
    };
    let sum = reverse ? body.reverse(inputs[0], [axis]) : inputs[0];
    if (attribute(operation, 'exclusive', 'boolean')) sum = moved(sum, 1);
    for (let distance = 1; distance < extent; distance *= 2) sum = body.binary(name, moved(sum, distance), sum);
    return reverse ? body.reverse(sum, [axis]) : sum;
  };

/** Operations that combine elements. */
export const reductions: Readonly<Record<string, Lowering>> = {
  Sum: reduction('add', 0),
  Prod: reduction('multiply', 1),
  Max: reduction('maximum', -Infinity),
  Min: reduction('minimum', Infinity),
  Mean: (operation) => {
    const [x] = operation.inputs;
    const axes = axesOf(operation, 1, x);
    const count = sizeOf(axes.map((axis) => x.shape[axis]));
    const sum = operation.body.reduce(x, 'add', 0, axes, attribute(operation, 'keep_dims', 'boolean'));
    return operation.body.binary('divide', sum, operation.body.scalar(count));
  },
  ArgMax: (operation) =>
    operation.body.positionOfMaximum(operation.inputs[0], axesOf(operation, 1, operation.inputs[0])[0]),
  Cumsum: cumulation('add', 0),
  Cumprod: cumulation('multiply', 1),
  UnsortedSegmentSum: segmentSum,
};

/**
 * Adds up the rows of each segment. A scattered addition has no fixed order on GPUs, so this is the product of the rows
 * with a matrix of ones and zeros, in full precision.
 */
function segmentSum({ body, inputs: [x, segments], constant }: Operation): Value {
  const [count] = constant(2);
  const rows = sizeOf(segments.shape);
  const rest = x.shape.slice(segments.shape.length);
  const ids = body.broadcast(body.reshape(segments, [1, rows]), [count, rows]);
  const belongs = body.convert(body.compare('EQ', ids, body.iota([count, rows], 0)), 'float32');
  const sums = body.product(belongs, body.reshape(x, [rows, sizeOf(rest)]), false, false, 'HIGHEST');
  return body.reshape(sums, [count, ...rest]);
}
