import { Failure } from '@prunegrid/core/failure';
import type { TensorData } from '@prunegrid/core/safetensors';
import { join } from 'node:path';

import { epochsBefore, epochsOf, stretchOf } from '../experiment/epochs.js';
import { type PhaseName, recipeOf } from '../experiment/spec.js';
import type { Evaluation, RunEvent } from './records.js';
import { learningRateAt } from './learning-rate.js';
import type { Training } from './methods/index.js';
import type { RunContext } from './context.js';
import { Measuring } from './measuring.js';
import { type LayerTensors, writeCheckpoint } from './model-file.js';
import { phasePlan } from './phase-plan.js';
import { isSnapshot } from './stage-end.js';
import { checkpointFile } from './run-folder.js';
import { SnapshotSchedule } from './snapshot-schedule.js';
import type { EpochSums, PhaseState, StoredPhaseState, StoredSnapshot } from './snapshot.js';
import { Writes } from './writes.js';

const freshSums: EpochSums = { steps: 0, loss: 0, correct: 0, seconds: 0, weightsHash: '' };

/** Trains the epochs of a run's phases on a group of trainers, and saves what the run needs in order to be resumed. */
export class EpochTraining implements Training {
  private readonly stepsPerEpoch: number;
  private readonly totalSteps: number;
  private readonly started: number;
  private totalStep = 0;
  /** Seconds of training steps in this process. */
  private trainingSeconds = 0;
  private readonly snapshots: SnapshotSchedule;
  private readonly writes = new Writes();
  totalEpochs = 0;
  epoch = 0;
  /** Totals over the steps of the current epoch that are done. */
  private sums = freshSums;
  private optimizerSteps = 0;
  /** Whether the trainers' gradients have been compared since the phase began, or was resumed. */
  private compared = false;
  private readonly measuring: Measuring;
  survivors: Uint32Array | undefined;
  /** Warnings about the result that the run has recorded so far. */
  readonly warnings: string[];

  constructor(readonly context: RunContext) {
    const { group, spec, resumeState } = context;
    const { trainingImages } = group.trainers[0].ready;
    this.measuring = new Measuring(context);
    this.stepsPerEpoch = Math.floor(trainingImages / spec.batch.global);
    if (this.stepsPerEpoch === 0) {
      throw new Failure(
        'input',
        `batch.global: ${spec.batch.global} is more than the ${trainingImages} training images: lower it or raise dataset.limit`,
      );
    }
    const epochs = Object.values(epochsOf(spec)).reduce((sum, count) => sum + count, 0);
    this.totalSteps = epochs * this.stepsPerEpoch;
    this.snapshots = new SnapshotSchedule(context);
    this.warnings = (resumeState?.records.slice(0, resumeState.point.seq) ?? []).flatMap(warningIn);
    this.started = this.now() - (resumeState?.point.seconds ?? 0) * 1000;
    if (!resumeState) return;
    const { point } = resumeState;
    this.totalEpochs = point.totalEpochs;
    this.totalStep = isSnapshot(point) ? point.totalStep : this.stepsPerEpoch * epochsBefore(spec, point.phase);
  }

  /** Seconds of training in this run so far. The time between an interruption and the resume does not count. */
  get seconds(): number {
    return (this.now() - this.started) / 1000;
  }

