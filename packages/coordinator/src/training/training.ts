import { Split } from '@prunegrid/proto';
import { Failure } from '@prunegrid/core/failure';
import type { TensorData } from '@prunegrid/core/safetensors';
import { join } from 'node:path';

import type { TrainerGroup } from '../cluster/index.js';
import { epochsOf, stretchOf } from '../experiment/epochs.js';
import { type OptimizerSpec, type PhaseName, recipeOf } from '../experiment/spec.js';
import type { Evaluation, RunEvent } from './records.js';
import { learningRateAt } from './learning-rate.js';
import type { Training } from './methods/index.js';
import type { RunContext } from './context.js';
import { type LayerTensors, writeModel } from './run-folder.js';
import { type EpochSums, type PhaseState, type Snapshot, writeSnapshot } from './snapshot.js';
import { Writes } from './writes.js';

/** Separates the phases' random numbers from each other. */
const phaseNumbers: Record<PhaseName, number> = { dense: 1, prune: 2, retrain: 3 };

/** A run is saved about so often, in milliseconds ... */
const SAVE_MS = 20_000;
/** ... and more rarely where saving takes long: this many times as long as it takes. */
const SAVE_SHARE = 50;

const freshSums: EpochSums = { steps: 0, loss: 0, correct: 0, seconds: 0, weightsHash: '' };

/** Trains the epochs of a run's phases on a group of trainers, and saves what the run needs to go on. */
export class EpochTraining implements Training {
  private readonly images: { training: number; validation: number; test: number };
  private readonly stepsPerEpoch: number;
  private readonly totalSteps: number;
  private readonly started: number;
  private totalStep = 0;
  private saveDue: number;
  private readonly writes = new Writes();
  totalEpochs = 0;
  epoch = 0;
  /** Of the epoch under way. */
  private sums = freshSums;
  private optimizerSteps = 0;
  /** Of what the trainers hold, where it has been measured. */
  private validation: Evaluation | undefined;
  survivors: Uint32Array | undefined;

  constructor(readonly context: RunContext) {
    const { group, spec, now, resumeState } = context;
    const { trainingImages, validationImages, testImages } = group.trainers[0].ready;
    this.images = { training: trainingImages, validation: validationImages, test: testImages };
    this.stepsPerEpoch = Math.floor(trainingImages / spec.batch.global);
    if (this.stepsPerEpoch === 0) {
      throw new Failure(
        'input',
        `batch.global: ${spec.batch.global} is more than the ${trainingImages} training images: lower it or raise dataset.limit`,
      );
    }
    const epochs = Object.values(epochsOf(spec)).reduce((sum, count) => sum + count, 0);
    this.totalSteps = epochs * this.stepsPerEpoch;
    this.started = now() - (resumeState?.snapshot.seconds ?? 0) * 1000;
    this.saveDue = now() + SAVE_MS;
  }

  /** Of the run so far, those before an interruption included, the time in between not. */
  get seconds(): number {
    return (this.context.now() - this.started) / 1000;
  }

  announce(phase: PhaseName): void {
    this.epoch = 0;
    this.sums = freshSums;
    this.record({
      type: 'phase-started',
      phase,
      epochs: epochsOf(this.context.spec)[phase],
      stepsPerEpoch: this.stepsPerEpoch,
    });
  }

  skipEpochs(count: number): void {
    this.totalStep += count * this.stepsPerEpoch;
  }

  /** The phase was done elsewhere. */
  skipPhase(phase: PhaseName): void {
    const epochs = epochsOf(this.context.spec)[phase];
    this.totalEpochs += epochs;
    this.skipEpochs(epochs);
  }

  /** @param validation what the weights come to on the validation part, where that has been measured */
  async setParameters(
    phase: PhaseName,
    weights: Float32Array,
    survivors?: Uint32Array,
    validation?: Evaluation,
  ): Promise<void> {
    this.survivors = survivors;
    this.optimizerSteps = 0;
    this.validation = validation;
    await this.context.group.beginPhase(this.planOf(phase), weights, survivors);
  }

  async resume(phase: PhaseName): Promise<Snapshot | undefined> {
    const snapshot = this.context.resumeState?.snapshot;
    if (snapshot?.phase !== phase) return undefined;
    const { W, moments, residuals, survivors, steps, epoch, optimizerSteps, totalEpochs, totalStep } = snapshot;
    this.epoch = (steps - epoch.steps) / this.stepsPerEpoch;
    this.sums = epoch;
    this.totalEpochs = totalEpochs;
    this.totalStep = totalStep;
    this.survivors = survivors;
    this.optimizerSteps = optimizerSteps;
    await this.context.group.beginPhase(this.planOf(phase), W, survivors, {
      steps: optimizerSteps,
      moments,
      residuals,
    });
    return snapshot;
  }

  private planOf(phase: PhaseName): Parameters<TrainerGroup['beginPhase']>[0] {
    const { spec } = this.context;
    const { seed, batch, dataset, exchange } = spec;
    const recipe = recipeOf(spec, phase);
    return {
      seed,
      phase: phaseNumbers[phase],
      optimizer: optimizerMessage(recipe.optimizer),
      globalBatch: batch.global,
      microBatches: batch.microBatches,
      shift: dataset.shift,
      dropout: recipe.dropout,
      bfloat16: exchange.gradients === 'bfloat16',
      syncEvery: exchange.syncEvery,
    };
  }

