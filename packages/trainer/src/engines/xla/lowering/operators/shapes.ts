import { sizeOf } from '@prunegrid/numerics/shape';

import type { Body, Value } from '../body.js';
import { attribute, axesOf, type Lowering, type Operation } from './operator.js';

const reduction =
  (name: string, initial: number): Lowering =>
  (operation) => {
    const [x] = operation.inputs;
    return operation.body.reduce(
      x,
      name,
      initial,
      axesOf(operation, 1, x),
      attribute(operation, 'keep_dims', 'boolean'),
    );
  };

/** Operations that reduce, move and repeat elements. */
export const shapes: Readonly<Record<string, Lowering>> = {
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
  Reshape: ({ body, inputs: [x], constant }) => {
    const shape = constant(1);
    const known = sizeOf(shape.filter((extent) => extent >= 0));
    return body.reshape(
      x,
      shape.map((extent) => (extent < 0 ? sizeOf(x.shape) / known : extent)),
    );
  },
  Transpose: ({ body, inputs: [x], constant }) => body.transpose(x, constant(1)),
  ConcatV2: (operation) => {
    const values = operation.inputs.slice(0, -1);
    const [axis] = axesOf(operation, values.length, values[0]);
    return operation.body.concatenate(values, axis);
  },
  Pack: ({ body, inputs, ...rest }) => {
    const axis = attribute(rest, 'axis', 'integer');
    const at = axis < 0 ? axis + inputs[0].shape.length + 1 : axis;
    const each = inputs.map((x) => body.reshape(x, x.shape.toSpliced(at, 0, 1)));
    return body.concatenate(each, at);
  },
  Split: (operation) => {
    const [, x] = operation.inputs;
    const [axis] = axesOf(operation, 0, x);
    const parts = attribute(operation, 'num_split', 'integer');
    return cut(operation.body, x, axis, new Array<number>(parts).fill(x.shape[axis] / parts));
  },
  SplitV: (operation) => {
    const [x] = operation.inputs;
    return cut(operation.body, x, axesOf(operation, 2, x)[0], operation.constant(1));
  },
  Slice: ({ body, inputs: [x], constant }) => {
    const [begin, size] = [constant(1), constant(2)];
    return body.slice(
      x,
      begin,
      begin.map((from, i) => (size[i] < 0 ? x.shape[i] : from + size[i])),
    );
  },
  PadV2: ({ body, inputs: [x, , filling], constant }) => {
    const amounts = constant(1);
    const side = (first: number) => x.shape.map((_, i) => amounts[2 * i + first]);
    return body.pad(x, side(0), side(1), undefined, filling);
  },
  Tile: ({ body, inputs: [x], constant }) =>
    constant(1).reduce(
      (value, times, i) => (times === 1 ? value : body.concatenate(new Array<Value>(times).fill(value), i)),
      x,
    ),
  OneHot: oneHot,
};

function cut(body: Body, x: Value, axis: number, extents: readonly number[]): Value[] {
  let from = 0;
  return extents.map((extent) => {
    const start = x.shape.map((_, i) => (i === axis ? from : 0));
    from += extent;
    return body.slice(
      x,
      start,
      x.shape.map((whole, i) => (i === axis ? from : whole)),
    );
  });
}

function oneHot(operation: Operation): Value {
  const { body, inputs, constant } = operation;
  const [x, , on, off] = inputs;
  const shape = [...x.shape, constant(1)[0]];
  const labels = body.broadcast(
    x,
    shape,
    x.shape.map((_, i) => i),
  );
  return body.select(body.compare('EQ', labels, body.iota(shape, shape.length - 1)), on, off);
}
