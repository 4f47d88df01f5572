import type { BeginPhase, LayerPenalty } from '@prunegrid/proto';
import { roundToBfloat16 } from '@prunegrid/numerics/bfloat16';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { createHash } from 'node:crypto';

import { type Batch, type Dataset, dropoutFactors, epochOrder, trainingBatch } from '../datasets/index.js';
import type { BatchScore, DeviceVector, Engine, Network } from '../engines/engine.js';
import { Failure } from '@prunegrid/core/failure';
import type { Model } from '../models/index.js';
import {
  createOptimizer,
  type Update,
  type Optimizer,
  type OptimizerState,
  type ParameterRange,
} from '@prunegrid/numerics/optimizers';

interface PreparedBatch extends Batch {
  dropout?: Float32Array;
}

/**
 * One trainer's copy of W and of the optimizer within a phase. Whatever it computes is a function of the phase, the step and the
 * micro-batch, so all replicas agree bit for bit.
 */
export class Replica {
  /** Positions in W that the phase trains; undefined where it trains all of them. */
  private readonly survivors: Uint32Array | undefined;
  /** W: all parameters. */
  readonly weights: Float32Array;
  /** The model's tensors in `trained`. */
  private readonly ranges: ParameterRange[];
  private readonly optimizer: Optimizer;
  /** Optimizer steps done. */
  private steps: number;
  /** By micro-batch, where gradients are rounded to bfloat16. */
  private readonly residuals = new Map<number, Float32Array>();
  private readonly network: Network;
  private update: Update | undefined;
  private order: { epoch: number; indices: Uint32Array } | undefined;
  private readonly prepared = new Map<string, PreparedBatch>();
  private readonly stepsPerEpoch: number;

  /**
   * @param weights [model.size]: W to begin with, owned by the replica from now on
   * @param survivors where the phase is masked: ascending positions in `weights`; all others must be zero or stay as they are
   * @param state of the optimizer, where the phase goes on
   */
  constructor(
    private readonly engine: Engine,
    private readonly model: Model,
    private readonly dataset: Dataset,
    private readonly phase: BeginPhase,
    weights: Float32Array,
    survivors?: Uint32Array,
    state?: OptimizerState,
  ) {
    if (!phase.optimizer)
      throw new Failure('input', 'the coordinator named no optimizer: are both sides of one version?');
    this.survivors = survivors;
    this.ranges = trainedRanges(model, survivors);
    const trained = survivors ? Float32Array.from(survivors, (position) => weights[position]) : weights;
    this.optimizer = createOptimizer(phase.optimizer, this.ranges, trained, state?.moments);
    this.weights = survivors ? weights : this.optimizer.parameters;
    this.steps = state?.steps ?? 0;
    state?.residuals?.forEach((residual, microBatch) => this.residuals.set(microBatch, residual));
    this.stepsPerEpoch = Math.floor(dataset.training.count / phase.globalBatch);
    this.network = engine.open(model);
    this.network.setParameters(this.weights);
  }

  /** The trained parameters: W itself, or the survivors gathered from it. Between `beginMove` and `settle` others may fill in what they have moved. */
  get trained(): Float32Array {
    return this.optimizer.parameters;
  }

  /** Length of the vectors that a step exchanges. */
  get exchangedLength(): number {
    return this.trained.length + STEP_METRICS;
  }

  /** Steps from one exchange to the next. */
  get syncEvery(): number {
    return Math.max(1, this.phase.syncEvery);
  }

  /** Whether micro-batches' gradients are values of bfloat16. */
  get bfloat16(): boolean {
    return this.phase.bfloat16;
  }

  /** Leaves of the summation tree: the micro-batches of a global batch. */
  get leaves(): number {
    return this.phase.microBatches;
  }

  /** The optimizer's moments of the trained parameters. */
  get moments(): readonly Float32Array[] {
    return this.optimizer.moments;
  }

