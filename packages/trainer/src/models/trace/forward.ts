import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import * as tf from '@tensorflow/tfjs';

import type { Model, ModelDescription } from '../model.js';
import { type KernelCall, ShapeBackend, withBackend } from './backend.js';
import { Origins } from './origins.js';

/**
 * Runs the model's forward pass of one example without computing: operations only return shapes, so neither weights nor
 * an engine are needed.
 * @param onCall receives each operation in its order, when the origins of its outputs are known
 * @returns the shape of the logits, without the axis of examples
 * @throws {Failure} `input` if the forward pass fails, or uses an operation whose shapes are not known
 */
export function traceForward(model: Model, onCall: (call: KernelCall, origins: Origins) => void): number[] {
  const origins = new Origins();
  const backend = new ShapeBackend((call) => {
    const { kernel, inputs, outputs } = call;
    for (const output of outputs) origins.set(output, origins.ofOutput(kernel, inputs, sizeOf(output.shape)));
    onCall(call, origins);
  });
  return withBackend(backend, () =>
    tf.tidy(() => {
      const inputs = backend.tensor([1, ...model.input.shape], model.input.type);
      origins.set(inputs, 'example');
      const parameters = model.parameters.map(({ shape }, i) => {
        const tensor = backend.tensor(shape, 'float32');
        origins.set(tensor, new Map([[i, 1]]));
        return tensor;
      });
      return run(model, () => exampleOf(model.forward(tf, parameters, inputs).logits.shape));
    }),
  );
}

/**
 * Runs a training pass of one example without computing.
 * @throws {Failure} `input` if it fails, or returns other states than the model has
 */
export function traceTraining(model: Model): void {
  const backend = new ShapeBackend(() => undefined);
  withBackend(backend, () =>
    tf.tidy(() => {
      const inputs = backend.tensor([1, ...model.input.shape], model.input.type);
      const parameters = model.parameters.map(({ shape }) => backend.tensor(shape, 'float32'));
      const dropout = model.dropouts.map(({ shape }) => backend.tensor([1, ...shape], 'float32'));
      const { states = [] } = run(model, () => model.forward(tf, parameters, inputs, { dropout }));
      const given = states.map(({ shape }) => shape.join());
      const own = model.parameters.filter(({ kind }) => kind === 'state').map(({ shape }) => shape.join());
      if (given.join(' ') === own.join(' ')) return;
      const shapes = (list: readonly string[]) =>
        list.length === 0 ? 'none' : list.map((each) => `[${each}]`).join(', ');
      throw new Failure(
        'input',
        `${model.name}: a training pass returns states of the shapes ${shapes(given)}, and its parameters of kind "state" have ${shapes(own)}`,
      );
    }),
  );
}

/** Runs a forward pass, whose errors become failures. */
function run<Result>(model: ModelDescription, forward: () => Result): Result {
  try {
    return forward();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { message } = error as Error;
    const unknown = /^Kernel '(.*)' not registered/.exec(message)?.[1];
    throw new Failure(
      'input',
      unknown !== undefined
        ? `${model.name}: uses the operation ${unknown}, whose shapes are not known: express it by others`
        : `${model.name}: its forward pass fails for one example of shape [${model.input.shape.join(', ')}]: ${message.split('\n')[0]}`,
      { cause: error },
    );
  }
}

/** Returns the shape without the axis of examples, of which there is one. */
export const exampleOf = (shape: readonly number[]): number[] => (shape[0] === 1 ? shape.slice(1) : [...shape]);
