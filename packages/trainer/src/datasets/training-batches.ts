import { Failure } from '@prunegrid/core/failure';
import type { Batch, BatchPosition, ModelValues } from './batch.js';
import { dropoutFactors, epochOrder, trainingBatch } from './batches.js';
import type { Dataset, Examples } from './dataset.js';

/** The steps whose micro-batches are read while the engine computes, if they are not in memory. */
const STEPS_AHEAD = 2;

/** How a phase draws its batches from the training examples. */
export interface BatchPlan {
  seed: number;
  phase: number;
  /** The number of examples in one optimizer step. */
  globalBatch: number;
  /** The number of micro-batches of equal size that form the global batch. */
  microBatches: number;
  /** The largest random translation of a training image in each direction, in pixels. */
  shift: number;
  /** The probability with which a unit is dropped: one for all of the model's dropouts, or one for each. */
  dropout: number | readonly number[];
}

export interface TrainingBatch extends Batch {
  /** The factors [batch, units] of each of the model's dropouts. It is undefined if no unit is dropped. */
  dropout?: Float32Array[];
}

/**
 * Makes the micro-batches of a phase. Each depends only on the plan, the step and its number. If the data set is in
 * memory, a batch is returned at once; otherwise it is a promise, and batches can be read ahead.
 */
export class TrainingBatches {
  private order: { epoch: number; indices: Uint32Array } | undefined;
  private readonly prepared = new Map<string, TrainingBatch | Promise<TrainingBatch>>();
  /** The inputs of batches that have been made, by the remainder of the step and by the micro-batch. */
  private readonly memory = new Map<string, ModelValues>();
  private readonly stepsPerEpoch: number;

  /**
   * @param units the number of units of each of the model's dropouts
   * @throws {Failure} if the plan translates examples that are not images
   */
  constructor(
    private readonly dataset: Dataset,
    private readonly plan: BatchPlan,
    private readonly units: readonly number[],
  ) {
    if (plan.shift > 0 && dataset.shape.length !== 3) {
      throw new Failure(
        'input',
        `dataset.shift: ${dataset.name} has examples of shape [${dataset.shape.join(', ')}], which are no images: set it to 0`,
      );
    }
    this.stepsPerEpoch = Math.floor(dataset.training.count / plan.globalBatch);
  }

  /** Returns the indices of a micro-batch's training examples, for engines that keep the data set on their device. */
  indices(step: number, microBatch: number): Uint32Array {
    const { seed, phase, globalBatch, microBatches } = this.plan;
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (this.order?.epoch !== epoch) {
      this.order = { epoch, indices: epochOrder(seed, phase, epoch, this.dataset.training.count) };
    }
    const size = globalBatch / microBatches;
    const start = (step % this.stepsPerEpoch) * globalBatch + microBatch * size;
    return this.order.indices.subarray(start, start + size);
  }

  /** Makes a micro-batch before it is needed, or starts to read it. */
  prepare(step: number, microBatch: number): void {
    const key = `${step}/${microBatch}`;
    if (this.prepared.has(key)) return;
    const batch = this.make(step, microBatch);
    // The caller of `take` receives the error. This handler only avoids an unhandled rejection until then.
    if (batch instanceof Promise) batch.catch(() => undefined);
    this.prepared.set(key, batch);
  }

  /**
   * Returns a micro-batch and drops it from memory. Unless the data set is in memory, those of the next steps are read
   * meanwhile, and the batch is valid until the micro-batch of the same number of the next step is taken.
   */
  take(step: number, microBatch: number): TrainingBatch | Promise<TrainingBatch> {
    this.prepare(step, microBatch);
    const key = `${step}/${microBatch}`;
    const batch = this.prepared.get(key) as TrainingBatch | Promise<TrainingBatch>;
    this.prepared.delete(key);
    if (!this.dataset.training.resident) {
      this.forgetBefore(step, microBatch);
      for (let ahead = 1; ahead <= STEPS_AHEAD; ahead++) this.prepare(step + ahead, microBatch);
    }
    return batch;
  }

  /** Drops what was read ahead of a micro-batch for steps that did not come. */
  private forgetBefore(step: number, microBatch: number): void {
    for (const key of this.prepared.keys()) {
      const [at, number] = key.split('/').map(Number);
      if (number === microBatch && at < step) this.prepared.delete(key);
    }
  }

  private make(step: number, microBatch: number): TrainingBatch | Promise<TrainingBatch> {
    const { training } = this.dataset;
    const { seed, phase, shift: pixels } = this.plan;
    const indices = this.indices(step, microBatch);
    const at = { seed, phase, step, firstSample: microBatch * indices.length };
    const change = { ...at, pixels };
    const changed = (examples: Examples, rows: Uint32Array) => trainingBatch(this.dataset, examples, rows, change);
    if (training.resident) return this.withDropout(changed(training.resident, indices), at);
    const batch = training.batch
      ? this.inOldMemory(step, microBatch, (memory) => training.batch?.(indices, change, memory) as Promise<Batch>)
      : training.read(indices).then((examples) => changed(examples, Uint32Array.from(indices.keys())));
    return batch.then((read) => this.withDropout(read, at));
  }

  /**
   * Makes a batch in the memory of one that has been used, if there is one, because allocating and clearing memory takes
   * as long as a third of decoding.
   */
  private async inOldMemory(
    step: number,
    microBatch: number,
    make: (memory: ModelValues | undefined) => Promise<Batch>,
  ): Promise<Batch> {
    const slot = `${step % (STEPS_AHEAD + 1)}/${microBatch}`;
    const memory = this.memory.get(slot);
    this.memory.delete(slot);
    const batch = await make(memory);
    this.memory.set(slot, batch.inputs);
    return batch;
  }

  private withDropout(batch: Batch, at: BatchPosition): TrainingBatch {
    const { dropout } = this.plan;
    const rates = this.units.map((_units, i) => (typeof dropout === 'number' ? dropout : dropout[i]));
    if (rates.every((rate) => rate === 0)) return batch;
    const { length } = batch.labels;
    return { ...batch, dropout: this.units.map((units, i) => dropoutFactors(rates[i], units, length, at, i)) };
  }
}
