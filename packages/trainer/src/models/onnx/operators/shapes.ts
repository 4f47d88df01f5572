import { axisOf, sizeOf } from '@prunegrid/numerics/shape';
import type { Tensor } from '@tensorflow/tfjs';

import { computed, integers, plain, storedAxis, type Value } from '../values.js';
import { type Call, operator, type Operators } from './operator.js';

/**
 * Returns a shape that the file states, for the batch of this pass. A file that was exported for a fixed batch has that
 * number of examples in its shapes.
 */
function forBatch(call: Call, shape: readonly number[]): number[] {
  const { batch, fileBatch } = call.pass;
  const fixed = fileBatch !== undefined && shape[0] === fileBatch && call.shape(0)[0] === batch;
  return fixed ? [batch, ...shape.slice(1)] : [...shape];
}

function reshape(call: Call): Value {
  const { tf, attributes } = call;
  const before = call.shape(0);
  const stated = forBatch(call, call.numbers(1, 'shape') ?? []);
  const zeroCopies = attributes.int('allowzero', 0) === 0;
  const shape = stated.map((extent, i) => (extent === 0 && zeroCopies ? before[i] : extent));
  const known = shape.filter((extent) => extent >= 0);
  const size = sizeOf(before);
  const fits = shape.includes(-1) ? size % sizeOf(known) === 0 : size === sizeOf(known);
  if (!fits) throw call.failure(`cannot make [${stated.join(', ')}] of a value of shape [${before.join(', ')}]`);
  return computed(tf.reshape(call.plain(0), shape));
}

function flatten(call: Call): Value {
  const shape = call.shape(0);
  const axis = axisOf(call.attributes.int('axis', 1), shape.length);
  return computed(call.tf.reshape(call.plain(0), [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]));
}

function transpose(call: Call): Value {
  const { tf, attributes } = call;
  const value = call.input(0);
  const rank = call.shape(0).length;
  const order = attributes.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (value.kind === 'trained' && value.swapped && rank === 2 && order[0] === 1) return computed(value.tensor);
  if (value.kind !== 'computed') return computed(tf.transpose(plain(tf, value), order));
  const stored = order.map((axis) => storedAxis(value, axis));
  const same = stored.every((axis, i) => axis === i);
  return computed(same ? value.tensor : tf.transpose(value.tensor, stored));
}

function unsqueeze(call: Call): Value {
  const axes = call.numbers(1, 'axes') ?? call.attributes.ints('axes') ?? [];
  const rank = call.shape(0).length + axes.length;
  const added = axes.map((axis) => axisOf(axis, rank));
  const before = [...call.shape(0)];
  const shape = Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : (before.shift() as number)));
  return computed(call.tf.reshape(call.plain(0), shape));
}

function squeeze(call: Call): Value {
  const shape = call.shape(0);
  const axes = (call.numbers(1, 'axes') ?? call.attributes.ints('axes'))?.map((axis) => axisOf(axis, shape.length));
  const left = shape.filter((extent, i) => (axes ? !axes.includes(i) : extent !== 1));
  return computed(call.tf.reshape(call.plain(0), left));
}

/** Returns inputs with the same order of axes, and the axis among those that are stored. */
function alike(
  call: Call,
  indices: readonly number[],
  axis: number,
): { tensors: Tensor[]; axis: number; last: boolean } {
  const rank = call.shape(indices[0]).length;
  const last = rank > 2 && indices.every((i) => isChannelsLast(call.input(i)));
  const tensors = indices.map((i) => (last ? call.channelsLast(i) : call.plain(i)));
  const counted = axisOf(axis, rank);
  return { tensors, axis: storedAxis(computed(tensors[0], last), counted), last };
}

const isChannelsLast = (value: Value): boolean => value.kind === 'computed' && value.channelsLast;

function concat(call: Call): Value {
  const { tf, attributes, pass } = call;
  const { tensors, axis, last } = alike(
    call,
    call.inputs.map((_, i) => i),
    attributes.int('axis', 0),
  );
  // A tensor that a file for one example repeats once, such as a class token, is repeated for each of the batch.
  const batch = Math.max(...tensors.map(({ shape }) => shape[0]));
  const whole = tensors.map((tensor) => {
    const repeated = axis !== 0 && pass.fileBatch !== undefined && tensor.shape[0] === 1 && batch > 1;
    return repeated ? tf.tile(tensor, [batch, ...tensor.shape.slice(1).map(() => 1)]) : tensor;
  });
  return computed(tf.concat(whole, axis), last);
}

function split(call: Call): Value[] {
  const { tf, attributes, node } = call;
  if (attributes.int('num_outputs', node.outputs.length) !== node.outputs.length) {
    throw call.failure(`has ${node.outputs.length} outputs and says ${attributes.int('num_outputs', 0)}`);
  }
  const { tensors, axis, last } = alike(call, [0], attributes.int('axis', 0));
  const extent = tensors[0].shape[axis];
  const count = node.outputs.length;
  const each = Math.ceil(extent / count);
  const equal = Array.from({ length: count }, (_, i) => Math.min(each, extent - i * each));
  const sizes = call.numbers(1, 'sizes') ?? attributes.ints('split') ?? equal;
  return tf.split(tensors[0], sizes, axis).map((part) => computed(part, last));
}

