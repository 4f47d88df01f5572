import type { Tensor } from '@tensorflow/tfjs';

import type { Ops } from '../../model.js';
import { aligned, channelsLast, computed, plain, type Value } from '../values.js';
import { type Call, type Operator, operator, type Operators } from './operator.js';

/** Describes an operator that changes each element by itself. */
const unary = (change: (tf: Ops, x: Tensor, call: Call) => Tensor, problem?: Operator['problem']): Operator =>
  operator((call) => {
    const value = call.input(0);
    if (value.kind !== 'computed') return computed(change(call.tf, plain(call.tf, value), call));
    return { ...value, tensor: change(call.tf, value.tensor, call) };
  }, problem);

/** Combines two values element by element, with ONNX's broadcasting. */
export function combined(tf: Ops, a: Value, b: Value, combine: (a: Tensor, b: Tensor) => Tensor): Value {
  const { tensors, channelsLast: last } = aligned(tf, a, b);
  return computed(combine(...tensors), last);
}

const binary = (combine: (tf: Ops, a: Tensor, b: Tensor) => Tensor): Operator =>
  operator((call) => combined(call.tf, call.input(0), call.input(1), (a, b) => combine(call.tf, a, b)));

/** Describes an operator that combines any number of values. */
const variadic = (combine: (tf: Ops, a: Tensor, b: Tensor) => Tensor): Operator =>
  operator((call) => {
    const { tf } = call;
    return call.inputs
      .map((_, i) => call.input(i))
      .reduce((sum, value) => combined(tf, sum, value, (a, b) => combine(tf, a, b)));
  });

/** x to the power of a constant, by multiplications where possible, whose gradients are exact for negative x, too. */
function power(tf: Ops, x: Tensor, exponent: number): Tensor {
  switch (exponent) {
    case 0.5:
      return tf.sqrt(x);
    case 1:
      return x;
    case 2:
      return tf.square(x);
    case 3:
      return tf.mul(tf.square(x), x);
    case -0.5:
      return tf.rsqrt(x);
    case -1:
      return tf.reciprocal(x);
    default:
      return tf.pow(x, exponent);
  }
}

const SQRT_HALF = Math.SQRT1_2;

/** The Gaussian error linear unit (Hendrycks & Gimpel 2016), exact or with the approximation by tanh. */
function gelu(tf: Ops, x: Tensor, approximate: string): Tensor {
  const half = tf.mul(x, 0.5);
  if (approximate === 'tanh') {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(half, tf.add(tf.tanh(inner), 1));
  }
  return tf.mul(half, tf.add(tf.erf(tf.mul(x, SQRT_HALF)), 1));
}

const hardSigmoid = (tf: Ops, x: Tensor, alpha: number, beta: number): Tensor =>
  tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);

/** ONNX rounds quotients of integers towards zero. */
const divided = (tf: Ops, a: Tensor, b: Tensor): Tensor =>
  a.dtype === 'int32' && b.dtype === 'int32' ? tf.floorDiv(a, b) : tf.div(a, b);

/** The bounds of Clip are inputs, or left out. */
function clip(call: Call): Value {
  const [low] = call.numbers(1, 'lower bound') ?? [];
  const [high] = call.numbers(2, 'upper bound') ?? [];
  const value = call.input(0);
  const { tf } = call;
  const last = value.kind === 'computed' && value.channelsLast;
  const x = last ? value.tensor : plain(tf, value);
  if (low === 0 && high === undefined) return computed(tf.relu(x), last);
  if (low === 0 && high === 6) return computed(tf.relu6(x), last);
  const largest = 3.4028234663852886e38;
  return computed(tf.clipByValue(x, low ?? -largest, high ?? largest), last);
}

function prelu(call: Call): Value {
  const { tf } = call;
  const x = call.input(0);
  const slope = call.input(1);
  // The gradient of TensorFlow.js' own kernel does not sum over all broadcast axes, so that of its parts is used.
  return combined(tf, x, slope, (a, s) => tf.add(tf.relu(a), tf.mul(s, tf.sub(a, tf.relu(a)))));
}

