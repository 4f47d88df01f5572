import type { Body, Value } from '../body.js';
import { attribute, type Lowering, type Operation } from './operator.js';

/** Softmax and local response normalisation. */
export const normalization: Readonly<Record<string, Lowering>> = {
  Softmax: ({ body, inputs: [x] }) => {
    const { exponentials, sum } = shifted(body, x);
    return body.binary('divide', exponentials, sum);
  },
  LogSoftmax: ({ body, inputs: [x] }) => {
    const { below, sum } = shifted(body, x);
    return body.binary('subtract', below, body.unary('log', sum));
  },
  /** y = x / (bias + alpha * sum of the squares of neighbouring channels)^beta, as Krizhevsky et al. 2012. */
  LRN: (operation) => {
    const { body, inputs } = operation;
    return body.binary('multiply', inputs[0], power(operation, norm(operation, inputs[0])));
  },
  /** dx = dy / norm^beta - 2 * alpha * beta * x * sum of the neighbours' dy * y / norm. */
  LRNGrad: (operation) => {
    const { body, inputs } = operation;
    const [dy, x, y] = inputs;
    const denominator = norm(operation, x);
    const direct = body.binary('multiply', dy, power(operation, denominator));
    const share = body.binary('divide', body.binary('multiply', dy, y), denominator);
    const factor = 2 * attribute(operation, 'alpha', 'float') * attribute(operation, 'beta', 'float');
    const indirect = body.binary(
      'multiply',
      body.scalar(factor),
      body.binary('multiply', x, neighbours(operation, share)),
    );
    return body.binary('subtract', direct, indirect);
  },
};

function shifted(body: Body, x: Value) {
  const last = [x.shape.length - 1];
  const below = body.binary('subtract', x, body.reduce(x, 'maximum', -Infinity, last, true));
  const exponentials = body.unary('exponential', below);
  return { below, exponentials, sum: body.reduce(exponentials, 'add', 0, last, true) };
}

function norm(operation: Operation, x: Value): Value {
  const { body } = operation;
  const squares = neighbours(operation, body.binary('multiply', x, x));
  const scaled = body.binary('multiply', squares, body.scalar(attribute(operation, 'alpha', 'float')));
  return body.binary('add', scaled, body.scalar(attribute(operation, 'bias', 'float')));
}

const power = (operation: Operation, value: Value): Value =>
  operation.body.binary('power', value, operation.body.scalar(-attribute(operation, 'beta', 'float')));

/** Adds up each channel's neighbours within the radius, from the lowest to the highest. */
function neighbours(operation: Operation, value: Value): Value {
  const { body } = operation;
  const radius = attribute(operation, 'depth_radius', 'integer');
  const last = value.shape.length - 1;
  const only = (extent: number) => value.shape.map((_, i) => (i === last ? extent : 0));
  const wide = body.pad(value, only(radius), only(radius));
  return Array.from({ length: 2 * radius + 1 }, (_, offset) =>
    body.slice(wide, only(offset), value.shape.with(last, value.shape[last] + offset)),
  ).reduce((sum, each) => body.binary('add', sum, each));
}
