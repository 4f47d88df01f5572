import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { augment, type Augmentation, type Image, withoutChance } from './augmentations/index.js';
import type { Batch, BatchPosition, ModelValues, Shift } from './batch.js';
import { type Dataset, type Examples, exampleSize, gatherTargets, type Inputs, slice, type Split } from './dataset.js';
import { conversionOf, inputSize, scalingOf, standardizationOf } from './normalization.js';
import { permutation } from './splits.js';

/**
 * Returns the order of the training examples in an epoch. It is a random permutation that depends only on the seed, the
 * phase, the epoch and the number of examples.
 */
export const epochOrder = (seed: number, phase: number, epoch: number, count: number): Uint32Array =>
  permutation(new RandomStream(seed, purposes.order, phase, epoch), count);

/**
 * Returns the batch of the examples whose indices in `examples` are `rows`, changed by the data set's augmentations. If
 * `shift.pixels` > 0, the examples must be images, and each is translated by a random whole number of pixels.
 * @param memory the array for the inputs, which must be long enough
 */
export function trainingBatch(
  dataset: Dataset,
  examples: Examples,
  rows: Uint32Array,
  shift: Shift,
  memory?: ModelValues,
): Batch {
  const { augmentations = [] } = dataset;
  const { seed, phase, step, firstSample } = shift;
  if (augmentations.length > 0) {
    const change = (image: Image, i: number) =>
      augment(augmentations, image, { seed, phase, step, sample: firstSample + i });
    return changedBatch(dataset, examples, rows, change, memory as Float32Array | undefined);
  }
  const { inputs, labels } = examples;
  const size = exampleSize(examples);
  const conversion = conversionOf(dataset);
  const targets = gatherTargets(examples, rows);
  const batch = {
    inputs: memory ?? conversion.create(rows.length * size),
    labels: new Int32Array(rows.length),
    ...(targets && { targets }),
  };
  const range = 2 * shift.pixels + 1;
  // What comes in from outside of an image is the value 0, which a mean makes another one.
  const outside = shift.pixels > 0 && dataset.standardization ? blankOf(examples) : undefined;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    batch.labels[i] = labels[row];
    if (shift.pixels === 0) {
      conversion.convert(inputs, row * size, batch.inputs, i * size, size);
      continue;
    }
    if (outside) conversion.convert(outside, 0, batch.inputs, i * size, size);
    const random = new RandomStream(seed, purposes.shift, phase, step, firstSample + i);
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

/** Returns an example whose values are all 0. */
const blankOf = (examples: Examples): Inputs => {
  const blank = slice(examples, 0, 1).inputs.slice();
  return blank.fill(0);
};

/**
 * Returns the batch of the images whose indices in `examples` are `rows`, each changed by `change`, which gets its
 * position among the rows.
 * @param memory the array for the inputs, which must be long enough
 */
function changedBatch(
  dataset: Dataset,
  examples: Examples,
  rows: Uint32Array,
  change: (image: Image, i: number) => Image,
  memory: Float32Array = new Float32Array(rows.length * inputSize(dataset)),
): Batch {
  const [height, width, channels] = dataset.shape;
  const size = exampleSize(examples);
  // Values that are only moved can be standardized before, which takes no pass of its own.
  const moved = dataset.augmentations?.every(({ moves }) => moves) ?? true;
  const conversion = moved ? conversionOf(dataset) : scalingOf(dataset);
  const standardize = moved ? undefined : standardizationOf(dataset);
  const labels = new Int32Array(rows.length);
  const changed = inputSize(dataset);
  rows.forEach((row, i) => {
    const values = moved && size === changed ? memory.subarray(i * size, (i + 1) * size) : new Float32Array(size);
    conversion.convert(examples.inputs, row * size, values, 0, size);
    const image = change({ height, width, channels, values }, i);
    if (standardize) standardizeInto(memory, i * changed, image.values, channels, standardize);
    else if (image.values !== values) memory.set(image.values, i * changed);
    labels[i] = examples.labels[row];
  });
  const targets = gatherTargets(examples, rows);
  return { inputs: memory.subarray(0, rows.length * changed), labels, ...(targets && { targets }) };
}

function standardizeInto(
  target: Float32Array,
  at: number,
  values: Float32Array,
  channels: number,
  standardize: (value: number, channel: number) => number,
): void {
  for (let i = 0, channel = 0; i < values.length; i++) {
    target[at + i] = standardize(values[i], channel);
    if (++channel === channels) channel = 0;
  }
}

/** Returns `count` examples of a part of the data set that start at index `first`, without random changes. */
export async function evaluationBatch(dataset: Dataset, part: Split, first: number, count: number): Promise<Batch> {
  const rows = rowsFrom(first, count);
  return part.batch ? part.batch(rows) : evaluated(dataset, await examplesOf(part, rows));
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
    const rows = rowsFrom(block * size, Math.min(size, part.count - block * size));
    const examples = part.batch ? part.batch(rows) : examplesOf(part, rows);
    // The caller that awaits the block receives the error. This handler only avoids an unhandled rejection until then.
    if (examples instanceof Promise) examples.catch(() => undefined);
    return examples;
  };
  // All blocks that are converted here use the same memory.
  const memory = part.batch ? undefined : conversionOf(dataset).create(size * inputSize(dataset));
  const end = first + blocks;
  let next = first < end ? read(first) : undefined;
  for (let block = first; next !== undefined; block++) {
    const examples = next instanceof Promise ? await next : next;
    next = block + 1 < end ? read(block + 1) : undefined;
    yield 'count' in examples ? evaluated(dataset, examples, memory) : examples;
  }
}

function examplesOf(part: Split, rows: Uint32Array): Examples | Promise<Examples> {
  return part.resident ? slice(part.resident, rows[0], rows.length) : part.read(rows);
}

const rowsFrom = (first: number, count: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => first + i);

/**
 * Returns all examples without random changes.
 * @param memory the array for the converted inputs, which must be long enough
 */
export function evaluated(dataset: Dataset, examples: Examples, memory?: ModelValues): Batch {
  const { inputs, labels, targets, count } = examples;
  const { augmentations = [] } = dataset;
  if (augmentations.some(changesEvaluation)) {
    const rows = Uint32Array.from({ length: count }, (_, i) => i);
    const change = (image: Image) => withoutChance(augmentations, image);
    return changedBatch(dataset, examples, rows, change, memory as Float32Array | undefined);
  }
  const conversion = conversionOf(dataset);
  const into = memory ?? conversion.create(inputs.length);
  conversion.convert(inputs, 0, into, 0, inputs.length);
  return { inputs: into.subarray(0, inputs.length), labels: Int32Array.from(labels), ...(targets && { targets }) };
}

const changesEvaluation = (augmentation: Augmentation): boolean => 'evaluate' in augmentation;

/** Returns the purpose of the random stream of a model's dropout, counted from 0. */
export const purposeOfDropout = (dropout: number): number => purposes.dropout + 256 * dropout;

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
  const purpose = purposeOfDropout(dropout);
  for (let i = 0; i < samples; i++) {
    const random = new RandomStream(at.seed, purpose, at.phase, at.step, at.firstSample + i);
    for (let unit = 0; unit < units; unit++) {
      if (random.nextFraction() >= probability) factors[i * units + unit] = kept;
    }
  }
  return factors;
}
