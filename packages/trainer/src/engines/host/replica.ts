import { sizeOf } from '@prunegrid/numerics/shape';
import { roundToBfloat16 } from '@prunegrid/numerics/bfloat16';
import {
  clipByGlobalNorm,
  createOptimizer,
  type Optimizer,
  type ParameterRange,
  type Update,
} from '@prunegrid/numerics/optimizers';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import type { Clock } from '@prunegrid/core/runtime';

import { type TrainingBatch, TrainingBatches } from '../../datasets/index.js';
import { type Model } from '../../models/index.js';
import type {
  Evaluation,
  EvaluationRequest,
  LayerPenalty,
  PartialSums,
  PhaseSettings,
  Replica,
  ReplicaStart,
  RunOptions,
} from '../engine.js';
import { evaluateBlocks } from './evaluator.js';
import type { DeviceVector, Network, NetworkProvider } from './network.js';
import { hashOf, nonFinite } from './non-finite.js';
import { penaltiesOf, trainedRanges } from './trained-parameters.js';

/**
 * The replica of engines that compute gradients on the host. W and the optimizer, whose loops are in WebAssembly, are
 * in the memory of this process.
 */
export class HostReplica implements Replica {
  private readonly model: Model;
  private readonly phase: PhaseSettings;
  /** The positions in W of the parameters that the phase trains. It is undefined if the phase trains all of them. */
  private readonly survivors: Uint32Array | undefined;
  /** All parameters, W. */
  readonly weights: Float32Array;
  /** The ranges of the model's tensors in `target`. */
  private readonly ranges: ParameterRange[];
  private readonly optimizer: Optimizer;
  /** The number of optimizer steps that have been made. */
  private steps: number;
  /** The rounding error of each micro-batch, if gradients are rounded to bfloat16. */
  private readonly residuals = new Map<number, Float32Array>();
  /** The vectors that were read in the latest call of `computeGradients`. */
  private vectors: readonly Float32Array[] = [];
  private readonly network: Network;
  private readonly batches: TrainingBatches;
  private update: Update | undefined;

  constructor(
    private readonly provider: NetworkProvider,
    private readonly clock: Clock,
    private readonly start: Omit<ReplicaStart, 'weights' | 'state'>,
    { weights, state }: Pick<ReplicaStart, 'weights' | 'state'>,
    batches?: TrainingBatches,
  ) {
    const { model, dataset, phase, survivors } = start;
    this.model = model;
    this.phase = phase;
    this.survivors = survivors;
    this.ranges = trainedRanges(model, survivors);
    const trained = survivors ? Float32Array.from(survivors, (position) => weights[position]) : weights;
    this.optimizer = createOptimizer(phase.optimizer, this.ranges, trained, state?.moments);
    this.weights = survivors ? weights : this.optimizer.parameters;
    this.steps = state?.steps ?? 0;
    state?.residuals?.forEach((residual, microBatch) => this.residuals.set(microBatch, residual));
    const units = model.dropouts.map(({ shape }) => sizeOf(shape));
    this.batches = batches ?? new TrainingBatches(dataset, phase, units);
    this.network = provider.open(model);
    this.network.setParameters(this.weights);
  }

  get target(): Float32Array {
    return this.optimizer.parameters;
  }

  /** The optimizer's moments of the trained parameters. */
  get moments(): readonly Float32Array[] {
    return this.optimizer.moments;
  }

  async setPenalty(layers: readonly LayerPenalty[], target: Float32Array): Promise<void> {
    const penalties = Array.from(
      penaltiesOf({ model: this.model, survivors: this.survivors }, this.ranges, layers, target),
      ({ index, rho, target }) => [index, { rho, target }] as const,
    );
    this.optimizer.setPenalties(new Map(penalties));
  }

  prepare(step: number, microBatches: readonly number[]): void {
    for (const microBatch of microBatches) this.batches.prepare(step, microBatch);
  }

  async runSteps(
    firstStep: number,
    learningRates: readonly number[],
    { microBatch, signal }: RunOptions = {},
  ): Promise<Float32Array> {
    const all = Array.from({ length: this.phase.microBatches }, (_, i) => i);
    const microBatches = microBatch === undefined ? all : [microBatch];
    const metrics = new Float32Array(STEP_METRICS * learningRates.length);
    for (const [i, learningRate] of learningRates.entries()) {
      const step = firstStep + i;
      const gradient =
        microBatch === undefined
          ? (await this.computeGradients(step, microBatches))[0][1]
          : this.trainedOf(await (await this.deviceGradient(step, microBatch, 1)).read());
      metrics.set(gradient.subarray(-STEP_METRICS), STEP_METRICS * i);
      await this.beginUpdate(step, metrics[STEP_METRICS * i], learningRate);
      this.applyUpdate(0, gradient.subarray(0, -STEP_METRICS));
      await this.commit();
      // One turn of the event loop after each step receives messages of the coordinator, such as the end of the lease.
      await this.clock.turn();
      signal?.throwIfAborted();
    }
    return metrics;
  }

