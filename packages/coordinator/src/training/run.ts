import { initialParameters } from '@prunegrid/trainer/models';
import { writeStored } from '@prunegrid/core/formats';
import { join } from 'node:path';

import { epochsOf } from '../experiment/epochs.js';
import { denseKey } from '../experiment/keys.js';
import { type Evaluation, resultFormat, type RunResult } from './records.js';
import type { DenseNetwork, RunContext } from './context.js';
import {
  countLayers,
  deadUnits,
  prunedLayers,
  type LayerToPrune,
  nonZeroPositions,
  survivorsOf,
  totalOf,
} from './layers.js';
import { methods } from './methods/index.js';
import { modelMetadata, readModel, writeModel } from './run-folder.js';
import type { PhaseState } from './snapshot.js';
import { checkpointFile, EpochTraining, type Scores } from './training.js';

/** The reason of the signal that ends a run which will be resumed soon, on more trainers or after others. */
export class Paused extends Error {}

/** Thrown when `reasonToStop` has given a reason. */
export class Stopped extends Error {}

/**
 * Trains, prunes and retrains one network (Zhang et al. 2018): dense training, ADMM or a baseline's way of pruning, hard pruning, masked
 * retraining. Every decision is in the journal; the run folder gets checkpoints, `model.safetensors` and `result.json`. If the group's signal
 * aborts, the run is saved and then rejects with the signal's reason.
 */
export async function prune(context: RunContext): Promise<RunResult> {
  return toTheEnd(new EpochTraining(context), (training) => new Pruning(training).run());
}

/** Dense training alone, for runs that share it. The run folder gets its checkpoint. */
export async function trainDense(context: RunContext): Promise<DenseNetwork> {
  return toTheEnd(new EpochTraining(context), (training) => new Pruning(training).denseOnly());
}

/** Settles when nothing is being written any more, whatever the work comes to. Rejects if something could not be written. */
function toTheEnd<T>(training: EpochTraining, work: (training: EpochTraining) => Promise<T>): Promise<T> {
  return work(training).finally(() => training.settled());
}

class Pruning {
  private readonly context: RunContext;

  constructor(private readonly training: EpochTraining) {
    this.context = training.context;
  }

  async run(): Promise<RunResult> {
    const { training } = this;
    const { runtime, spec, model, folder, checkLock } = this.context;
    const { weights: dense, ...denseScores } = await this.denseNetwork();
    const layersToPrune = prunedLayers(model, spec, dense);
    const prunedScore =
      this.recalled('hardPruned') ?? (await this.pruneAndEvaluate(this.startOf(dense), layersToPrune));
    const final = await this.retrain();
    const finalScore = await training.evaluate('final');

    const layers = countLayers(model, final);
    const result: RunResult = {
      dense: accuracies(denseScores),
      hardPruned: accuracies(prunedScore),
      final: accuracies(finalScore),
      layers,
      total: totalOf(layers),
      seconds: training.seconds,
      epochs: training.totalEpochs,
    };
    await checkLock();
    // Nothing of the run itself is in the file, so that the same weights are the same file, byte for byte.
    await writeModel(runtime, join(folder, 'model.safetensors'), model, final, modelMetadata);
    await writeStored(runtime, join(folder, 'result.json'), resultFormat, result);
    training.record({
      type: 'run-finished',
      result,
      artifacts: ['result.json', 'model.safetensors', 'manifest.json'],
    });
    return result;
  }

  async denseOnly(): Promise<DenseNetwork> {
    const { spec, runId } = this.context;
    const key = denseKey(spec);
    const network = { key, runId, ...(await this.trainDense()) };
    this.training.record({ type: 'dense-finished', key, artifacts: ['manifest.json'] });
    return network;
  }

  private async denseNetwork(): Promise<{ weights: Float32Array } & Scores> {
    const { runtime, folder, model, dense } = this.context;
    const scores = this.recalled('dense');
    if (scores) return { weights: await readModel(runtime, join(folder, checkpointFile('dense')), model), ...scores };
    return dense ? this.takeDense(dense) : this.trainDense();
  }

  private async trainDense(): Promise<{ weights: Float32Array } & Scores> {
    const { training } = this;
    const { spec, model, group } = this.context;
    if (!(await training.resume('dense'))) {
      await training.setParameters('dense', initialParameters(model, spec.seed));
      training.announce('dense');
    }
    while (training.epoch < spec.dense.epochs) await training.trainEpoch('dense');
    const weights = await group.fetchWeights();
    training.checkpoint('dense', 'dense', weights);
    return { weights, ...(await training.evaluate('dense')) };
  }

