import { nodeHost } from '@prunegrid/core/node';
import {
  datasets,
  dropoutFactors,
  epochOrder,
  evaluationBatch,
  type Examples,
  trainingBatch,
} from '@prunegrid/trainer/datasets';

import { inTurns } from './rounds.js';
import type { BenchTable } from './table.js';

/** Images of a micro-batch, as experiments/lenet5-mnist.yaml has it; units of LeNet-5's layer with dropout. */
const SIZE = 32;
const UNITS = 500;
/** Micro-batches of a turn. */
const BATCHES = 400;

/** Micro-batches of MNIST as training takes them: gathered in an epoch's order, shifted, with dropout factors. */
export async function benchLoader(rounds: number): Promise<BenchTable> {
  const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000 }, nodeHost);
  const examples = dataset.training.resident as Examples;
  const order = epochOrder(1, 1, 0, dataset.training.count);
  const placeOf = (step: number) => ({ seed: 1, phase: 1, step, firstSample: 0 });
  const gathered = (pixels: number) => (step: number) =>
    void trainingBatch(dataset, examples, order.subarray(step * SIZE, (step + 1) * SIZE), {
      ...placeOf(step),
      pixels,
    });
  const ways = {
    'as they lie': (step: number) => evaluationBatch(dataset, dataset.training, step * SIZE, SIZE),
    gathered: gathered(0),
    'gathered and shifted by up to 2 pixels': gathered(2),
    'gathered, shifted, and dropout factors': (step: number) => {
      gathered(2)(step);
      dropoutFactors(0.5, UNITS, SIZE, placeOf(step));
    },
  };
  const turn = (take: (step: number) => void | Promise<unknown>) => async () => {
    const started = performance.now();
    for (let step = 0; step < BATCHES; step++) await take(step);
    return (1000 * BATCHES) / (performance.now() - started);
  };
  const contenders = new Map(Object.entries(ways).map(([name, take]) => [name, turn(take)]));
  // The first turns, in which the code is compiled, do not count.
  for (const measure of contenders.values()) await measure();
  const measured = await inTurns(rounds, contenders);
  return {
    about: `MNIST in micro-batches of ${SIZE} images, one thread; medians of ${rounds} rounds of ${BATCHES} in turns`,
    columns: { batchesPerSecond: 'batches/s', imagesPerSecond: 'images/s', toUnmoved: 'to as they lie' },
    rows: [...contenders.keys()].map((name) => ({
      name,
      batchesPerSecond: measured.median(name),
      imagesPerSecond: SIZE * measured.median(name),
      toUnmoved: measured.ratio(name, 'as they lie'),
    })),
  };
}
