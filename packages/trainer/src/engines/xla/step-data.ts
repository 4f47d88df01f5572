import type { Buffers, Device } from './device.js';
import type { PhaseOnDevice } from './phase.js';

/**
 * Copies what the programs are told of the data of some steps.
 * @param most the steps that the program has room for
 * @param firstLeaf the micro-batch that the program counts as its first
 */
export async function stepData(
  device: Device,
  { batches, examples, layout, start }: PhaseOnDevice,
  step: number,
  steps: number,
  microBatches: readonly number[],
  most = 1,
  firstLeaf = 0,
): Promise<{ own: Buffers; kept: Buffers }> {
  const { seed, phase } = start.phase;
  const { samples, model } = layout;
  const shape = [most, microBatches.length, samples];
  const place = await device.put(Uint32Array.of(seed, phase, step, firstLeaf * samples));
  if (examples) {
    const rows = new Int32Array(most * microBatches.length * samples);
    for (let i = 0; i < steps; i++) {
      microBatches.forEach((microBatch, j) =>
        rows.set(batches.indices(step + i, microBatch), (i * microBatches.length + j) * samples),
      );
    }
    return { own: { place, rows: await device.put(rows, shape) }, kept: examples.buffers };
  }
  const size = model.input.shape.reduce((product, extent) => product * extent, samples);
  const create = (length: number) => (model.input.type === 'int32' ? new Int32Array(length) : new Float32Array(length));
  const images = create(microBatches.length * size);
  const labels = new Int32Array(microBatches.length * samples);
  for (const [i, microBatch] of microBatches.entries()) {
    const batch = await batches.take(step, microBatch);
    images.set(batch.inputs, i * size);
    labels.set(batch.labels, i * samples);
  }
  return {
    own: {
      place,
      images: await device.put(images, [...shape, ...model.input.shape]),
      labels: await device.put(labels, shape),
    },
    kept: {},
  };
}

/** Returns the runs of consecutive numbers in ascending order. */
export function runsOf(numbers: readonly number[]): { first: number; count: number }[] {
  const runs: { first: number; count: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.first + last.count === number) last.count++;
    else runs.push({ first: number, count: 1 });
  }
  return runs;
}
