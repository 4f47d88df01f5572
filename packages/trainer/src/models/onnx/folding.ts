import { Failure } from '@prunegrid/core/failure';
import { axisOf, sizeOf } from '@prunegrid/numerics/shape';
import type { OnnxTensor } from '@prunegrid/onnx';

import type { GraphNode } from './operators/index.js';
import { positionsOf } from './operators/shapes.js';
import type { Constant } from './values.js';

/**
 * Computes a node whose inputs are all constants, as exporters leave them behind to compute shapes. Returns undefined
 * if the operator is not among those that occur there.
 */
export function fold(node: GraphNode, inputs: readonly (Constant | undefined)[]): Constant[] | undefined {
  const compute = Object.hasOwn(folds, node.op) ? folds[node.op] : undefined;
  const result = compute?.(node, inputs as readonly Constant[]);
  return result && (Array.isArray(result) ? result : [result]);
}

type Fold = (node: GraphNode, inputs: readonly Constant[]) => Constant | Constant[];

type ElementType = OnnxTensor['type'];

/** The most elements of a constant that is computed from others. Masks of attention have some millions. */
const MOST_ELEMENTS = 2 ** 24;

/** Returns the number of elements of a constant that is to be made. */
function newSize(shape: readonly number[]): number {
  const size = sizeOf(shape);
  if (shape.every((extent) => Number.isInteger(extent) && extent >= 0) && size <= MOST_ELEMENTS) return size;
  throw new RangeError(`would compute a constant of shape [${shape.join(', ')}]`);
}

function constant(type: ElementType, shape: readonly number[], values: ArrayLike<number>): Constant {
  const copy = type === 'float' ? Float32Array.from(values) : Float64Array.from(values);
  return { kind: 'constant', type, shape: [...shape], values: copy } as Constant;
}

/** Returns the shape to which two shapes are broadcast. */
function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly number[], axis: number) => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
}

/** Returns the index of a broadcast element in an operand of `shape`. */
function indexIn(shape: readonly number[], whole: readonly number[], index: number): number {
  let [rest, stride, found] = [index, 1, 0];
  for (let axis = whole.length - 1; axis >= 0; axis--) {
    const position = rest % whole[axis];
    rest = Math.floor(rest / whole[axis]);
    const extent = shape[axis - whole.length + shape.length];
    if (extent === undefined) continue;
    if (extent > 1) found += position * stride;
    stride *= extent;
  }
  return found;
}

const unary =
  (change: (x: number) => number, type?: ElementType): Fold =>
  (_node, [x]) =>
    constant(type ?? x.type, x.shape, Array.from(x.values, change));

const binary =
  (combine: (a: number, b: number, type: ElementType) => number, type?: ElementType): Fold =>
  (_node, inputs) =>
    inputs.slice(1).reduce((a, b) => {
      const shape = broadcast(a.shape, b.shape);
      const values = Array.from({ length: newSize(shape) }, (_, i) =>
        combine(a.values[indexIn(a.shape, shape, i)], b.values[indexIn(b.shape, shape, i)], a.type),
      );
      return constant(type ?? a.type, shape, values);
    }, inputs[0]);

/** Takes the elements at these positions of an axis. */
function taken({ type, shape, values }: Constant, axis: number, positions: readonly number[]): Constant {
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const kept = Array.from({ length: newSize([outer, positions.length, inner]) }, (_, i) => {
    const [block, rest] = [Math.floor(i / (positions.length * inner)), i % (positions.length * inner)];
    return values[(block * shape[axis] + positions[Math.floor(rest / inner)]) * inner + (rest % inner)];
  });
  return constant(type, [...shape.slice(0, axis), positions.length, ...shape.slice(axis + 1)], kept);
}

const reshaped = ({ type, values }: Constant, shape: readonly number[]): Constant => constant(type, shape, values);

const axesOf = ({ attributes }: GraphNode, input: Constant | undefined): number[] | undefined =>
  input ? [...input.values] : attributes.ints('axes');

