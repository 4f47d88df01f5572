import { sizeOf } from '@prunegrid/numerics/shape';

import type { Objective } from '../losses/loss.js';
import type { ModelValues } from './batch.js';
import type { Dataset, Inputs } from './dataset.js';

/** Converts stored values to the model's input. */
export interface Conversion {
  create(length: number): ModelValues;
  /**
   * Converts the `count` values of `source` that start at index `from`, and writes them to `target`, starting at index
   * `to`. Index 0 of `source` is the first value of an example.
   */
  convert(source: Inputs, from: number, target: ModelValues, to: number, count: number): void;
}

/** The shape and the type of the examples that a model reads from the data set. */
export function inputOf(
  dataset: Pick<Dataset, 'shape' | 'elementType' | 'divisor' | 'standardization' | 'augmentations'>,
): { shape: readonly number[]; type: 'float32' | 'int32' } {
  const { elementType, divisor, standardization, augmentations = [] } = dataset;
  const plain = divisor === undefined && standardization === undefined && augmentations.length === 0;
  return {
    shape: augmentations.reduce((shape, augmentation) => augmentation.shapeOf(shape), dataset.shape),
    type: elementType === 'int32' && plain ? 'int32' : 'float32',
  };
}

/**
 * Returns what is wrong, for a message, unless the data set's examples and labels fit the input and the classes of a
 * model.
 */
export function misfit(
  model: {
    name: string;
    input: { shape: readonly number[]; type: string };
    classes: number;
    objective?: Pick<Objective, 'loss'>;
  },
  dataset: Dataset,
): string | undefined {
  const { shape, type } = inputOf(dataset);
  const described = (element: string, extents: readonly number[], count: number, values: boolean) =>
    `${element} of shape [${extents.join(', ')}] ${values ? 'with' : 'in'} ${count} ${values ? 'target values' : 'classes'}`;
  const has = described(type, shape, dataset.classes, dataset.hasTargets ?? false);
  const values = model.objective?.loss?.targets === 'values';
  const takes = described(model.input.type, model.input.shape, model.classes, values);
  return has === takes
    ? undefined
    : `${dataset.name} has examples of ${has}, ${model.name} takes ${takes}: choose another, or set dataset.shape, normalize or classes`;
}

/** Returns the division and the standardization that the data set asks for. */
export const conversionOf = oncePerDataset(makeConversion);

/** Returns the division alone, which precedes augmentations. */
export const scalingOf = oncePerDataset(({ standardization: _, ...scaled }) => makeConversion(scaled));

/** Keeps the conversions that were made, because making the tables takes longer than converting a batch. */
function oncePerDataset(make: (dataset: Dataset) => Conversion): (dataset: Dataset) => Conversion {
  const made = new WeakMap<Dataset, Conversion>();
  return (dataset) => {
    const conversion = made.get(dataset) ?? make(dataset);
    made.set(dataset, conversion);
    return conversion;
  };
}

function makeConversion(dataset: Dataset): Conversion {
  if (inputOf(dataset).type === 'int32') {
    return {
      create: (length) => new Int32Array(length),
      convert: (source, from, target, to, count) => target.set(source.subarray(from, from + count), to),
    };
  }
  const create = (length: number) => new Float32Array(length);
  const { elementType, shape, divisor = 1 } = dataset;
  const standardize = standardizationOf(dataset);
  const channels = standardize ? (shape.at(-1) ?? 1) : 1;
  const valueOf = (stored: number, channel: number) =>
    standardize ? standardize(Math.fround(stored / divisor), channel) : stored / divisor;
  if (elementType !== 'uint8') {
    return {
      create,
      convert(source, from, target, to, count) {
        let channel = from % channels;
        for (let i = 0; i < count; i++) {
          target[to + i] = valueOf(source[from + i], channel);
          if (++channel === channels) channel = 0;
        }
      },
    };
  }
  // A table is faster than a division for each byte.
  const table = Float32Array.from({ length: 256 * channels }, (_, i) => valueOf(i % 256, Math.floor(i / 256)));
  if (channels === 1) {
    return {
      create,
      convert(source, from, target, to, count) {
        for (let i = 0; i < count; i++) target[to + i] = table[source[from + i]];
      },
    };
  }
  return {
    create,
    convert(source, from, target, to, count) {
      let row = 256 * (from % channels);
      for (let i = 0; i < count; i++) {
        target[to + i] = table[row + source[from + i]];
        row += 256;
        if (row === table.length) row = 0;
      }
    },
  };
}

/**
 * Returns the function that subtracts the mean and divides by the deviation, in float32 as PyTorch does, or undefined
 * if the data set asks for neither.
 */
export function standardizationOf({
  standardization,
  shape,
}: Pick<Dataset, 'standardization' | 'shape'>): ((value: number, channel: number) => number) | undefined {
  if (!standardization) return undefined;
  const channels = shape.at(-1) ?? 1;
  const ofChannels = (values: readonly number[]) =>
    Float32Array.from({ length: channels }, (_, channel) => values[values.length === 1 ? 0 : channel]);
  const [mean, std] = [ofChannels(standardization.mean), ofChannels(standardization.std)];
  return (value, channel) => Math.fround(Math.fround(value - mean[channel]) / std[channel]);
}

/** The number of values in one example as a model reads it. */
export const inputSize = (dataset: Dataset): number => sizeOf(inputOf(dataset).shape);
