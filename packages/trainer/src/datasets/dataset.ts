import type { Files } from '@prunegrid/core/runtime';

/** Types of the values that a data set stores. */
export type ElementType = 'uint8' | 'int32' | 'float32';

export type Inputs = Uint8Array | Int32Array | Float32Array;

/** One class number for each example, in the narrowest type that holds the data set's classes. */
export type Labels = Uint8Array | Uint16Array | Int32Array;

/** Examples with their labels. */
export interface Examples {
  /** [count, ...shape] of the data set, in its element type. */
  inputs: Inputs;
  /** [count]. */
  labels: Labels;
  count: number;
}

/** A part of a data set. */
export interface Split {
  /** Number of examples. */
  readonly count: number;
  /** All examples, if the whole part lies in memory: who finds them here need not wait for `read`. */
  readonly resident?: Examples;
  /**
   * Reads the examples with these indices, in this order. Several reads may be under way at once, so that callers can read
   * ahead. Throws RangeError if an index is not below `count`, and Failure if the data cannot be read.
   */
  read(indices: Uint32Array): Promise<Examples>;
}

export interface Dataset {
  name: string;
  /** Of one example; images are [height, width, channels]. */
  shape: readonly number[];
  elementType: ElementType;
  /**
   * Stored values divided by this are the model's input, as float32. If it is undefined, values are taken as they are: int32
   * stays int32, anything else becomes float32.
   */
  divisor?: number;
  /** Labels are below this. */
  classes: number;
  training: Split;
  /** The last examples of the training files, held out for choosing and early stopping. */
  validation: Split;
  /** For reporting only. */
  test: Split;
  /** SHA-256 in hex, which tells data sets with other content apart, such as one over the hashes of its files. */
  hash: string;
}

/** What a spec says of its data set. */
export interface DatasetChoice {
  name: string;
  /** Training examples that are held out. */
  validation: number;
  /** Examples used of the training part and of the test set; if it is undefined, all. */
  limit?: number | undefined;
}

/** A data set that specs may name, not loaded yet. */
export interface DatasetSource {
  readonly name: string;
  /** Throws Failure if files are missing or damaged, or if the choice leaves nothing to train on. */
  load(choice: DatasetChoice, runtime: { files: Files }): Promise<Dataset>;
}

/** Values in one example. */
export const exampleSize = ({ inputs, count }: Examples): number => inputs.length / count;

/** The examples first, first + 1, ... of `all`, without a copy. */
export function slice(all: Examples, first: number, count: number): Examples {
  const size = exampleSize(all);
  return {
    inputs: all.inputs.subarray(first * size, (first + count) * size),
    labels: all.labels.subarray(first, first + count),
    count,
  };
}

/** A part of a data set that lies in memory as a whole. */
export function residentSplit(examples: Examples): Split {
  return { count: examples.count, resident: examples, read: async (indices) => gather(examples, indices) };
}

/** Copies the examples with these indices. */
function gather(all: Examples, indices: Uint32Array): Examples {
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
  return { inputs, labels, count: indices.length };
}