  /** `target` holds Z - U of the layers in `layers`, one after another, of weights that are not trained too. */
  setPenalty(layers: LayerPenalty[], target: Float32Array): void {
    let start = 0;
    const penalties = layers.map(({ layer, rho }) => {
      const index = weightOf(this.model, layer);
      const { offset, size } = this.model.parameters[index];
      const { from, to } = this.ranges[index];
      const whole = target.subarray(start, (start += size));
      const own = this.survivors?.subarray(from, to);
      return [
        index,
        { rho, target: own ? Float32Array.from(own, (position) => whole[position - offset]) : whole },
      ] as const;
    });
    this.optimizer.setPenalties(new Map(penalties));
  }

  /** What rounding to bfloat16 has left out of a micro-batch's gradients so far: as long as the trained parameters. */
  residualOf(microBatch: number): Float32Array {
    const residual = this.residuals.get(microBatch) ?? new Float32Array(this.trained.length);
    this.residuals.set(microBatch, residual);
    return residual;
  }

  /**
   * These micro-batches' gradients, losses and correct answers, added up as far as they are neighbours in the summation tree: nodes of it with vectors
   * [exchangedLength]. Every micro-batch's is a share of the global batch's.
   */
  gradients(step: number, microBatches: readonly number[]): [number, Float32Array][] {
    // 1 / microBatches is a power of two: scaling by it is exact.
    const scale = 1 / this.phase.microBatches;
    if (!this.phase.bfloat16) {
      const onDevice = new TreeSum<DeviceVector>((a, b) => a.plus(b));
      for (const each of microBatches) onDevice.add(this.leaves + each, this.deviceGradient(step, each, scale));
      return onDevice.nodes().map(([node, vector]) => [node, this.trainedOf(vector.read())]);
    }
    const tree = new TreeSum();
    for (const each of microBatches) {
      const vector = this.trainedOf(this.deviceGradient(step, each, scale).read());
      roundToBfloat16(vector.subarray(0, -STEP_METRICS), this.residualOf(each));
      tree.add(this.leaves + each, vector);
    }
    return tree.nodes();
  }

  /** A step of the micro-batch's own, along its gradient alone. Returns its loss and correct answers. Throws Failure where the loss is not finite. */
  stepAlone(step: number, microBatch: number, learningRate: number): readonly [loss: number, correct: number] {
    const gradient = this.trainedOf(this.deviceGradient(step, microBatch, 1).read());
    const [loss, correct] = gradient.subarray(-STEP_METRICS);
    this.beginUpdate(step, loss, learningRate);
    this.applyUpdate(0, gradient.subarray(0, -STEP_METRICS));
    this.commit();
    return [loss, correct];
  }

  private deviceGradient(step: number, microBatch: number, scale: number): DeviceVector {
    this.prepare(step, microBatch);
    const key = `${step}/${microBatch}`;
    const batch = this.prepared.get(key) as PreparedBatch;
    this.prepared.delete(key);
    return this.network.gradient(batch, scale, batch.dropout);
  }

  /** Of a vector over all parameters, the trained ones, and what follows on them. */
  private trainedOf(all: Float32Array): Float32Array {
    if (!this.survivors) return all;
    const gathered = new Float32Array(this.exchangedLength);
    this.survivors.forEach((position, i) => (gathered[i] = all[position]));
    gathered.set(all.subarray(this.model.size), this.trained.length);
    return gathered;
  }

  /** Gathers a micro-batch's images ahead of time. */
  prepare(step: number, microBatch: number): void {
    const key = `${step}/${microBatch}`;
    if (this.prepared.has(key)) return;
    const { seed, phase, globalBatch, microBatches, shift, dropout } = this.phase;
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (this.order?.epoch !== epoch) {
      this.order = { epoch, indices: epochOrder(seed, phase, epoch, this.dataset.training.count) };
    }
    const size = globalBatch / microBatches;
    const firstSample = microBatch * size;
    const start = (step % this.stepsPerEpoch) * globalBatch + firstSample;
    const at = { seed, phase, step, firstSample };
    const batch: PreparedBatch = trainingBatch(this.dataset, this.order.indices.subarray(start, start + size), {
      ...at,
      pixels: shift,
    });
    if (dropout > 0) batch.dropout = dropoutFactors(dropout, this.model.dropoutUnits, size, at);
    this.prepared.set(key, batch);
  }

