import { createHash } from 'node:crypto';

import { RandomStream } from '@prunegrid/core/randomness/philox';
import { cutParts, slice } from '@prunegrid/trainer/datasets';

const TRAINING = 1024;
const TEST = 256;

const quadrants = {
  name: 'quadrants',
  async load(choice) {
    const all = draw(TRAINING + TEST);
    return {
      ...{ name: choice.name, shape: [2], elementType: 'float32', classes: 2 },
      // Holds out what the experiment asks for, and keeps to its limit.
      ...cutParts('quadrants', { training: slice(all, 0, TRAINING), test: slice(all, TRAINING, TEST) }, choice),
      hash: createHash('sha256').update(all.inputs).update(all.labels).digest('hex'),
    };
  },
};

/** Points of the square from -1 to 1; the class says whether both coordinates have the same sign. */
function draw(count) {
  const random = new RandomStream(1, 2_000_000);
  const inputs = Float32Array.from({ length: 2 * count }, () => (random.nextBelow(2 ** 16) + 0.5) / 2 ** 15 - 1);
  const labels = Uint8Array.from({ length: count }, (_, i) => (inputs[2 * i] > 0 === inputs[2 * i + 1] > 0 ? 1 : 0));
  return { inputs, labels, count };
}

/** Adds `dataset: { name: quadrants }`. */
export default function extend({ datasets }) {
  datasets.add(quadrants);
}