/** Returns the positions from `start` to `end` by `step` along an axis of `extent`, as numpy slices do. */
export function positionsOf(start: number, end: number, step: number, extent: number): number[] {
  const clamp = (position: number, low: number, high: number) =>
    Math.max(low, Math.min(high, position < 0 ? position + extent : position));
  const [first, last] =
    step > 0
      ? [clamp(start, 0, extent), clamp(end, 0, extent)]
      : [clamp(start, -1, extent - 1), end < -extent ? -1 : clamp(end, -1, extent - 1)];
  if (step === 0) throw new RangeError('slices by steps of 0');
  const positions: number[] = [];
  for (let at = first; step > 0 ? at < last : at > last; at += step) positions.push(at);
  return positions;
}

function slice(call: Call): Value {
  const { tf } = call;
  const { tensors, last } = alike(call, [0], 0);
  const rank = tensors[0].rank;
  const starts = call.numbers(1, 'starts') ?? [];
  const ends = call.numbers(2, 'ends') ?? [];
  const axes = call.numbers(3, 'axes') ?? starts.map((_, i) => i);
  const steps = call.numbers(4, 'steps') ?? starts.map(() => 1);
  const tensor = axes.reduce((part, axis, i) => {
    const stored = storedAxis(computed(part, last), axisOf(axis, rank));
    const extent = part.shape[stored];
    const positions = positionsOf(starts[i], ends[i], steps[i], extent);
    if (positions.length === extent && steps[i] > 0) return part;
    if (steps[i] !== 1) return tf.gather(part, positions, stored);
    const begin = part.shape.map((_, at) => (at === stored ? (positions[0] ?? 0) : 0));
    const size = part.shape.map((whole, at) => (at === stored ? positions.length : whole));
    return tf.slice(part, begin, size);
  }, tensors[0]);
  return computed(tensor, last);
}

function gather(call: Call): Value {
  const { tf, attributes } = call;
  const table = call.plain(0);
  const axis = axisOf(attributes.int('axis', 0), table.rank);
  const indices = call.input(1);
  const extent = table.shape[axis];
  if (indices.kind === 'constant') {
    const positions = [...indices.values].map((at) => (at < 0 ? at + extent : at));
    const taken =
      positions.length === 1
        ? tf.slice(
            table,
            table.shape.map((_, i) => (i === axis ? positions[0] : 0)),
            table.shape.map((whole, i) => (i === axis ? 1 : whole)),
          )
        : tf.gather(table, positions, axis);
    return computed(
      tf.reshape(taken, [...table.shape.slice(0, axis), ...indices.shape, ...table.shape.slice(axis + 1)]),
    );
  }
  return computed(tf.gather(table, tf.cast(plain(tf, indices), 'int32'), axis));
}

function pad(call: Call): Value {
  const { tf } = call;
  const { tensors, last } = alike(call, [0], 0);
  const [tensor] = tensors;
  const pads = call.numbers(1, 'pads') ?? [];
  const [value = 0] = call.numbers(2, 'value') ?? [];
  const { rank } = tensor;
  const axes = call.numbers(3, 'axes') ?? Array.from({ length: rank }, (_, i) => i);
  const paddings = Array.from({ length: rank }, (): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    paddings[storedAxis(computed(tensor, last), axisOf(axis, rank))] = [pads[i], pads[i + axes.length]];
  });
  const crops = paddings.some((each) => each.some((count) => count < 0));
  const kept = crops
    ? tf.slice(
        tensor,
        paddings.map(([before]) => Math.max(0, -before)),
        paddings.map(([before, after], i) => tensor.shape[i] + Math.min(0, before) + Math.min(0, after)),
      )
    : tensor;
  const added = paddings.map(([before, after]): [number, number] => [Math.max(0, before), Math.max(0, after)]);
  return computed(tf.pad(kept, added, value), last);
}

function expand(call: Call): Value {
  const { tf } = call;
  const tensor = call.plain(0);
  const stated = call.numbers(1, 'shape') ?? [];
  const rank = Math.max(tensor.rank, stated.length);
  const pair = [tensor.shape, stated].map((shape) => [
    ...Array.from({ length: rank - shape.length }, () => 1),
    ...shape,
  ]);
  const shape = pair[0].map((extent, i) => (pair[1][i] === 1 ? extent : extent === 1 ? pair[1][i] : extent));
  return computed(tf.broadcastTo(tf.reshape(tensor, pair[0]), shape));
}

const shapeOperator = operator((call) => {
  const shape = call.shape(0);
  const at = (name: string, otherwise: number) => {
    const value = axisOf(call.attributes.int(name, otherwise), shape.length);
    return Math.max(0, Math.min(shape.length, value));
  };
  return integers(shape.slice(at('start', 0), at('end', shape.length)));
});

export const shapes: Operators = {
  Concat: operator(concat),
  Expand: operator(expand),
  Flatten: operator(flatten),
  Gather: operator(gather),
  Pad: operator(pad, ({ attributes }) => {
    const mode = attributes.string('mode', 'constant');
    return mode === 'constant' ? undefined : `pads by mode ${mode}, of which there is no gradient; constant is read`;
  }),
  Reshape: operator(reshape),
  Shape: shapeOperator,
  Size: operator((call) => integers([sizeOf(call.shape(0))], [])),
  Slice: operator(slice),
  Split: { compute: split },
  Squeeze: operator(squeeze),
  Tile: operator((call) => computed(call.tf.tile(call.plain(0), call.numbers(1, 'repeats') ?? []))),
  Transpose: operator(transpose),
  Unsqueeze: operator(unsqueeze),
};
