import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import * as tf from '@tensorflow/tfjs';

import type { Model, ModelDescription } from '../model.js';
import { type KernelCall, ShapeBackend, withBackend } from './backend.js';
import { Origins } from './origins.js';
import { type Product, productOf } from './products.js';

/** A layer with weights in a model's forward pass of one example. */
export interface LayerTrace {
  name: string;
  /**
   * The shapes of what the layer reads and returns, without the axis of examples, at its first use. They are undefined
   * if the forward pass never multiplies by the layer's weights.
   */
  input?: number[];
  output?: number[];
  multiplyAccumulates: number;
}

/** What a model computes for one example. */
export interface ModelTrace {
  /** The layers with weights, in the model's order. */
  layers: LayerTrace[];
  /** Multiplications without weights, such as those of attention, or with weights that are constants of the model. */
  otherMultiplyAccumulates: number;
  /** All multiply-accumulates of convolutions and matrix multiplications. Element by element operations do not count. */
  multiplyAccumulates: number;
  /** The shape of the model's output, without the axis of examples. */
  output: number[];
}

/**
 * Runs the model's forward pass of one example without computing: operations only return shapes, so neither weights nor
 * an engine are needed. A layer whose weights are used several times, such as at each time step, counts each use.
 * @throws {Failure} `input` if the forward pass fails, or uses an operation whose shapes are not known
 */
export function traceModel(model: Model): ModelTrace {
  const origins = new Origins();
  const uses = new Map<number, Use[]>();
  let other = 0;
  const onCall = ({ kernel, inputs, attributes, outputs }: KernelCall) => {
    const product = productOf(kernel, inputs, attributes, outputs[0].shape);
    for (const output of outputs) origins.set(output, origins.ofOutput(kernel, inputs, sizeOf(output.shape)));
    if (product && origins.of(outputs[0]) === 'example') other += count(product, outputs[0].shape);
  };

  /** Adds a product to the layers whose weights it uses, and returns the multiply-accumulates of no layer. */
  function count({ operands, multiplyAccumulates }: Product, output: number[]): number {
    const at = operands.findIndex((operand) => origins.of(operand) !== 'example');
    if (at < 0) return multiplyAccumulates;
    const [weight, input] = [operands[at], operands[1 - at]];
    const shares = [...(origins.of(weight) as ReadonlyMap<number, number>)].filter(
      ([parameter]) => model.parameters[parameter].kind === 'weight',
    );
    // Two weights that are multiplied with each other first share the products with the example.
    const sum = Math.max(
      1,
      shares.reduce((total, [, share]) => total + share, 0),
    );
    let left = multiplyAccumulates;
    for (const [parameter, share] of shares) {
      const own = Math.round((multiplyAccumulates * share) / sum);
      left -= own;
      const elements = share * sizeOf(weight.shape);
      uses.set(parameter, [...(uses.get(parameter) ?? []), { input, output, elements, multiplyAccumulates: own }]);
    }
    return left;
  }

  const backend = new ShapeBackend(onCall);
  const output = withBackend(backend, () =>
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
  const layers = model.layers.map(({ name }) => layerOf(model, name, uses));
  const counted = layers.reduce((sum, { multiplyAccumulates }) => sum + multiplyAccumulates, other);
  return { layers, otherMultiplyAccumulates: other, multiplyAccumulates: counted, output };
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

/** The multiply-accumulates of one example: those of each of the model's layers, and those without weights. */
export interface Computation {
  layers: number[];
  other: number;
}

/**
 * Returns what the model computes for one example, or undefined if its forward pass cannot be traced, as that of a model
 * that only an extension's engine computes.
 */
export function computationOf(model: Model): Computation | undefined {
  try {
    const { layers, otherMultiplyAccumulates: other } = traceModel(model);
    return { layers: layers.map(({ multiplyAccumulates }) => multiplyAccumulates), other };
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** A product that uses some elements of a layer's weights. */
interface Use {
  input: tf.TensorInfo;
  output: number[];
  /** How many of the layer's weights take part. */
  elements: number;
  multiplyAccumulates: number;
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

function layerOf(model: ModelDescription, name: string, uses: ReadonlyMap<number, readonly Use[]>): LayerTrace {
  const index = model.parameters.findIndex(({ layer, kind }) => layer === name && kind === 'weight');
  const all = uses.get(index) ?? [];
  if (all.length === 0) return { name, multiplyAccumulates: 0 };
  const [{ input, output, elements }] = all;
  // Groups of a convolution are computed one after another, each with its part of the weights. Their outputs are side by
  // side, and so are their inputs unless all of them read the same tensor.
  const groups = all.slice(0, Math.max(1, Math.round(model.parameters[index].size / elements)));
  const inputs = new Set(groups.map((use) => use.input.dataId)).size;
  return {
    name,
    input: widened(exampleOf(input.shape), inputs),
    output: widened(exampleOf(output), groups.length),
    multiplyAccumulates: all.reduce((sum, { multiplyAccumulates }) => sum + multiplyAccumulates, 0),
  };
}

/** Returns the shape without the axis of examples, of which there is one. */
const exampleOf = (shape: readonly number[]): number[] => (shape[0] === 1 ? shape.slice(1) : [...shape]);

/** Returns the shape of so many tensors side by side in their last axis. */
const widened = (shape: number[], times: number): number[] =>
  shape.length === 0 ? shape : shape.with(-1, (shape.at(-1) as number) * times);
