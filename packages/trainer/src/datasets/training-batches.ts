import { Failure } from '@prunegrid/core/failure';
import { type Batch, dropoutFactors, epochOrder, trainingBatch } from './batches.js';
import type { Dataset, Examples } from './dataset.js';

/** How a phase goes through the training examples. */
export interface BatchPlan {
  seed: number;
  phase: number;
  /** Examples in one optimizer step. */
  globalBatch: number;
  /** Parts of equal size that the global batch is cut into. */
  microBatches: number;
  /** Largest random translation of a training image, in pixels, in each direction. */
  shift: number;
  /** Probability with which a unit is dropped, in each of the model's dropouts. */
  dropout: number;
}

export interface TrainingBatch extends Batch {
  /** For each of the model's dropouts, factors [batch, units]; undefined if nothing is dropped. */
  dropout?: Float32Array[];
}

/**
 * The micro-batches of a phase, each a function of the plan, the step and its number. Those of a resident data set are there
 * at once; others are read ahead.
 */
export class TrainingBatches {
  private order: { epoch: number; indices: Uint32Array } | undefined;
  private readonly prepared = new Map<string, TrainingBatch | Promise<TrainingBatch>>();
  private readonly stepsPerEpoch: number;

  /**
   * @param units of each of the model's dropouts
   * Throws Failure if the plan translates examples that are no images.
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

  /** The training examples of a micro-batch, by number: for engines that keep the data set on their device. */
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

  /** Makes a micro-batch ahead of time, or begins to read it. */
  prepare(step: number, microBatch: number): void {
    const key = `${step}/${microBatch}`;
    if (this.prepared.has(key)) return;
    const batch = this.make(step, microBatch);
    // If it fails, whoever takes the batch learns of it.
    if (batch instanceof Promise) batch.catch(() => undefined);
    this.prepared.set(key, batch);
  }

  /** As `prepare`, if the micro-batch has to be read; there is no gain in making a resident one early. */
  readAhead(step: number, microBatch: number): void {
    if (!this.dataset.training.resident) this.prepare(step, microBatch);
  }

  /** The micro-batch, once: it is forgotten afterwards. */
  take(step: number, microBatch: number): TrainingBatch | Promise<TrainingBatch> {
    this.prepare(step, microBatch);
    const key = `${step}/${microBatch}`;
    const batch = this.prepared.get(key) as TrainingBatch | Promise<TrainingBatch>;
    this.prepared.delete(key);
    return batch;
  }

  private make(step: number, microBatch: number): TrainingBatch | Promise<TrainingBatch> {
    const { training } = this.dataset;
    const indices = this.indices(step, microBatch);
    if (training.resident) return this.batchOf(training.resident, indices, step, microBatch);
    return training
      .read(indices)
      .then((examples) => this.batchOf(examples, Uint32Array.from(indices.keys()), step, microBatch));
  }

  private batchOf(examples: Examples, rows: Uint32Array, step: number, microBatch: number): TrainingBatch {
    const { seed, phase, shift, dropout } = this.plan;
    const at = { seed, phase, step, firstSample: microBatch * rows.length };
    const batch: TrainingBatch = trainingBatch(this.dataset, examples, rows, { ...at, pixels: shift });
    if (dropout > 0 && this.units.length > 0) {
      batch.dropout = this.units.map((units, i) => dropoutFactors(dropout, units, rows.length, at, i));
    }
    return batch;
  }
}
