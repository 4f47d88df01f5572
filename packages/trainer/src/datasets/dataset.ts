import type { Augmentation } from './augmentations/index.js';
import type { Batch, ModelValues, Shift } from './batch.js';
import type { DatasetChoice } from './choice.js';
import type { Fingerprint } from './files/fingerprint.js';
import type { DataHost } from './host.js';

/** The types of values that a data set can store. */
export type ElementType = 'uint8' | 'int32' | 'float32';

export type Inputs = Uint8Array | Int32Array | Float32Array;

/** The class number of each example, in the narrowest type that can hold all classes of the data set. */
export type Labels = Uint8Array | Uint16Array | Int32Array;

/** Examples with their labels. */
export interface Examples {
  /** The values [count, ...shape] in the data set's element type. */
  inputs: Inputs;
  /** The class numbers, [count]. They are 0 if the examples have target values. */
  labels: Labels;
  /** The values that the outputs for each example are compared with, [count, values]; undefined if there are classes. */
  targets?: Float32Array;
  count: number;
}

/** A part of a data set. */
export interface Split {
  /** The number of examples. */
  readonly count: number;
  /** All examples, if the whole part is in memory. Callers that use them need not wait for `read`. */
  readonly resident?: Examples;
  /**
   * Returns the examples with these indices, in this order. Several reads may run at the same time, so that callers can
   * read ahead. Throws RangeError if an index is not below `count`, and Failure if the data cannot be read.
   */
  read(indices: Uint32Array): Promise<Examples>;
  /**
   * Returns the examples with these indices as a model reads them, changed by the data set's augmentations and
   * normalized. With `change` they are training examples, whose random numbers follow from it. It is defined if the part
   * does this elsewhere than on the calling thread, and is then used instead of `read`. It throws as `read` does.
   * @param memory the inputs of an earlier batch of the same size, which nobody needs any more
   */
  batch?(indices: Uint32Array, change?: Shift, memory?: ModelValues): Promise<Batch>;
}

export interface Dataset {
  name: string;
  /** The shape of one stored example. Images are [height, width, channels]. */
  shape: readonly number[];
  elementType: ElementType;
  /**
   * The model's input is the stored value divided by this number, as float32. If it is undefined, the input is the
   * stored value itself: int32 stays int32 unless it is changed below, and other types become float32.
   */
  divisor?: number | undefined;
  /**
   * Subtracted after the division, and then divided by: a number for all values, or one for each position of the last
   * axis, such as an image's channels.
   */
  standardization?: Standardization | undefined;
  /** Random changes of training images, in their order, between the division and the standardization. */
  augmentations?: readonly Augmentation[] | undefined;
  /** The number of classes, which all labels are below; or of the target values of an example. */
  classes: number;
  /** Whether the examples have target values instead of classes. */
  hasTargets?: boolean;
  /** The names of the classes, if the data have names. */
  classNames?: readonly string[] | undefined;
  training: Split;
  /** Examples that are held out for model selection and early stopping. */
  validation: Split;
  /** The test set, which is used only for reports. */
  test: Split;
  /** Where the validation part and the test part come from, for the user: `last of 1,797`. */
  origin?: { validation: string; test: string } | undefined;
  /**
   * A SHA-256 hash in hexadecimal that identifies the content of the data set. It may be computed from the hashes of
   * the files.
   */
  hash: string;
  /** What decodes the pictures of the data set, with its version. */
  decoder?: string | undefined;
  /** Returns lines for the user since the last call, such as on a damaged picture that was skipped. */
  takeNotices?(): string[];
  /** The hash of the files that the choice names, which `loadDataset` has computed. */
  files?: Fingerprint | undefined;
}

/** Lists of one number, or of one for each position of the last axis. All of `std` are positive. */
export interface Standardization {
  mean: readonly number[];
  std: readonly number[];
}

/** A data set that specs can name. It is not loaded yet. */
export interface DatasetSource {
  readonly name: string;
  /** The `hash` of every data set that `load` returns, if it is known beforehand. The coordinator then expects it. */
  readonly hash?: string;
  /**
   * Loads the data set. Throws Failure if files are missing or damaged, or if the choice leaves no examples for
   * training. The choice's `normalize` and `augment` are applied to the result by `loadDataset`.
   */
  load(choice: DatasetChoice, host: DataHost): Promise<Dataset>;
}

/** Returns the number of values in one example. */
export const exampleSize = ({ inputs, count }: Examples): number => inputs.length / count;

/** Returns `count` examples of `all` that start at index `first`, without a copy. */
export function slice(all: Examples, first: number, count: number): Examples {
  const size = exampleSize(all);
  return {
    inputs: all.inputs.subarray(first * size, (first + count) * size),
    labels: all.labels.subarray(first, first + count),
    ...(all.targets && { targets: rowsOf(all.targets, all.count, first, count) }),
    count,
  };
}

/** Returns some rows of a matrix of `all` rows, without a copy. */
function rowsOf(values: Float32Array, all: number, first: number, count: number): Float32Array {
  const width = values.length / all;
  return values.subarray(first * width, (first + count) * width);
}

/** Makes a part of a data set from examples that are all in memory. */
export function residentSplit(examples: Examples): Split {
  return { count: examples.count, resident: examples, read: async (indices) => gather(examples, indices) };
}

/** Returns a copy of the examples with these indices. */
export function gather(all: Examples, indices: Uint32Array): Examples {
  const size = exampleSize(all);
  const create = <Values extends Inputs | Labels>(values: Values, length: number) =>
    new (values.constructor as new (length: number) => Values)(length);
  const inputs = create(all.inputs, indices.length * size);
  const labels = create(all.labels, indices.length);
  indices.forEach((index, i) => {
    if (index >= all.count) throw new RangeError(`there is no example ${index} among ${all.count}`);
    inputs.set(all.inputs.subarray(index * size, (index + 1) * size), i * size);
    labels[i] = all.labels[index];
  });
  const targets = gatherTargets(all, indices);
  return { inputs, labels, ...(targets && { targets }), count: indices.length };
}

/** Returns a copy of the target values of the examples with these indices; undefined if they have none. */
export function gatherTargets({ targets, count }: Examples, indices: Uint32Array): Float32Array | undefined {
  if (!targets) return undefined;
  const width = targets.length / count;
  const gathered = new Float32Array(indices.length * width);
  indices.forEach((index, i) => gathered.set(rowsOf(targets, count, index, 1), i * width));
  return gathered;
}
