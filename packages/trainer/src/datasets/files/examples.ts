import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { DatasetChoice } from '../choice.js';
import type { Dataset, ElementType, Examples, Inputs, Labels } from '../dataset.js';
import { type PartName, partNames } from './arrays.js';
import { classNumbers, namesOf, targetValues } from './labels.js';
import type { Tensor } from './tensor.js';

/** A part of a data set as its files hold it. */
export interface RawPart {
  /** [count, ...shape of an example]. */
  inputs: Tensor;
  /** Class numbers [count], classes one-hot [count, classes], or text; or target values, [count] or [count, values]. */
  labels: Tensor | string[];
}

/** What all parts have in common, and the examples of each. */
export interface LabelledParts extends Pick<
  Dataset,
  'shape' | 'elementType' | 'divisor' | 'classes' | 'classNames' | 'hasTargets'
> {
  parts: Partial<Record<PartName, Examples>>;
}

/**
 * Turns inputs and labels into examples.
 * @throws {Failure} `input`, which names the file, if counts, shapes, types or labels do not fit together
 */
export function labelled(
  raw: Partial<Record<PartName, RawPart>>,
  choice: Pick<DatasetChoice, 'shape' | 'channels' | 'classes' | 'targets'>,
): LabelledParts {
  const given = partNames.flatMap((name) => (raw[name] ? [{ name, ...raw[name] }] : []));
  if (choice.targets === 'values') {
    const values = given.map(({ labels, inputs }) => targetValues(labels, inputs));
    const width = values[0].length / given[0].inputs.shape[0];
    const narrow = given.findIndex(({ inputs }, i) => values[i].length !== width * inputs.shape[0]);
    if (narrow > 0) {
      throw new Failure(
        'input',
        `${given[narrow].inputs.where}: has another number of target values than ${given[0].inputs.where}, ${width}: give all parts the same`,
      );
    }
    const labels = given.map(({ inputs }) => new Uint8Array(inputs.shape[0]));
    return {
      ...examplesOf(given, choice, (i) => ({ labels: labels[i], targets: values[i] })),
      classes: width,
      hasTargets: true,
    };
  }
  const classNames = namesOf(given.map(({ labels }) => labels));
  const numbers = given.map(({ labels, inputs }) => classNumbers(labels, inputs, classNames));
  const highest = Math.max(...numbers.map((each) => each.reduce((most, label) => Math.max(most, label), 0)));
  const classes = choice.classes ?? classNames?.length ?? Math.max(highest + 1, ...given.map(widthOf));
  requireBelow(classes, given, numbers);
  const labels = (i: number) => ({ labels: narrowest(numbers[i], classes) });
  return { ...examplesOf(given, choice, labels), classes, ...(classNames && { classNames }) };
}

/** Returns the examples with what `labelsOf` says of the part of this number. */
function examplesOf(
  given: readonly (RawPart & { name: PartName })[],
  choice: Pick<DatasetChoice, 'shape' | 'channels'>,
  labelsOf: (part: number) => Pick<Examples, 'labels' | 'targets'>,
): Pick<LabelledParts, 'shape' | 'elementType' | 'divisor' | 'parts'> {
  const [{ inputs: first }] = given;
  const shape = shapeOf(first, choice);
  const parts = given.map(({ name, inputs }, i) => {
    if (inputs.type !== first.type || sizeOf(inputs.shape.slice(1)) !== sizeOf(shape)) {
      const describe = ({ type, shape: all }: Tensor) => `${type} of shape [${all.slice(1).join(', ')}]`;
      throw new Failure(
        'input',
        `${inputs.where}: has examples of ${describe(inputs)}, ${first.where} has ${describe(first)}: give all parts the same`,
      );
    }
    const values = choice.channels === 'first' ? channelsLast(inputs.values, shape) : inputs.values;
    return [name, { inputs: values, ...labelsOf(i), count: inputs.shape[0] }] as const;
  });
  return {
    shape,
    elementType: typeOf(first.values),
    ...(first.type === 'uint8' && { divisor: 255 }),
    parts: Object.fromEntries(parts),
  };
}

const widthOf = ({ labels }: RawPart): number =>
  Array.isArray(labels) || labels.shape.length < 2 || labels.shape[1] === 1 ? 0 : labels.shape[1];

const typeOf = (values: Inputs): ElementType =>
  values instanceof Uint8Array ? 'uint8' : values instanceof Int32Array ? 'int32' : 'float32';

function requireBelow(classes: number, given: readonly RawPart[], numbers: readonly Int32Array[]): void {
  if (classes < 2) {
    throw new Failure(
      'input',
      `${given[0].inputs.where}: all examples have the same label: it needs two classes at least`,
    );
  }
  for (const [i, labels] of numbers.entries()) {
    const beyond = labels.findIndex((label) => label >= classes);
    if (beyond < 0) continue;
    throw new Failure(
      'input',
      `${given[i].inputs.where}: the example ${beyond} has the label ${labels[beyond]} where dataset.classes is ${classes}: raise it, or number the classes from 0`,
    );
  }
}

/** Returns the shape of an example in memory: as it lies in the file or as the choice says, the channels last. */
function shapeOf({ shape: all, type, where }: Tensor, { shape, channels }: Pick<DatasetChoice, 'shape' | 'channels'>) {
  const own = all.slice(1);
  if (shape && sizeOf(shape) !== sizeOf(own)) {
    throw new Failure(
      'input',
      `dataset.shape: [${shape.join(', ')}] has ${sizeOf(shape)} values, the examples of ${where} have ${sizeOf(own)}, [${own.join(', ')}]`,
    );
  }
  const lying = shape ?? own;
  if (channels === 'first') {
    if (lying.length === 3) return [lying[1], lying[2], lying[0]];
    throw new Failure(
      'input',
      `dataset.channels: examples of shape [${lying.join(', ')}] are no images of [channels, height, width]: leave it out, or give dataset.shape`,
    );
  }
  if (lying.length === 0) return [1];
  // Grey images are commonly stored without their single channel.
  return !shape && lying.length === 2 && (type === 'uint8' || type === 'bool') ? [...lying, 1] : lying;
}

/** Returns images of [channels, height, width] as [height, width, channels], which is `shape`. */
function channelsLast(values: Inputs, [height, width, channels]: readonly number[]): Inputs {
  const result = values.slice();
  const pixels = height * width;
  for (let start = 0; start < values.length; start += pixels * channels) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = start + channel * pixels;
      for (let pixel = 0; pixel < pixels; pixel++) result[start + pixel * channels + channel] = values[plane + pixel];
    }
  }
  return result;
}

/** Returns labels in the narrowest type that can hold all classes. */
export function narrowest(labels: Int32Array, classes: number): Labels {
  if (classes <= 256) return Uint8Array.from(labels);
  return classes <= 65_536 ? Uint16Array.from(labels) : labels;
}
