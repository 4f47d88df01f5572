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
  Log: unary('log'),
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
  Identity: ({ inputs: [x] }) => x,
};
