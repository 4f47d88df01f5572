import { axisOf } from '@prunegrid/numerics/shape';

import { type Call, firstAxis, isFirst, onnxTypes, type Value, type Writing, type Writings } from '../graph-writer.js';

/** Larger than any extent. */
const END = Number.MAX_SAFE_INTEGER;

/** Returns a matrix, or matrices one after another, with rows and columns exchanged if the operation says so. */
function matrix(call: Call, index: number, adjoint: string): string {
  const name = call.plain(index);
  if (!call.attribute<boolean>(adjoint)) return name;
  const { length } = call.input(index).shape;
  const order = Array.from({ length }, (_, i) => i);
  return call.writer.add('Transpose', [name], { perm: [...order.slice(0, -2), length - 1, length - 2] });
}

const matMul =
  (first: string, second: string): Writing =>
  (call) =>
    call.add('MatMul', [matrix(call, 0, first), matrix(call, 1, second)]);

const split: Writing = (call) => {
  const { writer, operation } = call;
  const isEven = operation.op === 'Split';
  const [value, axis] = isEven ? [1, 0] : [0, 2];
  const x = call.input(value);
  const at = axisOf(call.numbers(axis)[0], x.shape.length);
  const outputs = operation.shapes.length;
  const sizes = isEven ? [] : [writer.integers(call.numbers(1))];
  const first = isFirst(x);
  const input = first ? (x.channelsFirst as string) : writer.plain(x);
  const attributes = { axis: first ? firstAxis(at) : at, ...(isEven && { num_outputs: outputs }) };
  const names = writer.addAll('Split', [input, ...sizes], outputs, attributes);
  return names.map((name, i): Value => ({
    shape: operation.shapes[i],
    ...(first ? { channelsFirst: name } : { plain: name }),
  }));
};

const concat: Writing = (call) => {
  const { writer, operation } = call;
  const last = operation.inputs.length - 1;
  const values = Array.from({ length: last }, (_, i) => call.input(i));
  const at = axisOf(call.numbers(last)[0], call.shape.length);
  return values.every(isFirst)
    ? call.addFirst(
        'Concat',
        values.map((value) => value.channelsFirst as string),
        { axis: firstAxis(at) },
      )
    : call.add(
        'Concat',
        values.map((value) => writer.plain(value)),
        { axis: at },
      );
};

const pad =
  (mode: string): Writing =>
  (call) => {
    const { writer } = call;
    const paddings = call.numbers(1);
    const [before, after] = [0, 1].map((side) => paddings.filter((_count, i) => i % 2 === side));
    const value = mode === 'constant' ? [call.plain(2)] : [];
    const x = call.input(0);
    if (!isFirst(x))
      return call.add('Pad', [call.plain(0), writer.integers([...before, ...after]), ...value], { mode });
    const turned = (counts: number[]) => [counts[0], counts[3], counts[1], counts[2]];
    const pads = writer.integers([...turned(before), ...turned(after)]);
    return call.addFirst('Pad', [x.channelsFirst as string, pads, ...value], { mode });
  };

const slice: Writing = (call) => {
  const { writer } = call;
  const [begin, size] = [call.numbers(1), call.numbers(2)];
  const ends = begin.map((start, i) => (size[i] === -1 ? END : start + size[i]));
  return call.add('Slice', [call.plain(0), writer.integers(begin), writer.integers(ends)]);
};

/** Stacks values along a new axis. */
const pack: Writing = (call) => {
  const { writer, inputs } = call;
  const axis = axisOf(call.attribute<number>('axis') ?? 0, call.shape.length);
  const axes = writer.integers([axis]);
  return call.add(
    'Concat',
    inputs.map((value) => writer.add('Unsqueeze', [writer.plain(value), axes])),
    { axis },
  );
};

/** Takes values apart along an axis, which is removed. */
const unpack: Writing = (call) => {
  const { writer, operation } = call;
  const axis = axisOf(call.attribute<number>('axis') ?? 0, call.input(0).shape.length);
  const outputs = operation.shapes.length;
  const axes = writer.integers([axis]);
  const parts = writer.addAll('Split', [call.plain(0)], outputs, { axis, num_outputs: outputs });
  return parts.map((part, i): Value => ({ shape: operation.shapes[i], plain: writer.add('Squeeze', [part, axes]) }));
};

export const shapeOperators: Writings = {
  BatchMatMulV2: matMul('adj_x', 'adj_y'),
  MatMul: matMul('transpose_a', 'transpose_b'),
  ArgMax(call) {
    const position = call.writer.add('ArgMax', [call.plain(0)], { axis: call.numbers(1)[0], keepdims: 0 });
    return call.add('Cast', [position], { to: onnxTypes.int32 });
  },
  ConcatV2: concat,
  ExpandDims: (call) => call.add('Unsqueeze', [call.plain(0), call.writer.integers(call.numbers(1))]),
  GatherV2: (call) => call.add('Gather', [call.plain(0), call.plain(1)], { axis: call.numbers(2)[0] }),
  MirrorPad: pad('reflect'),
  Pack: pack,
  PadV2: pad('constant'),
  Reshape: (call) => call.add('Reshape', [call.plain(0), call.writer.integers(call.numbers(1))]),
  Slice: slice,
  Split: split,
  SplitV: split,
  Squeeze(call) {
    const axes = call.attribute<readonly number[]>('squeeze_dims') ?? [];
    return call.add('Squeeze', [call.plain(0), ...(axes.length > 0 ? [call.writer.integers(axes)] : [])]);
  },
  Tile: (call) => call.add('Tile', [call.plain(0), call.writer.integers(call.numbers(1))]),
  Transpose: (call) => call.add('Transpose', [call.plain(0)], { perm: call.numbers(1) }),
  Unpack: unpack,
};
