import { Failure } from '../failure.js';
import type { ModelDescription } from './model.js';

/**
 * Model files hold PyTorch's names, shapes and order, so that `load_state_dict` takes them as they are: convolutions
 * [out, in, height, width], dense layers [out, in], and the inputs of the first dense layer in the order channel, row, column.
 */
export interface FileTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** The tensors of the flat vector `parameters` as a file holds them. */
export function toFile(model: ModelDescription, parameters: Float32Array): FileTensor[] {
  return model.parameters.map((parameter, index) => {
    const { shape, positions } = fileOrder(model, index);
    const data = new Float32Array(parameter.size);
    positions.forEach((position, i) => (data[i] = parameters[parameter.offset + position]));
    return { name: parameter.name, shape, data };
  });
}

/** The flat vector of the tensors that `file` holds. Throws Failure where one is missing or has another shape. */
export function fromFile(
  model: ModelDescription,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  file: string,
): Float32Array {
  const parameters = new Float32Array(model.size);
  model.parameters.forEach((parameter, index) => {
    const { shape, positions } = fileOrder(model, index);
    const tensor = tensors.get(parameter.name);
    if (!tensor) {
      throw new Failure(
        'input',
        `${file}: has no tensor ${parameter.name}, so it is no ${model.name}: name its model with --model`,
      );
    }
    if (tensor.shape.join() !== shape.join()) {
      throw new Failure(
        'input',
        `${file}: ${parameter.name} has shape [${tensor.shape.join(', ')}] where ${model.name} has [${shape.join(', ')}]`,
      );
    }
    positions.forEach((position, i) => (parameters[parameter.offset + position] = tensor.data[i]));
  });
  return parameters;
}

/** The file's shape of a parameter and, for each element in the file's order, its position within the parameter. */
function fileOrder(model: ModelDescription, index: number): { shape: number[]; positions: Uint32Array } {
  const { kind, shape, size } = model.parameters[index];
  const positions = new Uint32Array(size);
  if (kind === 'bias') return { shape, positions: positions.map((_, i) => i) };
  let at = 0;
  if (shape.length === 4) {
    const [height, width, inputs, outputs] = shape;
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        for (let cell = 0; cell < height * width; cell++) positions[at++] = (cell * inputs + i) * outputs + o;
    return { shape: [outputs, inputs, height, width], positions };
  }
  const [inputs, outputs] = shape;
  const channels = channelsBefore(model, index);
  const cells = inputs / channels;
  for (let o = 0; o < outputs; o++)
    for (let channel = 0; channel < channels; channel++)
      for (let cell = 0; cell < cells; cell++) positions[at++] = (cell * channels + channel) * outputs + o;
  return { shape: [outputs, inputs], positions };
}

/** Channels of the image that a dense layer flattens: those of the convolution before it, or the input's; 1 behind a dense layer. */
function channelsBefore({ parameters, input }: ModelDescription, index: number): number {
  const previous = parameters.slice(0, index).findLast(({ kind }) => kind === 'weight');
  if (!previous) return input[2];
  return previous.shape.length === 4 ? previous.shape[3] : 1;
}