  /** Takes a dense network as if it had been trained here. */
  private async takeDense({
    key,
    runId,
    weights,
    validation,
    test,
  }: DenseNetwork): Promise<{ weights: Float32Array } & Scores> {
    const { training } = this;
    training.skipPhase('dense');
    const { totalEpochs } = training;
    training.record({ type: 'dense-reused', key, runId });
    training.checkpoint('dense', 'dense', weights);
    training.record({ type: 'evaluated', stage: 'dense', totalEpochs, validation, test });
    return { weights, validation, test };
  }

  /** The weights that are to be pruned. */
  private startOf(dense: Float32Array): Float32Array {
    const { start } = this.context;
    if (!start) return dense;
    const { key, runId, weights } = start;
    if (!this.recalled('dense')) this.training.record({ type: 'chain-continued', key, runId });
    return weights;
  }

  /** Trains for pruning, prunes, and leaves the trainers with the survivors. */
  private async pruneAndEvaluate(weightsBefore: Float32Array, layers: readonly LayerToPrune[]): Promise<Scores> {
    const { training } = this;
    const { spec, model, projector, start } = this.context;
    const before = { weights: weightsBefore, ...(start && { trainable: nonZeroPositions(weightsBefore, layers) }) };
    const toPrune = await methods.get(spec.method).prune(training, before, layers);
    const { weights, supports, trainable } = await projector.pruneNetwork(layers, toPrune);
    await training.setParameters('retrain', weights, survivorsOf(model, trainable));
    training.record({ type: 'hard-pruned', layers: countLayers(model, weights) });
    for (const units of deadUnits(model, supports)) training.record({ type: 'dead-units', ...units });
    training.checkpoint('hard-pruned', 'prune', weights);
    return training.evaluate('hardPruned');
  }

  /** Trains the survivors and returns the weights of the epoch with the best validation accuracy, the later one of two. */
  private async retrain(): Promise<Float32Array> {
    const { training } = this;
    const { spec, group, reasonToStop } = this.context;
    const epochs = epochsOf(spec).retrain;
    const resumed = await training.resume('retrain');
    if (!resumed) training.announce('retrain');
    let best = resumed && this.recallBest(resumed.own);
    while (training.epoch < epochs) {
      const validation = await training.trainEpoch('retrain', () => keepBest(best));
      const { epoch } = training;
      if (!best || validation.accuracy >= best.validation.accuracy) {
        best = { epoch, validation, weights: await group.fetchWeights() };
        training.checkpoint('retrain', 'retrain', best.weights);
      }
      const reason = epoch < epochs ? reasonToStop?.(epoch, validation) : undefined;
      if (reason !== undefined) {
        training.record({ type: 'run-stopped', reason });
        throw new Stopped(reason);
      }
    }
    // Evaluation measures what the trainers hold.
    if (best && best.epoch < epochs) {
      await training.setParameters('retrain', best.weights, training.survivors, best.validation);
    }
    return best?.weights ?? group.fetchWeights();
  }

  /** What a stage came to, if the run is resumed in a later phase. */
  private recalled(stage: 'dense' | 'hardPruned'): Scores | undefined {
    const { resumeState } = this.context;
    if (!resumeState || resumeState.snapshot.phase === 'dense') return undefined;
    if (stage === 'hardPruned' && resumeState.snapshot.phase !== 'retrain') return undefined;
    const before = resumeState.records.slice(0, resumeState.snapshot.seq);
    return before.find((record) => record.type === 'evaluated' && record.stage === stage) as Scores | undefined;
  }

  private recallBest({ values, tensors }: PhaseState): Best | undefined {
    const finished = this.context.resumeState?.records.find(
      (record) => record.type === 'epoch-finished' && record.phase === 'retrain' && record.epoch === values?.['epoch'],
    ) as Omit<Best, 'weights'> | undefined;
    const weights = tensors?.['best'];
    return finished && weights && { epoch: finished.epoch, validation: finished.validation, weights };
  }
}

/** An epoch of retraining and the weights after it. */
interface Best {
  epoch: number;
  validation: Evaluation;
  weights: Float32Array;
}

/** What `recallBest` needs besides the journal. */
const keepBest = (best: Best | undefined): PhaseState =>
  best ? { values: { epoch: best.epoch }, tensors: { best: best.weights } } : {};

const accuracies = ({ validation, test }: Scores) => ({
  testAccuracy: test.accuracy,
  validationAccuracy: validation.accuracy,
});
