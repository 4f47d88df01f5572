import { sizeOf } from '@prunegrid/numerics/shape';

import type { Body, Value } from '../body.js';
import { attribute, axesOf, type Lowering, type Operation } from './operator.js';

/** Operations that move and repeat elements. */
export const shapes: Readonly<Record<string, Lowering>> = {
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
  Fill: ({ body, inputs: [, value], constant }) => body.broadcast(value, constant(0)),
  ExpandDims: (operation) => {
    const [x] = operation.inputs;
    const [axis] = operation.constant(1);
    return operation.body.reshape(x, x.shape.toSpliced(axis < 0 ? axis + x.shape.length + 1 : axis, 0, 1));
  },
  Unpack: (operation) => {
    const { body, inputs } = operation;
    const [x] = inputs;
    const axis = attribute(operation, 'axis', 'integer');
    return cut(body, x, axis, new Array<number>(x.shape[axis]).fill(1)).map((part) =>
      body.reshape(part, x.shape.toSpliced(axis, 1)),
    );
  },
  StridedSlice: stridedSlice,
  ReverseV2: (operation) => operation.body.reverse(operation.inputs[0], axesOf(operation, 1, operation.inputs[0])),
  SpaceToBatchND: ({ body, inputs: [x], constant }) => {
    const [block, amounts] = [constant(1), constant(2)];
    const side = (first: number) =>
      x.shape.map((_, i) => (i > 0 && i <= block.length ? amounts[2 * (i - 1) + first] : 0));
    const whole = body.pad(x, side(0), side(1));
    const [batch, ...rest] = whole.shape;
    const positions = block.flatMap((extent, i) => [rest[i] / extent, extent]);
    const channels = rest.slice(block.length);
    const apart = body.reshape(whole, [batch, ...positions, ...channels]);
    const order = [
      ...block.map((_, i) => 2 + 2 * i),
      0,
      ...block.map((_, i) => 1 + 2 * i),
      ...channels.map((_, i) => 1 + 2 * block.length + i),
    ];
    const extents = block.map((extent, i) => rest[i] / extent);
    return body.reshape(body.transpose(apart, order), [batch * sizeOf(block), ...extents, ...channels]);
  },
  BatchToSpaceND: ({ body, inputs: [x], constant }) => {
    const [block, crops] = [constant(1), constant(2)];
    const count = block.length;
    const batch = x.shape[0] / sizeOf(block);
    const [positions, channels] = [x.shape.slice(1, 1 + count), x.shape.slice(1 + count)];
    const apart = body.reshape(x, [...block, batch, ...positions, ...channels]);
    const order = [count, ...block.flatMap((_, i) => [count + 1 + i, i]), ...channels.map((_, i) => 2 * count + 1 + i)];
    const whole = positions.map((extent, i) => extent * block[i]);
    const joined = body.reshape(body.transpose(apart, order), [batch, ...whole, ...channels]);
    const start = joined.shape.map((_, i) => (i > 0 && i <= count ? crops[2 * (i - 1)] : 0));
    const limit = joined.shape.map((extent, i) => (i > 0 && i <= count ? extent - crops[2 * (i - 1) + 1] : extent));
    return body.slice(joined, start, limit);
  },
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

/** A slice as numpy writes it, by `begin:end:stride` for each of the first dimensions. */
function stridedSlice(operation: Operation): Value {
  const { body, inputs, constant } = operation;
  const [x] = inputs;
  const [begin, end, strides] = [constant(1), constant(2), constant(3)];
  const has = (mask: string, i: number) => ((attribute(operation, mask, 'integer') >> i) & 1) === 1;
  if (attribute(operation, 'ellipsis_mask', 'integer') + attribute(operation, 'new_axis_mask', 'integer') > 0) {
    throw new Error('a slice with an ellipsis or a new axis is not lowered');
  }
  const clamped = (position: number, extent: number, low: number, high: number) =>
    Math.min(high, Math.max(low, position < 0 ? position + extent : position));
  const ranges = x.shape.map((extent, i) => {
    if (i >= begin.length) return { from: 0, to: extent, stride: 1, single: false };
    if (has('shrink_axis_mask', i)) {
      const from = begin[i] < 0 ? begin[i] + extent : begin[i];
      return { from, to: from + 1, stride: 1, single: true };
    }
    const stride = strides[i];
    const [low, high] = stride > 0 ? [0, extent] : [-1, extent - 1];
    const first = has('begin_mask', i) ? (stride > 0 ? low : high) : clamped(begin[i], extent, low, high);
    const last = has('end_mask', i) ? (stride > 0 ? high : low) : clamped(end[i], extent, low, high);
    const count = Math.max(0, Math.ceil((last - first) / stride));
    if (stride > 0) return { from: first, to: Math.max(first, last), stride, single: false };
    // StableHLO has no negative strides: the same elements are taken forwards, and then reversed.
    const lowest = first + (count - 1) * stride;
    return { from: lowest, to: count === 0 ? lowest : first + 1, stride: -stride, single: false };
  });
  const taken = body.slice(
    x,
    ranges.map(({ from }) => from),
    ranges.map(({ to }) => to),
    ranges.map(({ stride }) => stride),
  );
  const backwards = strides.flatMap((stride, i) => (stride < 0 && !ranges[i].single ? [i] : []));
  const ordered = backwards.length > 0 ? body.reverse(taken, backwards) : taken;
  return body.reshape(
    ordered,
    ordered.shape.filter((_, i) => !ranges[i].single),
  );
}
