import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import type { TensorInfo } from '@tensorflow/tfjs';

import type { Model, ModelDescription } from '../model.js';
import { exampleOf, traceForward } from './forward.js';
import type { Origins } from './origins.js';
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
  const uses = new Map<number, Use[]>();
  let other = 0;

  /** Adds a product to the layers whose weights it uses, and returns the multiply-accumulates of no layer. */
  function count({ operands, multiplyAccumulates }: Product, output: number[], origins: Origins): number {
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

  const output = traceForward(model, ({ kernel, inputs, attributes, outputs }, origins) => {
    const product = productOf(kernel, inputs, attributes, outputs[0].shape);
    if (product && origins.of(outputs[0]) === 'example') other += count(product, outputs[0].shape, origins);
  });
  const layers = model.layers.map(({ name }) => layerOf(model, name, uses));
  const counted = layers.reduce((sum, { multiplyAccumulates }) => sum + multiplyAccumulates, other);
  return { layers, otherMultiplyAccumulates: other, multiplyAccumulates: counted, output };
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
  input: TensorInfo;
  output: number[];
  /** How many of the layer's weights take part. */
  elements: number;
  multiplyAccumulates: number;
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

/** Returns the shape of so many tensors side by side in their last axis. */
const widened = (shape: number[], times: number): number[] =>
  shape.length === 0 ? shape : shape.with(-1, (shape.at(-1) as number) * times);
