import type { Body, Value } from '../body.js';
import { attribute, type Lowering } from './operator.js';

const binary =
  (name: string): Lowering =>
  ({ body, inputs: [a, b] }) =>
    body.binary(name, a, b);

const unary =
  (name: string): Lowering =>
  ({ body, inputs: [x] }) =>
    body.unary(name, x);

const comparison =
  (direction: Parameters<Parameters<Lowering>[0]['body']['compare']>[0]): Lowering =>
  ({ body, inputs: [a, b] }) =>
    body.compare(direction, a, b);

/** Operations whose elements depend on the same elements of their inputs only. */
export const elementwise: Readonly<Record<string, Lowering>> = {
  Add: binary('add'),
  AddV2: binary('add'),
  Sub: binary('subtract'),
  Mul: binary('multiply'),
  RealDiv: binary('divide'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Pow: binary('power'),
  LogicalAnd: binary('and'),
  LogicalOr: binary('or'),
  Neg: unary('negate'),
  Abs: unary('abs'),
  Exp: unary('exponential'),
  Expm1: unary('exponential_minus_one'),
  Log: unary('log'),
  Log1p: unary('log_plus_one'),
  Erf: ({ body, inputs: [x] }) => body.operation('chlo.erf', [x], x.shape),
  Sqrt: unary('sqrt'),
  Rsqrt: unary('rsqrt'),
  Tanh: unary('tanh'),
  Sigmoid: unary('logistic'),
  Sin: unary('sine'),
  Cos: unary('cosine'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Sign: unary('sign'),
  LogicalNot: unary('not'),
  Round: unary('round_nearest_even'),
  Equal: comparison('EQ'),
  NotEqual: comparison('NE'),
  Greater: comparison('GT'),
  GreaterEqual: comparison('GE'),
  Less: comparison('LT'),
  LessEqual: comparison('LE'),
  IsNan: ({ body, inputs: [x] }) => body.compare('NE', x, x),
  SquaredDifference: ({ body, inputs: [a, b] }) => {
    const difference = body.binary('subtract', a, b);
    return body.binary('multiply', difference, difference);
  },
  AddN: ({ body, inputs }) => inputs.reduce((sum, each) => body.binary('add', sum, each)),
  /** The remainder has the sign of the divisor. */
  FloorMod: ({ body, inputs: [a, b] }) => {
    const remainder = body.binary('remainder', a, b);
    return body.select(isBelow(body, a, b), body.binary('add', remainder, b), remainder);
  },
  FloorDiv: ({ body, inputs: [a, b] }) => {
    const quotient = body.binary('divide', a, b);
    if (a.type === 'float32') return body.unary('floor', quotient);
    return body.select(isBelow(body, a, b), body.binary('subtract', quotient, body.scalar(1, a.type)), quotient);
  },
  Square: ({ body, inputs: [x] }) => body.binary('multiply', x, x),
  Reciprocal: ({ body, inputs: [x] }) => body.binary('divide', body.scalar(1), x),
  Relu: ({ body, inputs: [x] }) => body.binary('maximum', x, body.scalar(0)),
  Relu6: ({ body, inputs: [x] }) => body.binary('minimum', body.binary('maximum', x, body.scalar(0)), body.scalar(6)),
  ReluGrad: ({ body, inputs: [dy, y] }) => body.select(body.compare('GT', y, body.scalar(0)), dy, body.scalar(0)),
  Select: ({ body, inputs: [condition, a, b] }) => body.select(condition, a, b),
  SelectV2: ({ body, inputs: [condition, a, b] }) => body.select(condition, a, b),
  Cast: (operation) => operation.body.convert(operation.inputs[0], attribute(operation, 'DstT', 'element-type')),
  ZerosLike: ({ body, inputs: [x] }) => body.broadcast(body.scalar(0, x.type), x.shape),
  OnesLike: ({ body, inputs: [x] }) => body.broadcast(body.scalar(1, x.type), x.shape),
  /** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which does not overflow. */
  Softplus: ({ body, inputs: [x] }) => {
    const small = body.unary('log_plus_one', body.unary('exponential', body.unary('negate', body.unary('abs', x))));
    return body.binary('add', body.binary('maximum', x, body.scalar(0)), small);
  },
  LeakyRelu: (operation) => {
    const { body, inputs } = operation;
    const slope = body.scalar(attribute(operation, 'alpha', 'float'));
    const [x] = inputs;
    return body.select(body.compare('GT', x, body.scalar(0)), x, body.binary('multiply', x, slope));
  },
  Elu: ({ body, inputs: [x] }) => elu(body, x, 1),
  /** The gradient by x from the value y of Elu: where y is negative, dy/dx = e^x = y + 1. */
  EluGrad: ({ body, inputs: [dy, y] }) => {
    const slope = body.binary('add', y, body.scalar(1));
    return body.select(body.compare('LT', y, body.scalar(0)), body.binary('multiply', dy, slope), dy);
  },
  /** Klambauer et al., NeurIPS 2017. */
  Selu: ({ body, inputs: [x] }) =>
    body.binary('multiply', body.scalar(1.0507009873554805), elu(body, x, 1.6732632423543772)),
  Identity: ({ inputs: [x] }) => x,
};

/** Returns whether the quotient of a and b, rounded towards zero, is above the one that is rounded down. */
function isBelow(body: Body, a: Value, b: Value): Value {
  const remainder = body.binary('remainder', a, b);
  const zero = body.scalar(0, a.type);
  const other = body.compare('NE', body.compare('LT', remainder, zero), body.compare('LT', b, zero));
  return body.binary('and', body.compare('NE', remainder, zero), other);
}

/** x where it is positive, and alpha * (e^x - 1) elsewhere. */
function elu(body: Body, x: Value, alpha: number): Value {
  const negative = body.binary('multiply', body.scalar(alpha), body.unary('exponential_minus_one', x));
  return body.select(body.compare('GT', x, body.scalar(0)), x, negative);
}
