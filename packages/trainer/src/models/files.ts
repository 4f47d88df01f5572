import type { Clock } from '@prunegrid/core/runtime';
import { Failure } from '@prunegrid/core/failure';
import type { NamedTensor, Tensor } from '@prunegrid/core/safetensors';
import { fileOrder, inFileOrder, inModelOrder } from './file-order.js';
import type { ModelDescription, Parameter } from './model.js';
import { findTensors, hasShape, listed, type TensorNames } from './tensor-names.js';

/**
 * Returns the tensors of the flat vector `parameters` for a file, with PyTorch's names, shapes and order, so that
 * `load_state_dict` can read them unchanged. Convolutions are [out, in, height, width] and dense layers [out, in]; the
 * inputs of the first dense layer have the order channel, row, column. `parameters` must not change until the file has
 * been written.
 */
export const toFile = (model: ModelDescription, parameters: Float32Array): NamedTensor[] =>
  model.parameters.map((parameter) => tensorInFile(model, parameter, valuesOf(parameter, parameters)));

/**
 * Returns one tensor of the model for a file. `values` are its elements in the model's own order, either the
 * parameter's or others of the same shape, or a function that makes them. They are made and reordered only while the file
 * is written, so they must not change until then.
 */
export function tensorInFile(
  model: ModelDescription,
  parameter: Parameter,
  values: Float32Array | (() => Float32Array),
): NamedTensor {
  const order = fileOrder(model, parameter);
  const pieces = () => inFileOrder(order, typeof values === 'function' ? values() : values);
  const length = typeof values === 'function' ? parameter.size : values.length;
  return { name: parameter.name, shape: order.shape, data: { length, pieces } };
}

/** Returns the shape of a parameter in files, which is PyTorch's: [out, in, height, width] or [out, in] of weights. */
export const fileShape = (model: ModelDescription, parameter: Parameter): number[] => fileOrder(model, parameter).shape;

/**
 * Returns the flat vector of the tensors that `file` holds. It pauses regularly, so that the event loop is not blocked.
 * @param names how the file calls the model's parameters, if it does not use names that are known; see `findTensors`
 * @throws {Failure} `input`, one line with all that does not fit, if a tensor is missing or has another shape
 */
export async function fromFile(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
  names?: TensorNames,
): Promise<Float32Array> {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const { found, problems } = findTensors(model, shapes, names);
  if (problems.length > 0) throw misfitting(file, model, shapes, problems);
  const parameters = new Float32Array(model.size);
  for (const [parameter, name] of found) {
    const { data } = tensors.get(name) as Tensor;
    await inModelOrder(clock, fileOrder(model, parameter), data, valuesOf(parameter, parameters));
  }
  return parameters;
}

/** Returns the failure for a file whose tensors are not those of a model. */
export function misfitting(
  file: string,
  model: ModelDescription,
  tensors: ReadonlyMap<string, unknown>,
  problems: readonly string[],
): Failure {
  const first = JSON.stringify([...tensors.keys()].at(0) ?? 'none');
  return new Failure(
    'input',
    `${file}: is no ${model.name}, and its first tensor is ${first}: ${listed(problems)}; name another file or another network`,
  );
}

/**
 * Returns the elements of a file's tensor that has the shape of `parameter`, in the model's own order. Throws Failure if
 * it has another shape.
 */
export async function tensorFromFile(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  parameter: Parameter,
  tensor: Tensor,
  file: string,
): Promise<Float32Array> {
  if (!hasShape(model, parameter, tensor.shape)) {
    const { shape } = fileOrder(model, parameter);
    throw new Failure(
      'input',
      `${file}: ${parameter.name} has shape [${tensor.shape.join(', ')}] where ${model.name} has [${shape.join(', ')}]`,
    );
  }
  const values = new Float32Array(parameter.size);
  await inModelOrder(clock, fileOrder(model, parameter), tensor.data, values);
  return values;
}

const valuesOf = ({ offset, size }: Parameter, parameters: Float32Array): Float32Array =>
  parameters.subarray(offset, offset + size);