  /**
   * Begins to move W by one optimizer step. Throws Failure where `loss`, the global batch's, is not finite, before anything is moved.
   * What follows are `move` for every parameter that is not given by another trainer, and `settle`.
   */
  beginUpdate(step: number, loss: number, learningRate: number): void {
    this.requireFinite(step, loss);
    this.update = this.optimizer.step(++this.steps, learningRate);
  }

  /** Throws Failure, with where it began, unless the step's loss is finite. */
  requireFinite(step: number, loss: number): void {
    if (!Number.isFinite(loss)) throw this.nonFinite(step);
  }

  /** Moves the trained parameters from number `from` on along `gradient`, the sum over the global batch, and the penalty's. */
  applyUpdate(from: number, gradient: Float32Array): void {
    this.update?.(gradient, from);
  }

  /** Ends a move: W is now what the trained parameters are. */
  commit(): void {
    this.survivors?.forEach((position, i) => (this.weights[position] = this.trained[i]));
    this.network.setParameters(this.weights);
  }

  /** A replica of its own in the same state. */
  fork(): Replica {
    const { steps, optimizer, survivors } = this;
    const { moments, penalties } = optimizer;
    const weights = survivors ? this.weights.slice() : this.weights;
    const fork = new Replica(this.engine, this.model, this.dataset, this.phase, weights, survivors, { steps, moments });
    fork.optimizer.setPenalties(penalties);
    return fork;
  }

  /** The trained parameters and the optimizer's moments, one after another, in a new array. */
  stateVector(): Float32Array {
    const parts = [this.trained, ...this.moments];
    const vector = new Float32Array(parts.length * this.trained.length);
    parts.forEach((part, i) => vector.set(part, i * part.length));
    return vector;
  }

  /** Takes a state vector over, to which so many steps have led. */
  setState(vector: Float32Array, steps: number): void {
    const { length } = this.trained;
    [this.trained, ...this.moments].forEach((part, i) => part.set(vector.subarray(i * length, (i + 1) * length)));
    this.steps += steps;
    this.commit();
  }

  /** Measures W on images that it is not trained on. */
  score(batch: Batch): BatchScore {
    return this.network.score(batch);
  }

  /** Gives the device's memory back; the replica must not be used any more. */
  close(): void {
    this.network.close();
  }

  /** SHA-256 of W's bytes, in hex. Throws Failure where W is not finite. */
  weightsHash(step: number): string {
    if (this.weights.some((value) => !Number.isFinite(value))) throw this.nonFinite(step);
    const { buffer, byteOffset, byteLength } = this.weights;
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
  }

  private nonFinite(step: number): Failure {
    const values = ({ offset, size }: { offset: number; size: number }) => this.weights.subarray(offset, offset + size);
    const broken = this.model.parameters.find((parameter) =>
      values(parameter).some((value) => !Number.isFinite(value)),
    );
    const largest = this.model.parameters
      .map((parameter) => ({
        parameter,
        value: values(parameter).reduce((max, value) => Math.max(max, Math.abs(value)), 0),
      }))
      .reduce((a, b) => (b.value > a.value ? b : a));
    const where = broken
      ? `${broken.name} is no longer finite`
      : `the loss is not finite, the largest value is ${largest.value.toExponential(2)} in ${largest.parameter.name}`;
    return new Failure('training', `step ${step} of the phase: ${where}: lower the learning rate or rho`);
  }
}

/** Index of the layer's weights among the model's parameters. */
function weightOf(model: Model, layer: string): number {
  const index = model.parameters.findIndex((candidate) => candidate.layer === layer && candidate.kind === 'weight');
  if (index < 0) throw new Failure('input', `layer ${layer} is not in ${model.name}: are both sides of one version?`);
  return index;
}

/** The model's tensors as ranges of the trained vector. */
function trainedRanges(model: Model, survivors: Uint32Array | undefined): ParameterRange[] {
  let at = 0;
  return model.parameters.map(({ kind, offset, size }) => {
    const from = at;
    if (!survivors) at = offset + size;
    else while (at < survivors.length && survivors[at] < offset + size) at++;
    return { from, to: at, decayed: kind === 'weight' };
  });
}
