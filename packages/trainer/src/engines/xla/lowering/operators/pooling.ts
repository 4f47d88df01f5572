import type { Value } from '../body.js';
import { type Dimension, dimensionsOf } from './convolutions.js';
import { attribute, type Lowering, type Operation } from './operator.js';

/** Pooling, with its gradients. */
export const pooling: Readonly<Record<string, Lowering>> = {
  MaxPool: (operation) => maximumOf(operation, padded(operation, operation.inputs[0], -Infinity)),
  /**
   * The gradient goes to the first maximum of each window, as TensorFlow's does. StableHLO's select_and_scatter, which
   * would do this at once, adds in no fixed order on GPUs.
   */
  MaxPoolGrad: (operation) => {
    const { body, inputs } = operation;
    const [x, y, dy] = inputs;
    const pool = padded(operation, x, -Infinity);
    let taken: Value | undefined;
    let total: Value | undefined;
    for (const { slice, scatter } of pool.positions) {
      const equal = body.compare('EQ', slice(), y);
      const first: Value = taken ? body.binary('and', equal, body.unary('not', taken)) : equal;
      taken = taken ? body.binary('or', taken, equal) : equal;
      const part = scatter(body.select(first, dy, body.scalar(0)));
      total = total ? body.binary('add', total, part) : part;
    }
    return pool.inner(total!);
  },
  AvgPool: (operation) => {
    const { body, inputs } = operation;
    const { along, positions } = padded(operation, inputs[0], 0);
    const sum = positions.map(({ slice }) => slice()).reduce((total, value) => body.binary('add', total, value));
    return body.binary('divide', sum, counts(operation, along));
  },
  AvgPoolGrad: (operation) => {
    const { body, inputs, constant } = operation;
    const blank = body.broadcast(body.scalar(0), constant(0));
    const { along, positions, inner } = padded(operation, blank, 0);
    const share = body.binary('divide', inputs[1], counts(operation, along));
    return inner(positions.map(({ scatter }) => scatter(share)).reduce((sum, part) => body.binary('add', sum, part)));
  },
};

/** Returns how many elements of the input, not of its padding, each window has: [1, height, width, 1]. */
function counts({ body }: Operation, along: readonly Dimension[]): Value {
  const [down, across] = along.map(({ input, window, stride, padding, output }) =>
    Array.from({ length: output }, (_, i) => {
      const first = i * stride - padding[0];
      return Math.min(first + window, input) - Math.max(first, 0);
    }),
  );
  const all = down.flatMap((rows) => across.map((columns) => rows * columns));
  return body.constant(all, [1, down.length, across.length, 1], 'float32');
}

interface Pool {
  /** Both dimensions along which the window moves. */
  along: readonly Dimension[];
  /** The positions in a window in row-major order: the input there, and a value of each window back at its place. */
  positions: { slice: () => Value; scatter: (value: Value) => Value }[];
  /** Cuts the padding off. */
  inner: (value: Value) => Value;
}

/** Pads the input of a pooling. */
function padded(operation: Operation, x: Value, filling: number): Pool {
  const { body } = operation;
  const along = dimensionsOf(operation, x.shape, attribute(operation, 'ksize', 'integers').slice(1, 3));
  const [batch, , , channels] = x.shape;
  const whole = body.pad(
    x,
    [0, ...along.map(({ padding }) => padding[0]), 0],
    [0, ...along.map(({ padding }) => padding[1]), 0],
    undefined,
    body.scalar(filling),
  );
  const last = along.map(({ stride, output }) => stride * (output - 1) + 1);
  const offsets = Array.from({ length: along[0].window }, (_, i) =>
    Array.from({ length: along[1].window }, (_, j) => [i, j]),
  ).flat();
  return {
    along,
    positions: offsets.map((offset) => ({
      slice: () =>
        body.slice(
          whole,
          [0, ...offset, 0],
          [batch, ...offset.map((at, d) => at + last[d]), channels],
          [1, ...along.map(({ stride }) => stride), 1],
        ),
      scatter: (value) =>
        body.pad(
          value,
          [0, ...offset, 0],
          [0, ...offset.map((at, d) => whole.shape[1 + d] - at - last[d]), 0],
          [0, ...along.map(({ stride }) => stride - 1), 0],
        ),
    })),
    inner: (value) =>
      body.slice(
        value,
        [0, ...along.map(({ padding }) => padding[0]), 0],
        [batch, ...along.map(({ padding, input }) => padding[0] + input), channels],
      ),
  };
}

const maximumOf = ({ body }: Operation, { positions }: Pool): Value =>
  positions.map(({ slice }) => slice()).reduce((most, value) => body.binary('maximum', most, value));