  async trainEpoch(phase: PhaseName, own: () => PhaseState<TensorData> = () => ({})): Promise<Evaluation> {
    const { spec, group, now } = this.context;
    const rates = this.learningRates(phase);
    while (this.sums.steps < this.stepsPerEpoch) {
      await this.trainSteps(phase, rates);
      await this.settled();
      if (group.signal?.aborted || now() >= this.saveDue) await this.save(phase, own());
      group.signal?.throwIfAborted();
    }
    const { loss, correct, seconds, weightsHash } = this.sums;
    const images = this.stepsPerEpoch * spec.batch.global;
    this.epoch++;
    this.totalEpochs++;
    this.sums = freshSums;
    const validation = await this.validate();
    await this.settled();
    this.record({
      type: 'epoch-finished',
      phase,
      epoch: this.epoch,
      totalEpochs: this.totalEpochs,
      trainLoss: loss / this.stepsPerEpoch,
      trainAccuracy: correct / images,
      validation,
      learningRate: rates[rates.length - 1],
      imagesPerSecond: images / seconds,
      weightsHash,
    });
    return validation;
  }

  private stepsOf(phase: PhaseName): number {
    return epochsOf(this.context.spec)[phase] * this.stepsPerEpoch;
  }

  /** One for each step of the epoch under way. */
  private learningRates(phase: PhaseName): number[] {
    const { spec } = this.context;
    const steps = this.stepsOf(phase);
    const stretched = this.stepsPerEpoch * stretchOf(spec, phase);
    const firstStep = this.epoch * this.stepsPerEpoch;
    return Array.from({ length: this.stepsPerEpoch }, (_, i) =>
      learningRateAt(recipeOf(spec, phase).learningRate, firstStep + i, steps, stretched),
    );
  }

  /** Goes on with the epoch, up to its end or to the moment at which the run is to be saved. */
  private async trainSteps(phase: PhaseName, rates: readonly number[]): Promise<void> {
    const { spec, group, now, onProgress } = this.context;
    const steps = this.stepsOf(phase);
    const started = now();
    let { loss, correct } = this.sums;
    const { steps: done, seconds } = this.sums;
    this.validation = undefined;
    const trained = await group.train(
      this.epoch * this.stepsPerEpoch + done,
      rates.slice(done),
      (outcome) => {
        loss += outcome.loss;
        correct += outcome.correct;
        this.totalStep++;
        onProgress({
          phase,
          step: outcome.step + 1,
          steps,
          totalStep: this.totalStep,
          totalSteps: this.totalSteps,
          loss: outcome.loss,
          accuracy: outcome.correct / spec.batch.global,
        });
      },
      () => now() >= this.saveDue || this.writes.failed,
    );
    const { weightsHash } = trained;
    this.optimizerSteps += trained.steps;
    this.sums = {
      steps: done + trained.steps,
      loss,
      correct,
      seconds: seconds + (now() - started) / 1000,
      weightsHash,
    };
  }

  /** To be called after a step, before anything that follows on it. Fetches what is to be saved, and begins to write it. */
  private async save(phase: PhaseName, own: PhaseState<TensorData>): Promise<void> {
    const { group, folder, journal, now } = this.context;
    const started = now();
    const snapshot = {
      seq: journal.nextSeq,
      phase,
      steps: this.epoch * this.stepsPerEpoch + this.sums.steps,
      optimizerSteps: this.optimizerSteps,
      totalEpochs: this.totalEpochs,
      totalStep: this.totalStep,
      seconds: this.seconds,
      epoch: this.sums,
      W: await group.fetchWeights(),
      moments: await group.fetchMoments(),
      residuals: await group.fetchResiduals(),
      ...(this.survivors && { survivors: this.survivors }),
      own,
    };
    this.saveDue = Infinity;
    this.writes.begin(
      writeSnapshot(folder, snapshot).then(() => {
        this.saveDue = now() + Math.max(SAVE_MS, SAVE_SHARE * (now() - started));
      }),
    );
  }

  /** Measures what the trainers hold on the validation part and, for the report only, on the test set. */
  async evaluate(stage: 'dense' | 'hardPruned' | 'final'): Promise<Scores> {
    const validation = await this.validate();
    const test = await this.context.group.evaluate(Split.TEST, this.images.test);
    await this.settled();
    this.record({ type: 'evaluated', stage, totalEpochs: this.totalEpochs, validation, test });
    return { validation, test };
  }

  private async validate(): Promise<Evaluation> {
    return (this.validation ??= await this.context.group.evaluate(Split.VALIDATION, this.images.validation));
  }

  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): void {
    const { folder, model, runId } = this.context;
    const file = checkpointFile(name);
    const metadata = { 'prunegrid.run_id': runId, phase, epochs: String(this.totalEpochs) };
    const written = writeModel(join(folder, file), model, weights, metadata, extra);
    this.record({ type: 'checkpoint', file, phase, totalEpochs: this.totalEpochs }, written);
  }

  record(event: RunEvent, told?: Promise<void>): void {
    this.writes.begin(this.context.journal.append(event, told));
  }

  /** Waits until all that has been recorded and saved lies on the disk. Rejects where it cannot be written. */
  settled(): Promise<void> {
    return this.writes.settled();
  }
}

/** Seen from the run folder. */
export const checkpointFile = (name: string): string => join('checkpoints', `${name}.safetensors`);

export interface Scores {
  validation: Evaluation;
  test: Evaluation;
}

function optimizerMessage(optimizer: OptimizerSpec) {
  const { name, ...value } = optimizer;
  return { $case: name, value } as Parameters<TrainerGroup['beginPhase']>[0]['optimizer'];
}
