import type { Call, Value, Writing, Writings } from '../graph-writer.js';
import type { FixedTensor } from '../graph.js';

/** Returns the two numbers of an attribute such as `strides` that are for the positions. */
const ofPositions = (call: Call, name: string): [number, number] => {
  const [, height, width] = call.attribute<readonly number[]>(name) ?? [1, 1, 1, 1];
  return [height, width];
};

/** Windows that reach beyond the image do so as much on either side; of an odd number, one more at the end. */
function padding(call: Call): Readonly<Record<string, string | readonly number[]>> {
  const stated = call.attribute<string>('padding');
  if (stated !== 'EXPLICIT') return { auto_pad: stated === 'SAME' ? 'SAME_UPPER' : 'VALID' };
  const [, , top, bottom, left, right] = call.attribute<readonly number[]>('explicit_paddings') ?? [];
  return { pads: [top, left, bottom, right] };
}

/** Returns a kernel with its axes in another order. One that is fixed is written so. */
function kernel(call: Call, order: readonly number[]): string {
  const { writer, operation } = call;
  const name = operation.inputs[1];
  const fixed = writer.constant(name);
  if (!fixed) return writer.add('Transpose', [call.plain(1)], { perm: order });
  return writer.turned(name, order, () => turnedTensor(fixed, order));
}

function turnedTensor({ shape, values }: FixedTensor, order: readonly number[]) {
  const strides = shape.map((_extent, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
  const turned = order.map((axis) => shape[axis]);
  const found = Float32Array.from({ length: values.length }, (_, index) => {
    let [rest, position] = [index, 0];
    for (let axis = turned.length - 1; axis >= 0; axis--) {
      position += (rest % turned[axis]) * strides[order[axis]];
      rest = Math.floor(rest / turned[axis]);
    }
    return values[position];
  });
  return { shape: turned, values: found };
}

const images = (call: Call, index = 0): string => call.writer.channelsFirst(call.input(index));

const convolution: Writing = (call) => {
  const [channels, inputs] = [call.input(0).shape[3], call.shapeOf(1)[2]];
  return call.addFirst('Conv', [images(call), kernel(call, [3, 2, 0, 1])], {
    strides: ofPositions(call, 'strides'),
    dilations: ofPositions(call, 'dilations'),
    group: channels / inputs,
    ...padding(call),
  });
};

/** TensorFlow's kernel [height, width, channels, outputs of each] becomes [channels * outputs of each, 1, height, width]. */
const depthwise: Writing = (call) => {
  const { writer } = call;
  const [height, width, channels, each] = call.shapeOf(1);
  const turned = kernel(call, [2, 3, 0, 1]);
  const flat = writer.add('Reshape', [turned, writer.integers([channels * each, 1, height, width])]);
  return call.addFirst('Conv', [images(call), flat], {
    strides: ofPositions(call, 'strides'),
    dilations: ofPositions(call, 'dilations'),
    group: channels,
    ...padding(call),
  });
};

/** The gradient of a convolution, which is a transposed one: its inputs are the size of the result, kernel and images. */
const transposed: Writing = (call) => {
  const strides = ofPositions(call, 'strides');
  const [, ...from] = call.input(2).shape;
  const [, ...to] = call.shape;
  const extents = call.shapeOf(1);
  // What the result has more than the windows cover is added at the end, and what it has less is cut off on both sides.
  const missing = [0, 1].map((i) => to[i] - ((from[i] - 1) * strides[i] + extents[i]));
  const before = missing.map((count) => Math.floor(Math.max(0, -count) / 2));
  const after = missing.map((count, i) => Math.max(0, -count) - before[i]);
  return call.addFirst('ConvTranspose', [images(call, 2), kernel(call, [3, 2, 0, 1])], {
    strides,
    pads: [...before, ...after],
    output_padding: missing.map((count) => Math.max(0, count)),
  });
};

const pooling =
  (op: string): Writing =>
  (call): Value =>
    call.addFirst(op, [images(call)], {
      kernel_shape: ofPositions(call, 'ksize'),
      strides: ofPositions(call, 'strides'),
      ...padding(call),
    });

/** TensorFlow multiplies each square by alpha, and ONNX their mean. */
const lrn: Writing = (call) => {
  const number = (name: string) => call.attribute<number>(name) as number;
  const size = 2 * number('depth_radius') + 1;
  return call.addFirst('LRN', [images(call)], {
    size,
    alpha: { float: number('alpha') * size },
    beta: { float: number('beta') },
    bias: { float: number('bias') },
  });
};

export const imageOperators: Writings = {
  AvgPool: pooling('AveragePool'),
  Conv2D: convolution,
  Conv2DBackpropInput: transposed,
  DepthwiseConv2dNative: depthwise,
  LRN: lrn,
  MaxPool: pooling('MaxPool'),
};