  async computeGradients(step: number, microBatches: readonly number[]): Promise<PartialSums> {
    for (const vector of this.vectors) this.network.discard?.(vector);
    this.vectors = [];
    const leaves = this.phase.microBatches;
    // The number of micro-batches is a power of two, so scaling by its inverse is exact.
    const scale = 1 / leaves;
    if (!this.phase.bfloat16) {
      const onDevice = new TreeSum<DeviceVector>((a, b) => a.plus(b));
      for (const each of microBatches) onDevice.add(leaves + each, await this.deviceGradient(step, each, scale));
      const nodes = onDevice.nodes();
      this.vectors = await Promise.all(nodes.map(async ([, vector]) => vector.read()));
      return nodes.map(([node], i) => [node, this.trainedOf(this.vectors[i])]);
    }
    const tree = new TreeSum();
    for (const each of microBatches) {
      const vector = this.trainedOf(await (await this.deviceGradient(step, each, scale)).read());
      roundToBfloat16(vector.subarray(0, -STEP_METRICS), this.residualOf(each));
      tree.add(leaves + each, vector);
    }
    return tree.nodes();
  }

  async beginUpdate(step: number, loss: number, learningRate: number): Promise<void> {
    await this.requireFinite(step, loss);
    this.update = this.optimizer.step(++this.steps, learningRate);
  }

  applyUpdate(from: number, sum: Float32Array): void {
    const { gradientClipping } = this.phase;
    if (gradientClipping !== undefined) {
      if (sum.length !== this.target.length) throw new RangeError('only a whole gradient can be clipped');
      clipByGlobalNorm(sum, gradientClipping, this.ranges);
    }
    this.update?.(sum, from);
  }

  async commit(): Promise<void> {
    this.writeBack();
  }

  async requireFinite(step: number, loss: number): Promise<void> {
    if (!Number.isFinite(loss)) throw nonFinite(this.model, this.weights, step);
  }

  async fork(): Promise<HostReplica> {
    const { steps, optimizer, survivors } = this;
    const { moments, penalties } = optimizer;
    const weights = survivors ? this.weights.slice() : this.weights;
    const state = { steps, moments };
    const fork = new HostReplica(this.provider, this.clock, this.start, { weights, state }, this.batches);
    fork.optimizer.setPenalties(penalties);
    return fork;
  }

  async readState(): Promise<Float32Array> {
    const parts = [this.target, ...this.moments];
    const vector = new Float32Array(parts.length * this.target.length);
    parts.forEach((part, i) => vector.set(part, i * part.length));
    return vector;
  }

  async setState(state: Float32Array, steps: number): Promise<void> {
    const { length } = this.target;
    [this.target, ...this.moments].forEach((part, i) => part.set(state.subarray(i * length, (i + 1) * length)));
    this.steps += steps;
    this.writeBack();
  }

  async readWeights(): Promise<Float32Array> {
    return this.weights;
  }

  async readMoments(from: number, to: number): Promise<readonly Float32Array[]> {
    return this.moments.map((moment) => moment.subarray(from, to));
  }

  async readResidual(microBatch: number): Promise<Float32Array> {
    return this.residualOf(microBatch);
  }

  async evaluate(request: EvaluationRequest): Promise<Evaluation> {
    return evaluateBlocks(this.network, this.start.dataset, request);
  }

  async hashWeights(step: number): Promise<string> {
    return hashOf(this.model, this.weights, step);
  }

  close(): void {
    this.network.close();
  }

  private residualOf(microBatch: number): Float32Array {
    const residual = this.residuals.get(microBatch) ?? new Float32Array(this.target.length);
    this.residuals.set(microBatch, residual);
    return residual;
  }

  private async deviceGradient(step: number, microBatch: number, scale: number): Promise<DeviceVector> {
    const taken = this.batches.take(step, microBatch);
    const batch: TrainingBatch = taken instanceof Promise ? await taken : taken;
    return this.network.gradient(batch, scale, batch.dropout, this.phase.labelSmoothing);
  }

  /**
   * Returns the elements of the trained parameters of a vector over all parameters, followed by the elements after the
   * end of W.
   */
  private trainedOf(all: Float32Array): Float32Array {
    if (!this.survivors) return all;
    const gathered = new Float32Array(this.target.length + STEP_METRICS);
    this.survivors.forEach((position, i) => (gathered[i] = all[position]));
    gathered.set(all.subarray(this.model.size), this.target.length);
    return gathered;
  }

  /** Copies the trained parameters to W and to the network. */
  private writeBack(): void {
    this.survivors?.forEach((position, i) => (this.weights[position] = this.target[i]));
    this.network.setParameters(this.weights);
  }
}
