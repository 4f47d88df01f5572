import type { Clock } from '@prunegrid/core/runtime';
import { Failure } from '@prunegrid/core/failure';
import type { NamedTensor, Tensor } from '@prunegrid/core/safetensors';
import { fileOrder, inFileOrder, inModelOrder } from './file-order.js';
import type { ModelDescription, Parameter } from './model.js';

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
 * parameter's or others of the same shape. They are reordered only while the file is written, so they must not change
 * until then.
 */
export function tensorInFile(model: ModelDescription, parameter: Parameter, values: Float32Array): NamedTensor {
  const order = fileOrder(model, parameter);
  const pieces = () => inFileOrder(order, values);
  return { name: parameter.name, shape: order.shape, data: { length: values.length, pieces } };
}

/**
 * Returns the flat vector of the tensors that `file` holds. It pauses regularly, so that the event loop is not blocked.
 * Throws Failure if a tensor is missing or has another shape.
 */
export async function fromFile(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Promise<Float32Array> {
  const prefix = wrapperOf(tensors.keys());
  const parameters = new Float32Array(model.size);
  for (const parameter of model.parameters) {
    const tensor = tensors.get(prefix + parameter.name);
    if (!tensor) {
      throw new Failure(
        'input',
        `${file}: has no tensor ${parameter.name}, so it is no ${model.name}: its first is ${JSON.stringify([...tensors.keys()].at(0) ?? 'none')}; rename its tensors, or name another model with --model`,
      );
    }
    await copyInModelOrder(clock, model, parameter, tensor, file, valuesOf(parameter, parameters));
  }
  return parameters;
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
  const values = new Float32Array(parameter.size);
  await copyInModelOrder(clock, model, parameter, tensor, file, values);
  return values;
}

async function copyInModelOrder(
  clock: Pick<Clock, 'turn'>,
  model: ModelDescription,
  parameter: Parameter,
  { shape, data }: Tensor,
  file: string,
  into: Float32Array,
): Promise<void> {
  const order = fileOrder(model, parameter);
  if (shape.join() !== order.shape.join()) {
    throw new Failure(
      'input',
      `${file}: ${parameter.name} has shape [${shape.join(', ')}] where ${model.name} has [${order.shape.join(', ')}]`,
    );
  }
  await inModelOrder(clock, order, data, into);
}

/**
 * What PyTorch puts before every name of a network that is wrapped: `module.` by DataParallel and
 * DistributedDataParallel, `_orig_mod.` by torch.compile, `model.` by Lightning's modules and many training loops.
 */
const wrapper = /^(?:(?:module|_orig_mod|model)\.)+/;

/** The wrappers' prefix that all of the names have, or nothing. */
function wrapperOf(names: Iterable<string>): string {
  const [first = '', ...others] = names;
  const [prefix] = wrapper.exec(first) ?? [''];
  return others.every((name) => name.startsWith(prefix)) ? prefix : '';
}

const valuesOf = ({ offset, size }: Parameter, parameters: Float32Array): Float32Array =>
  parameters.subarray(offset, offset + size);