const folds: Readonly<Record<string, Fold>> = {
  Abs: unary(Math.abs),
  Ceil: unary(Math.ceil),
  Exp: unary(Math.exp),
  Floor: unary(Math.floor),
  Identity: (_node, [x]) => x,
  Log: unary(Math.log),
  Neg: unary((x) => -x),
  Not: unary((x) => (x === 0 ? 1 : 0)),
  Reciprocal: unary((x) => 1 / x),
  Sqrt: unary(Math.sqrt),

  Add: binary((a, b) => a + b),
  And: binary((a, b) => (a && b ? 1 : 0)),
  Div: binary((a, b, type) => (type === 'float' ? a / b : Math.trunc(a / b))),
  Equal: binary((a, b) => (a === b ? 1 : 0), 'bool'),
  Greater: binary((a, b) => (a > b ? 1 : 0), 'bool'),
  GreaterOrEqual: binary((a, b) => (a >= b ? 1 : 0), 'bool'),
  Less: binary((a, b) => (a < b ? 1 : 0), 'bool'),
  LessOrEqual: binary((a, b) => (a <= b ? 1 : 0), 'bool'),
  Max: binary((a, b) => Math.max(a, b)),
  Min: binary((a, b) => Math.min(a, b)),
  Mod: binary((a, b) => a - b * Math.floor(a / b)),
  Mul: binary((a, b) => a * b),
  Or: binary((a, b) => (a || b ? 1 : 0)),
  Pow: binary((a, b) => a ** b),
  Sub: binary((a, b) => a - b),

  Cast({ attributes }, [x]) {
    const [FLOAT, FLOAT16, DOUBLE, BOOL] = [1, 10, 11, 9];
    const to = attributes.int('to', FLOAT);
    if (to === FLOAT || to === FLOAT16 || to === DOUBLE) return constant('float', x.shape, x.values);
    if (to === BOOL)
      return constant(
        'bool',
        x.shape,
        Array.from(x.values, (value) => (value === 0 ? 0 : 1)),
      );
    return constant('int', x.shape, Array.from(x.values, Math.trunc));
  },
  Concat({ attributes }, inputs) {
    const axis = axisOf(attributes.int('axis', 0), inputs[0].shape.length);
    const parts = inputs.flatMap((input) =>
      Array.from({ length: input.shape[axis] }, (_, position) => taken(input, axis, [position])),
    );
    const shape = inputs[0].shape.with(axis, parts.length);
    const inner = sizeOf(shape.slice(axis + 1));
    const values = Array.from({ length: newSize(shape) }, (_, i) => {
      const [block, rest] = [Math.floor(i / (parts.length * inner)), i % (parts.length * inner)];
      return parts[Math.floor(rest / inner)].values[block * inner + (rest % inner)];
    });
    return constant(inputs[0].type, shape, values);
  },
  Constant({ title, value }) {
    if (value) return value;
    throw new Failure('input', `node ${title} (Constant): has no numbers`);
  },
  ConstantOfShape({ value }, [shape]) {
    const extents = [...shape.values];
    const fill = value?.values[0] ?? 0;
    return constant(
      value?.type ?? 'float',
      extents,
      Array.from({ length: newSize(extents) }, () => fill),
    );
  },
  Expand(_node, [x, stated]) {
    const shape = broadcast(x.shape, [...stated.values]);
    const values = Array.from({ length: newSize(shape) }, (_, i) => x.values[indexIn(x.shape, shape, i)]);
    return constant(x.type, shape, values);
  },
  Gather({ attributes }, [x, indices]) {
    const axis = axisOf(attributes.int('axis', 0), x.shape.length);
    const positions = [...indices.values].map((at) => axisOf(at, x.shape[axis]));
    const found = taken(x, axis, positions);
    return reshaped(found, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
  },
  Range(_node, [start, limit, delta]) {
    const length = Math.max(0, Math.ceil((limit.values[0] - start.values[0]) / delta.values[0]));
    const values = Array.from({ length: newSize([length]) }, (_, i) => start.values[0] + i * delta.values[0]);
    return constant(start.type, [length], values);
  },
  ReduceProd(_node, [x]) {
    return constant(x.type, [], [[...x.values].reduce((all, value) => all * value, 1)]);
  },
  Reshape(_node, [x, stated]) {
    const shape = [...stated.values].map((extent, i) => (extent === 0 ? x.shape[i] : extent));
    const known = sizeOf(shape.filter((extent) => extent !== -1));
    const whole = shape.map((extent) => (extent === -1 ? sizeOf(x.shape) / known : extent));
    if (newSize(whole) !== sizeOf(x.shape)) {
      throw new RangeError(`cannot make [${stated.values.join(', ')}] of a constant of shape [${x.shape.join(', ')}]`);
    }
    return reshaped(x, whole);
  },
  Slice(_node, [x, starts, ends, axes, steps]) {
    return [...starts.values].reduce((part, start, i) => {
      const axis = axisOf(axes?.values[i] ?? i, part.shape.length);
      return taken(part, axis, positionsOf(start, ends.values[i], steps?.values[i] ?? 1, part.shape[axis]));
    }, x);
  },
  Squeeze(node, [x, input]) {
    const axes = axesOf(node, input)?.map((axis) => axisOf(axis, x.shape.length));
    return reshaped(
      x,
      x.shape.filter((extent, i) => (axes ? !axes.includes(i) : extent !== 1)),
    );
  },
  Transpose({ attributes }, [x]) {
    const rank = x.shape.length;
    const order = attributes.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)));
    const shape = order.map((axis) => x.shape[axis]);
    const values = Array.from({ length: newSize(shape) }, (_, i) => {
      let [rest, index] = [i, 0];
      for (let axis = rank - 1; axis >= 0; axis--) {
        index += (rest % shape[axis]) * strides[order[axis]];
        rest = Math.floor(rest / shape[axis]);
      }
      return x.values[index];
    });
    return constant(x.type, shape, values);
  },
  Unsqueeze(node, [x, input]) {
    const axes = axesOf(node, input) ?? [];
    const rank = x.shape.length + axes.length;
    const added = axes.map((axis) => axisOf(axis, rank));
    const before = [...x.shape];
    return reshaped(
      x,
      Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : (before.shift() as number))),
    );
  },
  Where(_node, [condition, a, b]) {
    const shape = broadcast(condition.shape, broadcast(a.shape, b.shape));
    const values = Array.from({ length: newSize(shape) }, (_, i) => {
      const chosen = condition.values[indexIn(condition.shape, shape, i)] ? a : b;
      return chosen.values[indexIn(chosen.shape, shape, i)];
    });
    return constant(a.type, shape, values);
  },
};

/** Whether the operator can be computed in advance, and only so. */
export const isOnlyFolded = (op: string): boolean => Object.hasOwn(folds, op);
