import { type Round, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';

import type { PartialSums, PhaseSettings, Replica, RunOptions } from '../../engines/index.js';
import type { SyncStrategy } from './sync-strategy.js';

interface LocalWorker {
  microBatch: number;
  replica: Replica;
}

/**
 * Local SGD (Stich 2019, arXiv 1805.09767): every micro-batch updates its own weights and moments, and all of them are
 * averaged after each round. The average is over micro-batches and not over trainers, so the result does not depend on
 * the number of trainers, bit for bit. A trainer holds one replica for each of its micro-batches.
 */
export class LocalSgd implements SyncStrategy {
  private constructor(
    private readonly replica: Replica,
    /** The number of micro-batches of a global batch. */
    private readonly leaves: number,
    readonly target: Float32Array,
    private readonly workers: readonly LocalWorker[],
  ) {}

  static async open(
    replica: Replica,
    { microBatches: leaves }: PhaseSettings,
    microBatches: readonly number[],
  ): Promise<LocalSgd> {
    const target = await replica.readState();
    const workers: LocalWorker[] = [];
    for (const microBatch of microBatches) workers.push({ microBatch, replica: await replica.fork() });
    return new LocalSgd(replica, leaves, target, workers);
  }

  async runAlone(
    rounds: readonly Round[],
    learningRates: readonly number[],
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const metrics = new Float32Array(STEP_METRICS * learningRates.length);
    let done = 0;
    for (const round of rounds) {
      const rates = learningRates.slice(done, done + round.count);
      const [[, vector]] = await this.computeRound(round, rates, { signal });
      const tails = vector.subarray(this.target.length);
      await this.beginUpdate(round, tails);
      this.applyUpdate(0, vector.subarray(0, this.target.length));
      await this.commit(round);
      metrics.set(tails, STEP_METRICS * done);
      done += round.count;
    }
    return metrics;
  }

  compute(round: Round, learningRates: readonly number[]): Promise<PartialSums> {
    return this.computeRound(round, learningRates, {});
  }

  prepare({ first }: Round): void {
    for (const { microBatch, replica } of this.workers) replica.prepare(first, [microBatch]);
  }

  async beginUpdate({ first }: Round, tails: Float32Array): Promise<void> {
    for (let i = 0; STEP_METRICS * i < tails.length; i++) {
      await this.replica.requireFinite(first + i, tails[STEP_METRICS * i]);
    }
  }

  applyUpdate(from: number, sum: Float32Array): void {
    this.target.set(sum, from);
  }

  async commit({ count }: Round): Promise<void> {
    await this.replica.setState(this.target, count);
    // The count is 0 because the workers' replicas have counted their own steps.
    for (const { replica } of this.workers) await replica.setState(this.target, 0);
  }

  close(): void {
    for (const { replica } of this.workers) replica.close();
  }

  private async computeRound(
    { first }: Round,
    learningRates: readonly number[],
    options: RunOptions,
  ): Promise<PartialSums> {
    const { leaves } = this;
    const tree = new TreeSum();
    for (const { microBatch, replica } of this.workers) {
      const metrics = await replica.runSteps(first, learningRates, { ...options, microBatch });
      const tails = metrics.map((value, i) => (i % STEP_METRICS === 0 ? value / leaves : value));
      const vector = new Float32Array(this.target.length + tails.length);
      // `leaves` is a power of two, so dividing by it is exact, and the sum is the mean.
      (await replica.readState()).forEach((value, i) => (vector[i] = value / leaves));
      vector.set(tails, this.target.length);
      tree.add(leaves + microBatch, vector);
    }
    return tree.nodes();
  }
}
