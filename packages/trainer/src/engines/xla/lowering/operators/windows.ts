import type { Value } from '../body.js';
import { attribute, type Lowering, type Operation } from './operator.js';

/** One of the two dimensions along which a window moves. */
interface Dimension {
  readonly input: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  /** The padding before and after the input. */
  readonly padding: readonly [number, number];
  readonly output: number;
}

/** Returns both dimensions of windows over [batch, height, width, channels], as TensorFlow computes them. */
function dimensionsOf(operation: Operation, input: readonly number[], window: readonly number[]): Dimension[] {
  const mode = attribute(operation, 'padding', 'string');
  const strides = attribute(operation, 'strides', 'integers');
  const dilations = operation.node.attributes.some(({ name }) => name === 'dilations')
    ? attribute(operation, 'dilations', 'integers')
    : [1, 1, 1, 1];
  const explicit = mode === 'EXPLICIT' ? attribute(operation, 'explicit_paddings', 'integers') : [];
  return [0, 1].map((i): Dimension => {
    const [extent, size, stride, dilation] = [input[1 + i], window[i], strides[1 + i], dilations[1 + i]];
    const reach = (size - 1) * dilation + 1;
    const total = mode === 'SAME' ? Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reach - extent) : 0;
    const padding: [number, number] =
      mode === 'EXPLICIT'
        ? [explicit[2 * (1 + i)], explicit[2 * (1 + i) + 1]]
        : [Math.floor(total / 2), total - Math.floor(total / 2)];
    const output = Math.floor((extent + padding[0] + padding[1] - reach) / stride) + 1;
    return { ...{ input: extent, window: size, stride, dilation, padding }, output };
  });
}

/** Convolutions and max-pooling, with their gradients. */
export const windows: Readonly<Record<string, Lowering>> = {
  Conv2D: (operation) => {
    const [x, filter] = operation.inputs;
    const along = dimensionsOf(operation, x.shape, filter.shape);
    return operation.body.convolution(x, filter, {
      dimensions: '[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]',
      shape: [x.shape[0], ...along.map(({ output }) => output), filter.shape[3]],
      strides: along.map(({ stride }) => stride),
      padding: along.map(({ padding }) => padding),
      inputDilation: [1, 1],
      filterDilation: along.map(({ dilation }) => dilation),
    });
  },
  Conv2DBackpropInput: (operation) => {
    const { body, inputs, constant } = operation;
    const [, filter, dy] = inputs;
    const shape = constant(0);
    const along = dimensionsOf(operation, shape, filter.shape);
    return body.convolution(dy, body.reverse(filter, [0, 1]), {
      dimensions: '[b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f]',
      shape,
      strides: [1, 1],
      padding: along.map(({ input, window, stride, dilation, padding, output }) => {
        const reach = (window - 1) * dilation;
        const low = reach - padding[0];
        return [low, input - ((output - 1) * stride + 1) - low + reach] as const;
      }),
      inputDilation: along.map(({ stride }) => stride),
      filterDilation: along.map(({ dilation }) => dilation),
    });
  },
  Conv2DBackpropFilter: (operation) => {
    const { body, inputs, constant } = operation;
    const [x, , dy] = inputs;
    const shape = constant(1);
    const along = dimensionsOf(operation, x.shape, shape);
    return body.convolution(x, dy, {
      dimensions: '[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]',
      shape,
      strides: along.map(({ dilation }) => dilation),
      padding: along.map(({ input, window, stride, dilation, padding, output }) => {
        const reach = (window - 1) * dilation;
        return [padding[0], reach + (output - 1) * stride + 1 - input - padding[0]] as const;
      }),
      inputDilation: [1, 1],
      filterDilation: along.map(({ stride }) => stride),
    });
  },
  MaxPool: (operation) => maximumOf(operation, padded(operation, operation.inputs[0])),
  /**
   * The gradient goes to the first maximum of each window, as TensorFlow's does. StableHLO's select_and_scatter, which
   * would do this at once, adds in no fixed order on GPUs.
   */
  MaxPoolGrad: (operation) => {
    const { body, inputs } = operation;
    const [x, y, dy] = inputs;
    const pool = padded(operation, x);
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
};

interface Pool {
  /** The positions in a window in row-major order: the input there, and a value of each window back at its place. */
  positions: { slice: () => Value; scatter: (value: Value) => Value }[];
  /** Cuts the padding off. */
  inner: (value: Value) => Value;
}

/** Pads the input of a pooling by values that are no maximum. */
function padded(operation: Operation, x: Value): Pool {
  const { body } = operation;
  const along = dimensionsOf(operation, x.shape, attribute(operation, 'ksize', 'integers').slice(1, 3));
  const [batch, , , channels] = x.shape;
  const whole = body.pad(
    x,
    [0, ...along.map(({ padding }) => padding[0]), 0],
    [0, ...along.map(({ padding }) => padding[1]), 0],
    undefined,
    body.scalar(-Infinity),
  );
  const last = along.map(({ stride, output }) => stride * (output - 1) + 1);
  const offsets = Array.from({ length: along[0].window }, (_, i) =>
    Array.from({ length: along[1].window }, (_, j) => [i, j]),
  ).flat();
  return {
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
