import { Split } from '@prunegrid/proto';
import { Failure } from '@prunegrid/trainer/failure';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { initialParameters } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import type { TrainerGroup } from '../cluster/index.js';
import { epochsOf, stretchOf } from '../experiment/epochs.js';
import { denseKey } from '../experiment/keys.js';
import type { OptimizerSpec, PhaseName, Spec } from '../experiment/spec.js';
import type { Journal } from '../journal/journal.js';
import type { Evaluation, RunResult } from '../journal/records.js';
import { countLayers, deadUnits, hardPruneAll, prunedLayers, survivorsOf, totalOf } from './layers.js';
import { learningRateAt } from './learning-rate.js';
import { methods, type Training } from './methods/index.js';
import { type LayerTensors, writeJson, writeModel } from './run-folder.js';

/** How far the training has come; told after every step, never journalled. */
export interface StepProgress {
  phase: PhaseName;
  /** Steps done in the phase, and in the run; ADMM that stops early makes the run shorter than `totalSteps`. */
  step: number;
  steps: number;
  totalStep: number;
  totalSteps: number;
  /** Of the latest global batch. */
  loss: number;
  accuracy: number;
}

export interface RunContext {
  spec: Spec;
  runId: string;
  model: ModelDescription;
  group: TrainerGroup;
  journal: Journal;
  folder: string;
  /** Dense weights that are there already, instead of dense training. */
  dense?: DenseNetwork;
  /** Asked after each epoch of retraining; the reason that it gives ends the run. */
  reasonToStop?: (epoch: number, validation: Evaluation) => string | undefined;
  onProgress: (progress: StepProgress) => void;
  /** Milliseconds that only grow. */
  now: () => number;
}

/** A network before pruning, as `trainDense` leaves it: what runs with one `denseKey` can share. */
export interface DenseNetwork {
  key: string;
  /** Of the run that trained it. */
  runId: string;
  weights: Float32Array;
  validation: Evaluation;
  test: Evaluation;
}

/** Thrown where `reasonToStop` gave a reason. */
export class Stopped extends Error {}

/** Separates the phases' random numbers from each other. */
const phaseNumbers: Record<PhaseName, number> = { dense: 1, admm: 2, retrain: 3 };

/**
 * Trains, prunes and retrains one network (Zhang et al. 2018): dense training, ADMM or a baseline's way of pruning, hard pruning, masked
 * retraining. Every decision is in the journal; the run folder gets checkpoints, `model.safetensors` and `result.json`.
 */
export async function prune(context: RunContext): Promise<RunResult> {
  return new Pruning(context).run();
}

/** Dense training alone, for runs that share it. The run folder gets its checkpoint. */
export async function trainDense(context: RunContext): Promise<DenseNetwork> {
  return new Pruning(context).denseOnly();
}

class Pruning implements Training {
  private readonly images: { training: number; validation: number; test: number };
  private readonly stepsPerEpoch: number;
  private readonly totalSteps: number;
  private totalStep = 0;
  totalEpochs = 0;
  /** Of the phase under way. */
  private epoch = 0;

  constructor(readonly context: RunContext) {
    const { group, spec } = context;
    const { trainingImages, validationImages, testImages } = group.members[0].ready;
    this.images = { training: trainingImages, validation: validationImages, test: testImages };
    this.stepsPerEpoch = Math.floor(trainingImages / spec.batch.global);
    if (this.stepsPerEpoch === 0) {
      throw new Failure(
        'input',
        `batch.global: ${spec.batch.global} is more than the ${trainingImages} training images: lower it or raise dataset.limit`,
      );
    }
    const epochs = this.epochsOf('dense') + this.epochsOf('admm') + this.epochsOf('retrain');
    this.totalSteps = epochs * this.stepsPerEpoch;
  }

  async run(): Promise<RunResult> {
    const { spec, model, journal, folder, now } = this.context;
    const started = now();

    const { weights: dense, ...denseScores } = this.context.dense
      ? await this.takeDense(this.context.dense)
      : await this.trainDense();

    const layersToPrune = prunedLayers(model, spec, dense);
    const toPrune = await methods[spec.method](this, dense, layersToPrune);
    const { weights, supports } = hardPruneAll(toPrune, layersToPrune);
    const survivors = survivorsOf(model, supports);
    await this.give('retrain', weights, survivors);
    await journal.append({ type: 'hard-pruned', layers: countLayers(model, weights) });
    for (const units of deadUnits(model, supports)) await journal.append({ type: 'dead-units', ...units });
    await this.checkpoint('hard-pruned', 'admm', weights);
    const prunedScore = await this.report('hardPruned');

    const final = await this.retrain(weights, survivors);
    const finalScore = await this.report('final');

    const layers = countLayers(model, final);
    const result: RunResult = {
      dense: accuracies(denseScores),
      hardPruned: accuracies(prunedScore),
      final: accuracies(finalScore),
      layers,
      total: totalOf(layers),
      seconds: (now() - started) / 1000,
      epochs: this.totalEpochs,
    };
    await writeModel(join(folder, 'model.safetensors'), model, final, this.metadata());
    await writeJson(join(folder, 'result.json'), result);
    await journal.append({
      type: 'run-finished',
      result,
      artifacts: ['result.json', 'model.safetensors', 'manifest.json'],
    });
    return result;
  }

  async denseOnly(): Promise<DenseNetwork> {
    const { spec, runId, journal } = this.context;
    const key = denseKey(spec);
    const network = { key, runId, ...(await this.trainDense()) };
    await journal.append({ type: 'dense-finished', key, artifacts: ['manifest.json'] });
    return network;
  }

