import type { ElementType } from '../../../engines/recording/nodes.js';
import { type Call, firstAxis, isFirst, onnxTypes, type Value, type Writing, type Writings } from '../graph-writer.js';

/** Element by element, in whichever order of axes the input was computed. */
const unary =
  (
    op: string,
    attributes: (call: Call) => Readonly<Record<string, number | { float: number }>> = () => ({}),
  ): Writing =>
  (call) => {
    const x = call.input(0);
    return isFirst(x)
      ? call.addFirst(op, [x.channelsFirst as string], attributes(call))
      : call.add(op, [call.plain(0)], attributes(call));
  };

/** Two values that are broadcast. A number for each channel fits images with their channels first after two more axes. */
const binary =
  (op: string): Writing =>
  (call) => {
    const { writer, inputs } = call;
    const fits = ({ shape }: Value) => shape.length === 4 || shape.length <= 1;
    if (!inputs.some(isFirst) || !inputs.every(fits)) return call.add(op, [call.plain(0), call.plain(1)]);
    const names = inputs.map((value) => {
      if (value.shape.length === 4) return writer.channelsFirst(value);
      const name = writer.plain(value);
      return value.shape.length === 0 || value.shape[0] === 1
        ? name
        : writer.add('Reshape', [name, writer.integers([value.shape[0], 1, 1])]);
    });
    return call.addFirst(op, names);
  };

/** An operation that ONNX has only as two, one after the other. */
const chained =
  (first: string, second: string): Writing =>
  (call) => {
    const { writer } = call;
    return call.add(second, [writer.add(first, [call.plain(0)])]);
  };

const alongLast =
  (op: string): Writing =>
  (call) =>
    call.add(op, [call.plain(0)], { axis: -1 });

/** A reduction over fixed axes. */
const reduction =
  (op: string): Writing =>
  (call) => {
    const { writer } = call;
    const x = call.input(0);
    const rank = x.shape.length;
    const axes = call.numbers(1).map((axis) => (axis < 0 ? axis + rank : axis));
    const keepdims = call.attribute<boolean>('keep_dims') ? 1 : 0;
    const positions = axes.length === 2 && axes.includes(1) && axes.includes(2);
    // The mean over all positions is the same in either order of axes.
    if (isFirst(x) && (keepdims || positions)) {
      const inputs = [x.channelsFirst as string, writer.integers(axes.map(firstAxis))];
      return keepdims ? call.addFirst(op, inputs, { keepdims }) : call.add(op, inputs, { keepdims });
    }
    return call.add(op, [call.plain(0), writer.integers(axes)], { keepdims });
  };

const negated =
  (op: string): Writing =>
  (call) =>
    call.add('Not', [call.writer.add(op, [call.plain(0), call.plain(1)])]);

const select: Writing = (call) => call.add('Where', [call.plain(0), call.plain(1), call.plain(2)]);

export const elementwise: Writings = {
  Abs: unary('Abs'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Elu: unary('Elu'),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Floor: unary('Floor'),
  Identity: unary('Identity'),
  LeakyRelu: unary('LeakyRelu', (call) => ({ alpha: { float: call.attribute<number>('alpha') as number } })),
  Log: unary('Log'),
  LogicalNot: unary('Not'),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Round: unary('Round'),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Tanh: unary('Tanh'),
  Cast: unary('Cast', (call) => ({ to: onnxTypes[call.attribute<ElementType>('DstT') as ElementType] })),
  Relu6: (call) => call.add('Clip', [call.plain(0), call.writer.number(0), call.writer.number(6)]),
  Rsqrt: chained('Sqrt', 'Reciprocal'),
  Square: (call) => call.add('Mul', [call.plain(0), call.plain(0)]),
  SquaredDifference(call) {
    const difference = call.writer.add('Sub', [call.plain(0), call.plain(1)]);
    return call.add('Mul', [difference, difference]);
  },

  Add: binary('Add'),
  AddV2: binary('Add'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Mul: binary('Mul'),
  Pow: binary('Pow'),
  RealDiv: binary('Div'),
  Sub: binary('Sub'),
  Equal: binary('Equal'),
  Greater: binary('Greater'),
  GreaterEqual: binary('GreaterOrEqual'),
  Less: binary('Less'),
  LessEqual: binary('LessOrEqual'),
  LogicalAnd: binary('And'),
  LogicalOr: binary('Or'),
  NotEqual: negated('Equal'),
  Select: select,
  SelectV2: select,

  Softmax: alongLast('Softmax'),
  LogSoftmax: alongLast('LogSoftmax'),
  Max: reduction('ReduceMax'),
  Mean: reduction('ReduceMean'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Sum: reduction('ReduceSum'),
};
