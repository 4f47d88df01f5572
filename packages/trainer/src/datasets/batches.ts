import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { type Dataset, type Examples, exampleSize, type Inputs, slice, type Split } from './dataset.js';

/**
 * Returns the order of the training examples in an epoch. It is a random permutation (Fisher-Yates shuffle) that
 * depends only on the seed, the phase, the epoch and the number of examples.
 */
export function epochOrder(seed: number, phase: number, epoch: number, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const random = new RandomStream(seed, purposes.order, phase, epoch);
  for (let i = count - 1; i > 0; i--) {
    const j = random.nextBelow(i + 1);
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/** Examples in the form that a model reads. */
export interface Batch {
  /** The inputs, [batch, ...shape of an example]. */
  inputs: Float32Array | Int32Array;
  /** The class numbers, [batch]. */
  labels: Int32Array;
}

/** The position of a micro-batch in a phase. Its random numbers are functions of this position. */
export interface BatchPosition {
  seed: number;
  phase: number;
  step: number;
  /** The position of the micro-batch's first example within the global batch. */
  firstSample: number;
}

/**
 * Describes the random translation of a micro-batch's images by at most `pixels` pixels in each direction. Pixels that
 * become free are set to 0.
 */
export interface Shift extends BatchPosition {
  pixels: number;
}

/** Converts stored values to the model's input. */
interface Conversion {
  create(length: number): Float32Array | Int32Array;
  /**
   * Converts the `count` values of `source` that start at index `from`, and writes them to `target`, starting at index
   * `to`.
   */
  convert(source: Inputs, from: number, target: Float32Array | Int32Array, to: number, count: number): void;
}

/** The tables that convert bytes, by divisor. A table is faster than a division for each byte. */
const byteTables = new Map<number, Float32Array>();

function conversionOf({ elementType, divisor }: Dataset): Conversion {
  if (elementType === 'int32' && divisor === undefined) {
    return {
      create: (length) => new Int32Array(length),
      convert: (source, from, target, to, count) => target.set(source.subarray(from, from + count), to),
    };
  }
  const create = (length: number) => new Float32Array(length);
  const by = divisor ?? 1;
  if (elementType !== 'uint8') {
    return {
      create,
      convert(source, from, target, to, count) {
        for (let i = 0; i < count; i++) target[to + i] = source[from + i] / by;
      },
    };
  }
  const table = byteTables.get(by) ?? Float32Array.from({ length: 256 }, (_, byte) => byte / by);
  byteTables.set(by, table);
  return {
    create,
    convert(source, from, target, to, count) {
      for (let i = 0; i < count; i++) target[to + i] = table[source[from + i]];
    },
  };
}

/**
 * Returns the batch of the examples whose indices in `examples` are `rows`. If `shift.pixels` > 0, the examples must be
 * images, and each is translated by a random whole number of pixels.
 */
export function trainingBatch(dataset: Dataset, examples: Examples, rows: Uint32Array, shift: Shift): Batch {
  const { inputs, labels } = examples;
  const size = exampleSize(examples);
  const conversion = conversionOf(dataset);
  const batch = { inputs: conversion.create(rows.length * size), labels: new Int32Array(rows.length) };
  const range = 2 * shift.pixels + 1;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    batch.labels[i] = labels[row];
    if (shift.pixels === 0) {
      conversion.convert(inputs, row * size, batch.inputs, i * size, size);
      continue;
    }
    const random = new RandomStream(shift.seed, purposes.shift, shift.phase, shift.step, shift.firstSample + i);
    const down = random.nextBelow(range) - shift.pixels;
    const right = random.nextBelow(range) - shift.pixels;
    const [height, width, channels] = dataset.shape;
    const first = Math.max(0, right);
    const length = (width - Math.abs(right)) * channels;
    for (let y = Math.max(0, down); y < Math.min(height, height + down); y++) {
      const target = i * size + (y * width + first) * channels;
      const source = row * size + ((y - down) * width + first - right) * channels;
      conversion.convert(inputs, source, batch.inputs, target, length);
    }
  }
  return batch;
}

/** Returns `count` examples of a part of the data set that start at index `first`, without random changes. */
export async function evaluationBatch(dataset: Dataset, part: Split, first: number, count: number): Promise<Batch> {
  return toBatch(dataset, await examplesOf(part, first, count));
}

/**
 * Yields `blocks` blocks of `size` examples, starting at block number `first`. The last block of the part may be
 * shorter. Each block is valid until the next one is requested. A block that is not in memory is read while the caller
 * uses the block before it.
 */
export async function* evaluationBlocks(
  dataset: Dataset,
  part: Split,
  size: number,
  first: number,
  blocks: number,
): AsyncGenerator<Batch> {
  const read = (block: number) => {
    const examples = examplesOf(part, block * size, Math.min(size, part.count - block * size));
    // The caller that awaits the block receives the error. This handler only avoids an unhandled rejection until then.
    if (examples instanceof Promise) examples.catch(() => undefined);
    return examples;
  };
  // All blocks use the same memory.
  const memory = conversionOf(dataset).create(size * dataset.shape.reduce((product, extent) => product * extent, 1));
  const end = first + blocks;
  let next = first < end ? read(first) : undefined;
  for (let block = first; next !== undefined; block++) {
    const examples = next instanceof Promise ? await next : next;
    next = block + 1 < end ? read(block + 1) : undefined;
    yield toBatch(dataset, examples, memory);
  }
}

function examplesOf(part: Split, first: number, count: number): Examples | Promise<Examples> {
  if (part.resident) return slice(part.resident, first, count);
  return part.read(Uint32Array.from({ length: count }, (_, i) => first + i));
}

/** @param memory the array for the converted inputs, which must be at least as long as the examples' values */
function toBatch(dataset: Dataset, { inputs, labels }: Examples, memory?: Float32Array | Int32Array): Batch {
  const conversion = conversionOf(dataset);
  const into = memory ?? conversion.create(inputs.length);
  conversion.convert(inputs, 0, into, 0, inputs.length);
  return { inputs: into.subarray(0, inputs.length), labels: Int32Array.from(labels) };
}

/**
 * The distance between the purposes that distinguish the random streams of a model's dropouts, from the second one on.
 */
const DROPOUT_STREAMS = 256;

/**
 * Returns factors [samples, units] of inverted dropout (Srivastava et al. 2014): 0 with the given probability, and 1 /
 * (1 - probability) otherwise.
 * @param dropout the number of the dropout within the model, counted from 0. Each dropout has its own random numbers.
 */
export function dropoutFactors(
  probability: number,
  units: number,
  samples: number,
  at: BatchPosition,
  dropout = 0,
): Float32Array {
  const factors = new Float32Array(samples * units);
  const kept = 1 / (1 - probability);
  const purpose = purposes.dropout + DROPOUT_STREAMS * dropout;
  for (let i = 0; i < samples; i++) {
    const random = new RandomStream(at.seed, purpose, at.phase, at.step, at.firstSample + i);
    for (let unit = 0; unit < units; unit++) {
      if (random.nextFraction() >= probability) factors[i * units + unit] = kept;
    }
  }
  return factors;
}
