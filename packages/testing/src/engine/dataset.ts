import { createHash } from 'node:crypto';

import { RandomStream } from '@prunegrid/core/randomness/philox';
import { cutParts, type Dataset, type DatasetSource, type Examples, slice } from '@prunegrid/trainer/datasets';

const SHAPE = [4, 4, 1];
const PIXELS = 16;
const CLASSES = 4;
/** The number of training examples, including those held out for validation. */
const TRAINING = 512;
const TEST = 128;

/** The purpose of the random stream. It is large because the purposes of training are small numbers. */
const PURPOSE = 1_000_000;

/**
 * A data set of 512 training and 128 test images of 4x4 pixels in four classes, drawn from a fixed seed. Each class is
 * a pattern with noise.
 */
export const smallDataset: DatasetSource = {
  name: 'small',
  async load(choice) {
    const all = draw();
    return {
      name: 'small',
      shape: SHAPE,
      elementType: 'uint8',
      divisor: 255,
      classes: CLASSES,
      ...cutParts('small', { training: slice(all, 0, TRAINING), test: slice(all, TRAINING, TEST) }, choice),
      hash: createHash('sha256').update(all.inputs).update(all.labels).digest('hex'),
    };
  },
};

/** Returns the same data set without resident examples: every batch is read, and arrives asynchronously. */
export function streamed(dataset: Dataset): Dataset {
  const { training, validation, test } = dataset;
  const later = (split: Dataset['test']): Dataset['test'] => ({
    count: split.count,
    // The promise waits for another one, as a read of a file would.
    read: async (indices) => Promise.resolve().then(() => split.read(indices)),
  });
  return { ...dataset, training: later(training), validation: later(validation), test: later(test) };
}

function draw(): Examples & { inputs: Uint8Array; labels: Uint8Array } {
  const count = TRAINING + TEST;
  const patterns = new RandomStream(1, PURPOSE);
  const pattern = Array.from({ length: CLASSES * PIXELS }, () => 64 + patterns.nextBelow(128));
  const inputs = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const random = new RandomStream(1, PURPOSE, 1, i);
    labels[i] = random.nextBelow(CLASSES);
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      inputs[i * PIXELS + pixel] = pattern[labels[i] * PIXELS + pixel] - 64 + random.nextBelow(128);
    }
  }
  return { inputs, labels, count };
}
