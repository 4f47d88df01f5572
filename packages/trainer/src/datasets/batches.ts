import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { type Dataset, type Examples, exampleSize, type Inputs, slice, type Split } from './dataset.js';

/** Draws the order of an epoch's training examples: a permutation (Fisher-Yates), a function of seed, phase and epoch. */
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

/** Examples ready for a model. */
export interface Batch {
  /** [batch, ...shape] of the data set. */
  inputs: Float32Array | Int32Array;
  /** [batch]. */
  labels: Int32Array;
}

/** Where in a phase a micro-batch stands: random numbers are functions of it. */
export interface BatchPosition {
  seed: number;
  phase: number;
  step: number;
  /** Position within the global batch of the micro-batch's first example. */
  firstSample: number;
}

/** The random translation of a micro-batch's images by at most `pixels` in each direction; zeros come in. */
export interface Shift extends BatchPosition {
  pixels: number;
}

/** What a stored value becomes as the model's input. */
interface Conversion {
  create(length: number): Float32Array | Int32Array;
  /** Converts `count` values of `source` from number `from` on to `target` from number `to` on. */
  convert(source: Inputs, from: number, target: Float32Array | Int32Array, to: number, count: number): void;
}

/** Bytes are looked up, which is quicker than to divide each. */
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
 * Gathers the training examples `rows` of `examples`, each translated by random whole pixels if `shift.pixels` > 0: then
 * examples must be images.
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

/** The examples first, first + 1, ... of a part of the data set, as they are. */
export async function evaluationBatch(dataset: Dataset, part: Split, first: number, count: number): Promise<Batch> {
  return toBatch(dataset, await examplesOf(part, first, count));
}

/**
 * Yields blocks of `size` examples from block number `first` on; the part's last block may be shorter. A block that is not
 * resident is read while the one before it is in use.
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
    // If it fails, whoever takes the block learns of it.
    if (examples instanceof Promise) examples.catch(() => undefined);
    return examples;
  };
  // Each block takes over the memory of the one before it.
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

/** @param memory at least as long as the examples' values */
function toBatch(dataset: Dataset, { inputs, labels }: Examples, memory?: Float32Array | Int32Array): Batch {
  const conversion = conversionOf(dataset);
  const into = memory ?? conversion.create(inputs.length);
  conversion.convert(inputs, 0, into, 0, inputs.length);
  return { inputs: into.subarray(0, inputs.length), labels: Int32Array.from(labels) };
}

/** Streams of random numbers for a model's dropouts beyond the first are told apart by their purpose, this far apart. */
const DROPOUT_STREAMS = 256;

/**
 * Draws factors [samples, units] of inverted dropout (Srivastava et al. 2014): 0 with the given probability, else
 * 1 / (1 - probability).
 * @param dropout number of the dropout within the model, from 0: each has random numbers of its own
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