  private async trainDense(): Promise<{ weights: Float32Array } & Scores> {
    const { spec, model, group } = this.context;
    await this.give('dense', initialParameters(model, spec.seed));
    await this.announce('dense');
    for (let epoch = 0; epoch < spec.dense.epochs; epoch++) await this.trainEpoch('dense');
    const weights = await group.fetchWeights();
    await this.checkpoint('dense', 'dense', weights);
    return { weights, ...(await this.report('dense')) };
  }

  /** Goes on from a dense network as if it had been trained here. */
  private async takeDense({
    key,
    runId,
    weights,
    validation,
    test,
  }: DenseNetwork): Promise<{ weights: Float32Array } & Scores> {
    const { journal } = this.context;
    this.totalEpochs += this.epochsOf('dense');
    this.totalStep += this.totalEpochs * this.stepsPerEpoch;
    await journal.append({ type: 'dense-reused', key, runId });
    await this.checkpoint('dense', 'dense', weights);
    await journal.append({ type: 'evaluated', stage: 'dense', totalEpochs: this.totalEpochs, validation, test });
    return { weights, validation, test };
  }

  /** Trains the survivors and returns the weights of the epoch with the best validation accuracy, the later one of two. */
  private async retrain(pruned: Float32Array, survivors: Uint32Array): Promise<Float32Array> {
    const { group, journal, reasonToStop } = this.context;
    const epochs = this.epochsOf('retrain');
    await this.announce('retrain');
    let best = { accuracy: -1, weights: pruned, epoch: 0 };
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const validation = await this.trainEpoch('retrain');
      if (validation.accuracy >= best.accuracy) {
        best = { accuracy: validation.accuracy, weights: await group.fetchWeights(), epoch };
        await this.checkpoint('retrain', 'retrain', best.weights);
      }
      const reason = epoch < epochs ? reasonToStop?.(epoch, validation) : undefined;
      if (reason !== undefined) {
        await journal.append({ type: 'run-stopped', reason });
        throw new Stopped(reason);
      }
    }
    // Evaluation measures what the trainers hold.
    if (best.epoch < epochs) await this.give('retrain', best.weights, survivors);
    return best.weights;
  }

  async announce(phase: PhaseName): Promise<void> {
    this.epoch = 0;
    await this.context.journal.append({
      type: 'phase-started',
      phase,
      epochs: this.epochsOf(phase),
      stepsPerEpoch: this.stepsPerEpoch,
    });
  }

  private epochsOf(phase: PhaseName): number {
    return epochsOf(this.context.spec)[phase];
  }

  skipEpochs(count: number): void {
    this.totalStep += count * this.stepsPerEpoch;
  }

  /** Hands the trainers the weights, with fresh optimizer moments, and the plan of the phase. */
  async give(phase: PhaseName, weights: Float32Array, survivors?: Uint32Array): Promise<void> {
    const { spec, group } = this.context;
    const { optimizer, dropout } = spec[phase];
    const plan = {
      seed: spec.seed,
      phase: phaseNumbers[phase],
      optimizer: optimizerMessage(optimizer),
      globalBatch: spec.batch.global,
      microBatches: spec.batch.microBatches,
      shift: spec.dataset.shift,
      dropout,
    };
    await group.beginPhase(plan, weights, survivors);
  }

  /** One pass over the training images, measured on the validation part. */
  async trainEpoch(phase: PhaseName): Promise<Evaluation> {
    const { spec, group, journal, now, onProgress } = this.context;
    const steps = this.epochsOf(phase) * this.stepsPerEpoch;
    const firstStep = this.epoch * this.stepsPerEpoch;
    const rates = Array.from({ length: this.stepsPerEpoch }, (_, i) =>
      learningRateAt(spec[phase].learningRate, firstStep + i, steps, this.stepsPerEpoch * stretchOf(spec, phase)),
    );
    const started = now();
    let loss = 0;
    let correct = 0;
    const weightsHash = await group.train(firstStep, rates, (outcome) => {
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
    });
    const seconds = (now() - started) / 1000;
    this.epoch++;
    this.totalEpochs++;
    const validation = await group.evaluate(Split.VALIDATION, this.images.validation);
    const images = this.stepsPerEpoch * spec.batch.global;
    await journal.append({
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

  /** Measures what the trainers hold on the validation part and, for the report only, on the test set. */
  private async report(stage: 'dense' | 'hardPruned' | 'final'): Promise<Scores> {
    const { group, journal } = this.context;
    const validation = await group.evaluate(Split.VALIDATION, this.images.validation);
    const test = await group.evaluate(Split.TEST, this.images.test);
    await journal.append({ type: 'evaluated', stage, totalEpochs: this.totalEpochs, validation, test });
    return { validation, test };
  }

  async checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): Promise<void> {
    const { folder, model, journal } = this.context;
    const file = join('checkpoints', `${name}.safetensors`);
    await writeModel(
      join(folder, file),
      model,
      weights,
      { ...this.metadata(), phase, epochs: String(this.totalEpochs) },
      extra,
    );
    await journal.append({ type: 'checkpoint', file, phase, totalEpochs: this.totalEpochs });
  }

  private metadata(): Record<string, string> {
    return { 'prunegrid.run_id': this.context.runId };
  }
}

interface Scores {
  validation: Evaluation;
  test: Evaluation;
}

const accuracies = ({ validation, test }: Scores) => ({
  testAccuracy: test.accuracy,
  validationAccuracy: validation.accuracy,
});

function optimizerMessage(optimizer: OptimizerSpec) {
  const { name, ...value } = optimizer;
  return { $case: name, value } as Parameters<TrainerGroup['beginPhase']>[0]['optimizer'];
}
