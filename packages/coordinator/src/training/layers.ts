import type { ModelDescription, Parameter } from '@prunegrid/trainer/models';
import type { Computation } from '@prunegrid/trainer/models/trace';

import { findDeadUnits, type WeightShape } from '@prunegrid/numerics/admm';
import { type ConstraintData, constraints } from '@prunegrid/numerics/constraints';
import { constraintsOf } from '../experiment/constraints.js';
import type { PruningKeys } from '../experiment/layer-rules.js';
import type { Measured } from '../experiment/sensitivity-file.js';
import type { LayerCount, RunResult } from './records.js';
import { countNonZero, nonZeroIn } from './masks.js';

/**
 * A layer that the experiment prunes, with its constraint and the position of its weights in the flat parameter vector.
 */
export interface LayerToPrune {
  name: string;
  constraint: ConstraintData;
  shape: readonly number[];
  offset: number;
  size: number;
}

/**
 * Returns the layers that the experiment prunes, in the model's order.
 * @param dense parameters of the dense network, which some budgets use to distribute the weights among the layers
 * @param measured what the budget's measurement says, if the budget depends on one
 */
export function prunedLayers(
  model: ModelDescription,
  spec: PruningKeys,
  dense: Float32Array,
  measured?: Measured,
): LayerToPrune[] {
  const weights = model.parameters.filter(({ kind }) => kind === 'weight');
  const held = constraintsOf(
    spec,
    weights.map(({ layer: name, shape }) => ({ name, shape })),
    (layer) => weightsOf(weights.find((parameter) => parameter.layer === layer) as Parameter, dense),
    measured,
  );
  return weights.flatMap(({ layer: name, shape, offset, size }) => {
    const constraint = held.get(name);
    return constraint ? [{ name, constraint, shape, offset, size }] : [];
  });
}

/** Returns the largest number of weights that the layer may keep. */
export const keptIn = ({ constraint, shape }: Pick<LayerToPrune, 'constraint' | 'shape'>): number =>
  constraints.get(constraint.kind).keeps(constraint, shape);

/** Returns the layer's weights as a view of the flat vector. */
export const weightsOf = ({ offset, size }: { offset: number; size: number }, parameters: Float32Array): Float32Array =>
  parameters.subarray(offset, offset + size);

/** Counts the non-zero weights of every layer, without biases. */
export function countLayers(model: ModelDescription, parameters: Float32Array): LayerCount[] {
  return model.parameters
    .filter(({ kind }) => kind === 'weight')
    .map((parameter) => ({
      name: parameter.layer,
      weights: parameter.size,
      kept: countNonZero(weightsOf(parameter, parameters)),
    }));
}

export function totalOf(layers: readonly LayerCount[]): { weights: number; kept: number; ratio: number } {
  const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
  const kept = layers.reduce((sum, layer) => sum + layer.kept, 0);
  return { weights, kept, ratio: weights / kept };
}

/**
 * Returns the counted layers and their total with what they compute. All weights of a layer are used equally often, so
 * that pruning takes from its multiply-accumulates the same share as from its weights. What is computed without weights
 * remains. If the computation is not known, only the weights are counted.
 */
export function resultOf(
  model: Pick<ModelDescription, 'layers'>,
  counted: readonly LayerCount[],
  computation: Computation | undefined,
): Pick<RunResult, 'layers' | 'total'> {
  const total = totalOf(counted);
  if (computation?.layers.length !== model.layers.length) return { layers: [...counted], total };
  const { other } = computation;
  const byName = new Map(model.layers.map(({ name }, i) => [name, computation.layers[i]]));
  const layers = counted.map((layer) => {
    const dense = byName.get(layer.name) ?? 0;
    return { ...layer, multiplyAccumulates: { dense, pruned: Math.round((dense * layer.kept) / layer.weights) } };
  });
  const sum = (which: 'dense' | 'pruned') =>
    layers.reduce((all, { multiplyAccumulates }) => all + multiplyAccumulates[which], other);
  return { layers, total: { ...total, multiplyAccumulates: { dense: sum('dense'), pruned: sum('pruned') } } };
}

/**
 * Returns the ascending positions in the flat vector that masked training trains: those in `trainable` of each pruned
 * layer (relative to the layer), all weights of the other layers, and all biases.
 */
export function survivorsOf(model: ModelDescription, trainable: ReadonlyMap<string, Uint32Array>): Uint32Array {
  const trainableOf = ({ kind, layer }: Parameter) => (kind === 'weight' ? trainable.get(layer) : undefined);
  const trained = model.parameters.reduce((sum, each) => sum + (trainableOf(each)?.length ?? each.size), 0);
  const positions = new Uint32Array(trained);
  let count = 0;
  for (const parameter of model.parameters) {
    const { offset, size } = parameter;
    const within = trainableOf(parameter);
    if (within) for (const position of within) positions[count++] = offset + position;
    else for (let i = 0; i < size; i++) positions[count++] = offset + i;
  }
  return positions;
}

/**
 * Returns the positions of the non-zero weights of each layer, relative to the layer. These weights are trained further
 * if a network was stored without its masks.
 */
export const nonZeroPositions = (parameters: Float32Array, layers: readonly LayerToPrune[]): Map<string, Uint32Array> =>
  new Map(layers.map((layer) => [layer.name, nonZeroIn(weightsOf(layer, parameters))]));

/** Returns what makes the mask of each layer, [size]: 1 where a weight may be trained, 0 elsewhere. */
export const masksOf = (
  layers: readonly LayerToPrune[],
  trainable: ReadonlyMap<string, Uint32Array>,
): Map<string, () => Float32Array> =>
  new Map(
    layers.map(({ name, size }) => {
      const make = () => {
        const mask = new Float32Array(size);
        for (const position of trainable.get(name) ?? []) mask[position] = 1;
        return mask;
      };
      return [name, make];
    }),
  );

/**
 * Counts the units of each layer that pruning has disconnected. Layers without such units are omitted. If it is not
 * known which layers a layer reads, only units without any weight are found.
 */
export function deadUnits(model: ModelDescription, supports: ReadonlyMap<string, Uint32Array>) {
  const weights = new Map(model.parameters.filter(({ kind }) => kind === 'weight').map((each) => [each.layer, each]));
  const graph = model.layers.map((layer) => ({
    ...layer,
    shape: weights.get(layer.name)?.shape as unknown as WeightShape,
    support: supports.get(layer.name) ?? ('dense' as const),
  }));
  const connected = model.layers.every(({ reads }) => reads !== undefined);
  const found = connected ? findDeadUnits(graph) : graph.flatMap((layer) => findDeadUnits([layer]));
  return found.map(({ layer, dead, of }) => ({ layer, units: dead.length, of }));
}
