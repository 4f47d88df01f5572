import type { Convolution, Value } from '../body.js';
import { attribute, type Lowering, type Operation } from './operator.js';

type Groups = Convolution['groups'];

/** One of the two dimensions along which a window moves. */
export interface Dimension {
  readonly input: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  /** The padding before and after the input. */
  readonly padding: readonly [number, number];
  readonly output: number;
}

/** Returns both dimensions of windows over [batch, height, width, channels], as TensorFlow computes them. */
export function dimensionsOf(operation: Operation, input: readonly number[], window: readonly number[]): Dimension[] {
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

/** How a convolution's gradient by its input pads the gradient by its output. */
const transposedPadding = (along: readonly Dimension[]) =>
  along.map(({ input, window, stride, dilation, padding, output }) => {
    const reach = (window - 1) * dilation;
    const low = reach - padding[0];
    return [low, input - ((output - 1) * stride + 1) - low + reach] as const;
  });

/** How a convolution's gradient by its filter pads the input, over which the gradient by the output moves. */
const filterPadding = (along: readonly Dimension[]) =>
  along.map(({ input, window, stride, dilation, padding, output }) => {
    const reach = (window - 1) * dilation;
    return [padding[0], reach + (output - 1) * stride + 1 - input - padding[0]] as const;
  });

/** Lowers a convolution of the first input by the filter. */
function forward(operation: Operation, filter: Value, groups?: Groups): Value {
  const [x] = operation.inputs;
  const along = dimensionsOf(operation, x.shape, filter.shape);
  return operation.body.convolution(x, filter, {
    dimensions: '[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]',
    shape: [x.shape[0], ...along.map(({ output }) => output), filter.shape[3]],
    strides: along.map(({ stride }) => stride),
    padding: along.map(({ padding }) => padding),
    inputDilation: [1, 1],
    filterDilation: along.map(({ dilation }) => dilation),
    groups,
  });
}

/** Lowers a convolution's gradient by its input, whose shape is given. */
function byInput(operation: Operation, shape: readonly number[], groups?: Groups): Value {
  const { body, inputs } = operation;
  const [, filter, dy] = inputs;
  const along = dimensionsOf(operation, shape, filter.shape);
  return body.convolution(dy, body.reverse(filter, [0, 1]), {
    dimensions: '[b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f]',
    shape,
    strides: [1, 1],
    padding: transposedPadding(along),
    inputDilation: along.map(({ stride }) => stride),
    filterDilation: along.map(({ dilation }) => dilation),
    groups,
  });
}

/** Lowers a convolution's gradient by its filter, whose shape is given. */
function byFilter(operation: Operation, shape: readonly number[], groups?: Groups): Value {
  const [x, , dy] = operation.inputs;
  const along = dimensionsOf(operation, x.shape, shape);
  return operation.body.convolution(x, dy, {
    dimensions: '[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]',
    shape,
    strides: along.map(({ dilation }) => dilation),
    padding: filterPadding(along),
    inputDilation: [1, 1],
    filterDilation: along.map(({ stride }) => stride),
    groups,
  });
}

/** Convolutions, with their gradients. The filter of a depthwise one is [height, width, channels, outputs of each]. */
export const convolutions: Readonly<Record<string, Lowering>> = {
  Conv2D: (operation) => forward(operation, operation.inputs[1]),
  Conv2DBackpropInput: (operation) => byInput(operation, operation.constant(0)),
  Conv2DBackpropFilter: (operation) => byFilter(operation, operation.constant(1)),
  DepthwiseConv2dNative(operation) {
    const { body, inputs } = operation;
    const [height, width, channels, each] = inputs[1].shape;
    const filter = body.reshape(inputs[1], [height, width, 1, channels * each]);
    return forward(operation, filter, { kind: 'feature', count: channels });
  },
  DepthwiseConv2dNativeBackpropInput(operation) {
    const shape = operation.constant(0);
    return byInput(operation, shape, { kind: 'feature', count: shape[3] });
  },
  DepthwiseConv2dNativeBackpropFilter(operation) {
    const [height, width, channels, each] = operation.constant(1);
    const groups: Groups = { kind: 'batch', count: channels };
    const gradient = byFilter(operation, [height, width, 1, channels * each], groups);
    return operation.body.reshape(gradient, [height, width, channels, each]);
  },
};