export const elementwise: Operators = {
  Abs: unary((tf, x) => tf.abs(x)),
  Cast: unary((tf, x, { attributes }) => tf.cast(x, typeNamed(attributes.int('to', 1)))),
  CastLike: operator((call) => {
    const [value, like] = [call.input(0), call.plain(1)];
    // Bounds of Clip, for example, must stay known.
    if (value.kind === 'constant' && value.type === 'float' && like.dtype === 'float32') return value;
    return computed(call.tf.cast(call.plain(0), like.dtype));
  }),
  Ceil: unary((tf, x) => tf.ceil(x)),
  Celu: unary((tf, x, { attributes }) => {
    const alpha = attributes.float('alpha', 1);
    return tf.add(tf.relu(x), tf.neg(tf.relu(tf.mul(tf.sub(1, tf.exp(tf.div(tf.minimum(x, 0), alpha))), alpha))));
  }),
  Clip: operator(clip),
  Cos: unary((tf, x) => tf.cos(x)),
  Elu: unary((tf, x, { attributes }) => {
    const alpha = attributes.float('alpha', 1);
    return tf.add(tf.relu(x), tf.mul(tf.sub(tf.exp(tf.minimum(x, 0)), 1), alpha));
  }),
  Erf: unary((tf, x) => tf.erf(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Floor: unary((tf, x) => tf.floor(x)),
  Gelu: unary((tf, x, { attributes }) => gelu(tf, x, attributes.string('approximate', 'none'))),
  HardSigmoid: unary((tf, x, { attributes }) =>
    hardSigmoid(tf, x, attributes.float('alpha', 0.2), attributes.float('beta', 0.5)),
  ),
  HardSwish: unary((tf, x) => tf.mul(x, hardSigmoid(tf, x, 1 / 6, 0.5))),
  Identity: { compute: (call) => [call.input(0)] },
  LeakyRelu: unary((tf, x, { attributes }) => tf.leakyRelu(x, attributes.float('alpha', 0.01))),
  Log: unary((tf, x) => tf.log(x)),
  Mish: unary((tf, x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  Neg: unary((tf, x) => tf.neg(x)),
  Not: unary((tf, x) => tf.logicalNot(x)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  Relu: unary((tf, x) => tf.relu(x)),
  Round: unary((tf, x) => tf.round(x)),
  Selu: unary((tf, x) => tf.selu(x)),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  Sign: unary((tf, x) => tf.sign(x)),
  Sin: unary((tf, x) => tf.sin(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Softsign: unary((tf, x) => tf.div(x, tf.add(tf.abs(x), 1))),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Swish: unary((tf, x, { attributes }) => tf.mul(x, tf.sigmoid(tf.mul(x, attributes.float('alpha', 1))))),
  Tanh: unary((tf, x) => tf.tanh(x)),
  ThresholdedRelu: unary((tf, x, { attributes }) =>
    tf.mul(x, tf.cast(tf.greater(x, attributes.float('alpha', 1)), 'float32')),
  ),

  Add: binary((tf, a, b) => tf.add(a, b)),
  And: binary((tf, a, b) => tf.logicalAnd(a, b)),
  Div: binary(divided),
  Equal: binary((tf, a, b) => tf.equal(a, b)),
  Greater: binary((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: binary((tf, a, b) => tf.greaterEqual(a, b)),
  Less: binary((tf, a, b) => tf.less(a, b)),
  LessOrEqual: binary((tf, a, b) => tf.lessEqual(a, b)),
  Max: variadic((tf, a, b) => tf.maximum(a, b)),
  Mean: operator((call) => {
    const sum = variadic((tf, a, b) => tf.add(a, b)).compute(call)[0] as Extract<Value, { kind: 'computed' }>;
    return { ...sum, tensor: call.tf.div(sum.tensor, call.inputs.length) };
  }),
  Min: variadic((tf, a, b) => tf.minimum(a, b)),
  Mod: binary((tf, a, b) => tf.mod(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  Or: binary((tf, a, b) => tf.logicalOr(a, b)),
  Pow: operator((call) => {
    const { tf } = call;
    const exponent = call.input(1);
    const value = call.input(0);
    if (exponent.kind === 'constant' && exponent.values.length === 1 && value.kind === 'computed') {
      return { ...value, tensor: power(tf, value.tensor, exponent.values[0]) };
    }
    return combined(tf, value, exponent, (a, b) => tf.pow(a, b));
  }),
  PRelu: operator(prelu),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Sum: variadic((tf, a, b) => tf.add(a, b)),
  Where: operator((call) => {
    const { tf } = call;
    const [condition, a, b] = [0, 1, 2].map((i) => call.input(i));
    const last = [condition, a, b].some((value) => value.kind === 'computed' && value.channelsLast);
    const rank = Math.max(...[0, 1, 2].map((i) => call.shape(i).length));
    const stored = (value: Value) => {
      const tensor = plain(tf, value);
      const whole = tf.reshape(tensor, [...Array.from({ length: rank - tensor.rank }, () => 1), ...tensor.shape]);
      return last && rank > 2 ? channelsLast(tf, computed(whole)) : whole;
    };
    return computed(tf.where(tf.cast(stored(condition), 'bool'), stored(a), stored(b)), last && rank > 2);
  }),
  Xor: binary((tf, a, b) => tf.logicalXor(a, b)),
};

/** Returns TensorFlow.js' type for ONNX's number of an element type. Every floating-point type becomes float32. */
function typeNamed(type: number): 'float32' | 'int32' | 'bool' {
  const BOOL = 9;
  const floats = [1, 10, 11, 16];
  if (floats.includes(type)) return 'float32';
  return type === BOOL ? 'bool' : 'int32';
}
