import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { type Dataset, type LabelledImages, pixelsOf, slice } from './dataset.js';

/** The order of an epoch's training images: a permutation (Fisher-Yates), a function of seed, phase and epoch. */
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

/** Images [count, height, width, channels] scaled to [0, 1] and labels [count], ready for an engine. */
export interface Batch {
  images: Float32Array;
  labels: Int32Array;
}

/** The random translation of a micro-batch's images: of at most `pixels` in each direction, zeros coming in. */
export interface Shift {
  pixels: number;
  seed: number;
  phase: number;
  step: number;
  /** Position within the global batch of the micro-batch's first image. */
  firstSample: number;
}

/** What a byte of a pixel becomes: 0 to 1. */
const SCALED = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Gathers the training images `indices`, each translated by random whole pixels where `shift.pixels` > 0. */
export function trainingBatch(dataset: Dataset, indices: Uint32Array, shift: Shift): Batch {
  const [height, width, channels] = dataset.shape;
  const { images, labels } = dataset.training;
  const pixels = height * width * channels;
  const batch = { images: new Float32Array(indices.length * pixels), labels: new Int32Array(indices.length) };
  const range = 2 * shift.pixels + 1;
  for (let i = 0; i < indices.length; i++) {
    const image = indices[i];
    batch.labels[i] = labels[image];
    let down = 0;
    let right = 0;
    if (shift.pixels > 0) {
      const random = new RandomStream(shift.seed, purposes.shift, shift.phase, shift.step, shift.firstSample + i);
      down = random.nextBelow(range) - shift.pixels;
      right = random.nextBelow(range) - shift.pixels;
    }
    const into = batch.images.subarray(i * pixels, (i + 1) * pixels);
    scaleShifted(into, images.subarray(image * pixels, (image + 1) * pixels), dataset.shape, down, right);
  }
  return batch;
}

/** Scales an image to [0, 1] into `into`, which is zero, moved by so many pixels. */
function scaleShifted(
  into: Float32Array,
  image: Uint8Array,
  [height, width, channels]: Dataset['shape'],
  down: number,
  right: number,
): void {
  const first = Math.max(0, right);
  const length = (width - Math.abs(right)) * channels;
  for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
    const target = (row * width + first) * channels;
    const source = ((row - down) * width + first - right) * channels;
    for (let i = 0; i < length; i++) into[target + i] = SCALED[image[source + i]];
  }
}

/** Images first, first + 1, ... as they are. */
export const evaluationBatch = (all: LabelledImages, first: number, count: number): Batch =>
  scaled(slice(all, first, count), new Float32Array(count * pixelsOf(all)));

/** Blocks of `size` images from number `first` on, the last of all shorter where it must be. Each takes over the memory of the one before it. */
export function* evaluationBlocks(all: LabelledImages, size: number, first: number, blocks: number): Generator<Batch> {
  const memory = new Float32Array(size * pixelsOf(all));
  for (let block = first; block < first + blocks; block++) {
    const at = block * size;
    yield scaled(slice(all, at, Math.min(size, all.count - at)), memory);
  }
}

/** @param into at least as long as the images */
function scaled({ images, labels }: LabelledImages, into: Float32Array): Batch {
  for (let i = 0; i < images.length; i++) into[i] = SCALED[images[i]];
  return { images: into.subarray(0, images.length), labels: Int32Array.from(labels) };
}

/** Factors [samples, units] of inverted dropout: 0 with the given probability, else 1 / (1 - probability). */
export function dropoutFactors(
  probability: number,
  units: number,
  samples: number,
  at: Omit<Shift, 'pixels'>,
): Float32Array {
  const factors = new Float32Array(samples * units);
  const kept = 1 / (1 - probability);
  for (let i = 0; i < samples; i++) {
    const random = new RandomStream(at.seed, purposes.dropout, at.phase, at.step, at.firstSample + i);
    for (let unit = 0; unit < units; unit++) {
      if (random.nextFraction() >= probability) factors[i * units + unit] = kept;
    }
  }
  return factors;
}
