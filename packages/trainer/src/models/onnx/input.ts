import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import { DataType, dataTypeName, type OnnxFile, type ValueInfoProto } from '@prunegrid/onnx';

import type { ModelInput } from '../model.js';

/** The axes of images in a file: channels first as in PyTorch, or last as in TensorFlow. */
export type ImageAxes = 'first' | 'last';

/** Numbers of channels by which images are told from other inputs of four axes. */
const CHANNELS = [1, 2, 3, 4];

/** The most elements of one example, which are 256 MiB. */
const MOST_ELEMENTS = 2 ** 26;

/** Returns the network's input among those of the file; older exporters list the weights there, too. */
export function networkInput({ path, graph }: OnnxFile): ValueInfoProto {
  const weights = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !weights.has(name));
  if (inputs.length === 1) return inputs[0];
  const names = inputs.map(({ name }) => name).join(', ');
  throw new Failure(
    'input',
    `${path}: has ${inputs.length} inputs (${names || 'none'}), and networks of one are trained: export it with one`,
  );
}

/** Returns the extents of the input; those that are left open are undefined. The first is the batch. */
function extentsOf({ path }: OnnxFile, { name, type }: ValueInfoProto): (number | undefined)[] {
  const dimensions = type?.value.case === 'tensorType' ? type.value.value.shape?.dim : undefined;
  if (!dimensions || dimensions.length < 2) {
    throw new Failure('input', `${path}: its input ${name} has no shape [batch, ...]: export it with one`);
  }
  return dimensions.map(({ value }) =>
    value.case === 'dimValue' && Number(value.value) > 0 ? Number(value.value) : undefined,
  );
}

/** Returns the number of examples that a file was exported for; undefined if it is open. */
export const fixedBatch = (file: OnnxFile): number | undefined => extentsOf(file, networkInput(file))[0];

/** Returns where the channels are if the input has four axes. */
export function imageAxes(file: OnnxFile): ImageAxes | undefined {
  const extents = extentsOf(file, networkInput(file));
  if (extents.length !== 4) return undefined;
  const [, second = 0, , last = 0] = extents;
  return !CHANNELS.includes(second) && CHANNELS.includes(last) ? 'last' : 'first';
}

/**
 * Returns the input as data sets have it: images are [height, width, channels], whatever the file says.
 * @throws {Failure} `input` if an axis other than the batch is open, or the elements are no numbers
 */
export function inputOf(file: OnnxFile): ModelInput {
  const info = networkInput(file);
  const shape = extentsOf(file, info)
    .slice(1)
    .map((extent, i) => {
      if (extent !== undefined) return extent;
      throw new Failure(
        'input',
        `${file.path}: axis ${i + 1} of its input ${info.name} is open: export it with a fixed size, with the batch alone left open`,
      );
    });
  if (sizeOf(shape) > MOST_ELEMENTS) {
    throw new Failure(
      'input',
      `${file.path}: its input ${info.name} has the shape [${shape.join(', ')}] for one example: export it again`,
    );
  }
  const element = info.type?.value.case === 'tensorType' ? info.type.value.value.elemType : 0;
  const type = elementTypes.get(element);
  if (type === undefined) {
    throw new Failure(
      'input',
      `${file.path}: its input ${info.name} is of ${dataTypeName(element)}; float32, int32 and int64 are read: export it so`,
    );
  }
  return { shape: imageAxes(file) === 'first' ? [shape[1], shape[2], shape[0]] : shape, type };
}

const elementTypes = new Map<number, ModelInput['type']>([
  [DataType.FLOAT, 'float32'],
  [DataType.FLOAT16, 'float32'],
  [DataType.INT32, 'int32'],
  [DataType.INT64, 'int32'],
]);