  /** Returns milliseconds of the monotonic clock. */
  private now(): number {
    return this.context.runtime.clock.monotonic();
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

  /** Counts the epochs of a phase that another run has trained, so that the run's totals include them. */
  skipPhase(phase: PhaseName): void {
    const epochs = epochsOf(this.context.spec)[phase];
    this.totalEpochs += epochs;
    this.skipEpochs(epochs);
  }

  /** @param validation scores of the weights on the validation part, if they have been measured already */
  async setParameters(
    phase: PhaseName,
    weights: Float32Array,
    survivors?: Uint32Array,
    validation?: Evaluation,
  ): Promise<void> {
    this.survivors = survivors;
    this.optimizerSteps = 0;
    this.compared = false;
    this.measuring.changed(validation);
    await this.context.group.beginPhase(phasePlan(this.context.spec, phase), weights, survivors);
  }

  dropVector(): void {
    const { runtime, model } = this.context;
    runtime.memory.dropped(Float32Array.BYTES_PER_ELEMENT * model.size);
  }

  async resume(phase: PhaseName): Promise<{ own: StoredPhaseState } | undefined> {
    const point = this.context.resumeState?.point;
    if (point?.phase !== phase || !isSnapshot(point)) return undefined;
    const { steps, epoch, optimizerSteps, own } = point;
    this.epoch = (steps - epoch.steps) / this.stepsPerEpoch;
    this.sums = epoch;
    this.optimizerSteps = optimizerSteps;
    await this.restoreTrainers(phase, point);
    this.dropVector();
    return { own };
  }

  private async restoreTrainers(phase: PhaseName, { trained, optimizerSteps: steps }: StoredSnapshot): Promise<void> {
    const { W, survivors, ...state } = await trained();
    this.survivors = survivors;
    await this.context.group.beginPhase(phasePlan(this.context.spec, phase), W, survivors, { steps, ...state });
  }

  async trainEpoch(
    phase: PhaseName,
    own: () => PhaseState<TensorData> = () => ({}),
    memory?: Float32Array,
  ): Promise<Evaluation> {
    const { spec, group } = this.context;
    const rates = this.learningRates(phase);
    while (this.sums.steps < this.stepsPerEpoch) {
      const comparing = await this.trainSteps(phase, rates);
      await this.settled();
      if (group.signal?.aborted || this.snapshots.isDue) await this.save(phase, own(), comparing, memory);
      group.signal?.throwIfAborted();
    }
    const { loss, correct, seconds, weightsHash } = this.sums;
    const images = this.stepsPerEpoch * spec.batch.global;
    this.epoch++;
    this.totalEpochs++;
    this.sums = freshSums;
    const validation = await this.measuring.onValidation();
    await this.settled();
    this.record({
      type: 'epoch-finished',
      phase,
      epoch: this.epoch,
      totalEpochs: this.totalEpochs,
      trainLoss: loss / this.stepsPerEpoch,
      trainAccuracy: this.measuring.hasClasses ? correct / images : NaN,
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

  /** Returns the learning rate of each step of the current epoch. */
  private learningRates(phase: PhaseName): number[] {
    const { spec } = this.context;
    const { learningRate } = recipeOf(spec, phase);
    if (!learningRate) throw new Error(`${phase} trains without a learning rate`);
    const steps = this.stepsOf(phase);
    const stretched = this.stepsPerEpoch * stretchOf(spec, phase);
    const firstStep = this.epoch * this.stepsPerEpoch;
    return Array.from({ length: this.stepsPerEpoch }, (_, i) =>
      learningRateAt(learningRate, firstStep + i, steps, stretched),
    );
  }

  /**
   * Trains the next steps of the epoch, until the epoch ends or a snapshot is due. A trainer that computes wrongly is found
   * before anything is recorded or saved in which it has had a part, and before it has one if it does so from the start.
   */
  private async trainSteps(phase: PhaseName, rates: readonly number[]): Promise<number> {
    const { spec, group, onProgress } = this.context;
    const steps = this.stepsOf(phase);
    let { loss, correct } = this.sums;
    const { steps: done, seconds } = this.sums;
    const first = this.epoch * this.stepsPerEpoch + done;
    if (!this.compared) await group.compareGradients(first);
    this.compared = true;
    const started = this.now();
    this.measuring.changed();
    const trained = await group.train(
      first,
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
          trainingSeconds: this.trainingSeconds + (this.now() - started) / 1000,
          loss: outcome.loss,
          accuracy: this.measuring.hasClasses ? outcome.correct / spec.batch.global : NaN,
        });
      },
      () => this.snapshots.isDue || this.writes.failed,
    );
    const { weightsHash } = trained;
    const spent = (this.now() - started) / 1000;
    this.trainingSeconds += spent;
    this.optimizerSteps += trained.steps;
    this.sums = { steps: done + trained.steps, loss, correct, seconds: seconds + spent, weightsHash };
    const ended = this.now();
    await group.compareGradients(first + trained.steps - 1);
    return this.now() - ended;
  }

  /**
   * Fetches the tensors of a snapshot from the trainers and starts to write it. It must be called directly after a
   * step, because a snapshot describes the run before anything that follows that step, such as an evaluation.
   */
  private async save(
    phase: PhaseName,
    own: PhaseState<TensorData>,
    comparing: number,
    memory?: Float32Array,
  ): Promise<void> {
    const { group, journal } = this.context;
    // Comparing is a part of what a snapshot costs, so that it is bounded as saving is.
    const started = this.now() - comparing;
    const snapshot = {
      seq: journal.nextSeq,
      phase,
      steps: this.epoch * this.stepsPerEpoch + this.sums.steps,
      optimizerSteps: this.optimizerSteps,
      totalEpochs: this.totalEpochs,
      totalStep: this.totalStep,
      seconds: this.seconds,
      epoch: this.sums,
      W: await group.fetchWeights(memory),
      moments: await group.fetchMoments(),
      residuals: await group.fetchResiduals(),
      ...(this.survivors && { survivors: this.survivors }),
      own,
    };
    this.writes.begin(this.snapshots.write(snapshot, started).then(() => this.dropVector()));
  }

  /** Measures the current weights on the validation part and on the test set. The test scores are only reported. */
  async evaluate(stage: 'dense' | 'hardPruned' | 'final'): Promise<Scores> {
    const validation = await this.measuring.onValidation();
    const test = await this.measuring.onTest();
    await this.settled();
    this.record({ type: 'evaluated', stage, totalEpochs: this.totalEpochs, validation, test });
    return { validation, test };
  }

  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): void {
    const { runtime, folder, model, checkLock } = this.context;
    const file = checkpointFile(name);
    const { totalEpochs } = this;
    const metadata = { phase, epochs: String(totalEpochs) };
    const write = async () => {
      await checkLock();
      await writeCheckpoint(runtime, join(folder, file), model, weights, metadata, extra);
    };
    this.record({ type: 'checkpoint', file, phase, totalEpochs }, write());
  }

  record(event: RunEvent, told?: Promise<void>): void {
    this.warnings.push(...warningIn(event));
    // A record must not follow one that could not be written: the journal would lack that one for ever.
    const before = Promise.all([told, this.settled()]);
    this.writes.begin(this.context.journal.append(event, before));
  }

  /** Resolves when all records, checkpoints and snapshots are on disk. Rejects if one cannot be written. */
  settled(): Promise<void> {
    return this.writes.settled();
  }
}

const warningIn = (event: RunEvent): string[] => (event.type === 'admm-not-converged' ? [event.message] : []);

export interface Scores {
  validation: Evaluation;
  test: Evaluation;
}
