import { compactBytes } from '@prunegrid/trainer/export/compact';
import { initialParameters } from '@prunegrid/trainer/models';
import { writeStored } from '@prunegrid/core/formats';
import { join } from 'node:path';

import { epochsOf } from '../experiment/epochs.js';
import { scoreOf } from '../experiment/choose.js';
import { denseKey } from '../experiment/keys.js';
import type { Spec } from '../experiment/spec.js';
import { type Evaluation, type JournalRecord, resultFormat, type RunResult } from './records.js';
import type { DenseNetwork, RunContext } from './context.js';
import {
  countLayers,
  deadUnits,
  masksOf,
  prunedLayers,
  type LayerToPrune,
  nonZeroPositions,
  resultOf,
  survivorsOf,
} from './layers.js';
import { methods } from './methods/index.js';
import { MASK, modelMetadata, readModel, writeModel } from './model-file.js';
import { checkpointFile } from './run-folder.js';
import type { PhaseState, StoredPhaseState } from './snapshot.js';
import { isStageEnd } from './stage-end.js';
import { type Measured, readMeasured } from '../experiment/sensitivity-file.js';
import { readStartingWeights } from './starting-weights.js';
import { EpochTraining, type Scores } from './training.js';

/** Abort reason of a run that is saved now and resumed soon on more trainers. */
export class Paused extends Error {}

/** Error with which a run ends when `reasonToStop` returns a reason. */
export class Stopped extends Error {}

/**
 * Trains, prunes and retrains one network (Zhang et al. 2018) in four stages: dense training, ADMM or the pruning
 * method of a baseline, hard pruning, and masked retraining. Every decision is recorded in the journal. Checkpoints,
 * `model.safetensors` and `result.json` are written to the run folder. If the group's signal aborts, the run is saved
 * and then rejects with the signal's reason.
 */
export async function prune(context: RunContext): Promise<RunResult> {
  return toTheEnd(new EpochTraining(context), (training) => new Pruning(training).run());
}

/** Trains only the dense network, for runs that share it, and writes its checkpoint to the run folder. */
export async function trainDense(context: RunContext): Promise<DenseNetwork> {
  return toTheEnd(new EpochTraining(context), (training) => new Pruning(training).denseOnly());
}

/** Does `work` and settles after all writes have ended, even if the work fails. Rejects if a write has failed. */
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
    const { runtime, spec, model, group, folder, checkLock } = this.context;
    // Before the dense network is trained, so that a file that is missing ends the run at once.
    const measured = spec.budget?.measured && (await readMeasured(spec.budget.measured, runtime)).measured;
    const { dense, hardPruned } = await this.prunedNetwork(measured);
    const final = await this.retrain();
    const finalScore = await training.evaluate('final');

    const { computation } = group.trainers[0].ready;
    const { layers, total } = resultOf(model, countLayers(model, final), computation);
    const bytes = await compactBytes(runtime.clock, model, final);
    const result: RunResult = {
      dense: scoresOf(spec, dense),
      hardPruned: scoresOf(spec, hardPruned),
      final: {
        ...scoresOf(spec, finalScore),
        ...(spec.choose === 'loss' && { validationLoss: finalScore.validation.loss }),
      },
      layers,
      total: { ...total, ...(bytes !== undefined && { compactBytes: bytes }) },
      seconds: training.seconds,
      epochs: training.totalEpochs,
      ...(training.warnings.length > 0 && { warnings: training.warnings }),
    };
    await checkLock();
    // The file holds nothing that identifies the run, so that equal weights give equal files, byte for byte.
    await writeModel(runtime, join(folder, 'model.safetensors'), model, final, modelMetadata);
    await writeStored(runtime, join(folder, 'result.json'), resultFormat, result);
    training.record({
      type: 'run-finished',
      result,
      artifacts: ['result.json', 'model.safetensors', 'manifest.json'],
    });
    return result;
  }

  /** Does all that comes before retraining. The trainers then hold the pruned weights and the survivors. */
  private async prunedNetwork(measured: Measured | undefined): Promise<{ dense: Scores; hardPruned: Scores }> {
    const { spec, model } = this.context;
    const { weights, ...dense } = await this.denseNetwork();
    const layers = prunedLayers(model, spec, weights, measured);
    const hardPruned =
      (await this.recallPruned()) ?? (await this.pruneAndEvaluate(weights, dense.validation.accuracy, layers));
    return { dense, hardPruned };
  }

  async denseOnly(): Promise<DenseNetwork> {
    const { spec, runId } = this.context;
    const key = denseKey(spec);
    const network = { key, runId, ...(await this.denseNetwork()) };
    this.training.record({ type: 'dense-finished', key, artifacts: ['manifest.json'] });
    return network;
  }

  private async denseNetwork(): Promise<{ weights: Float32Array } & Scores> {
    const { runtime, folder, model } = this.context;
    const scores = this.recalled('dense');
    if (scores) return { weights: await readModel(runtime, join(folder, checkpointFile('dense')), model), ...scores };
    const dense = await this.context.dense?.();
    return dense ? this.takeDense(dense) : this.trainDense();
  }

  private async trainDense(): Promise<{ weights: Float32Array } & Scores> {
    const { training } = this;
    const { spec, group } = this.context;
    if (!(await training.resume('dense'))) {
      await this.beginDense();
      training.dropVector();
      if (spec.dense.epochs > 0) training.announce('dense');
    }
    while (training.epoch < spec.dense.epochs) await training.trainEpoch('dense');
    const weights = await group.fetchWeights();
    training.checkpoint('dense', 'dense', weights);
    return { weights, ...(await training.evaluate('dense')) };
  }

  private async beginDense(): Promise<void> {
    await this.training.setParameters('dense', await this.startOfDense());
  }

  /** Returns the parameters that dense training starts from: those of a file, or random ones. */
  private startOfDense(): Promise<Float32Array> | Float32Array {
    const { runtime, spec, model } = this.context;
    if (spec.weights) return readStartingWeights(spec.weights, model, runtime);
    return model.pretrained && !spec.dense.fresh ? model.pretrained() : initialParameters(model, spec.seed);
  }

  /** Uses a dense network of another run and counts its epochs as if this run had trained it. */
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
    // The method may overwrite them while the checkpoint is being written.
    return { weights: weights.slice(), validation, test };
  }

  /** Returns the weights from which pruning starts instead of the dense ones, if it does. */
  private async startingWeights(): Promise<Float32Array | undefined> {
    const start = await this.context.start?.();
    if (!start) return undefined;
    const { key, runId, weights } = start;
    if (!this.recordsBefore.some(({ type }) => type === 'chain-continued')) {
      this.training.record({ type: 'chain-continued', key, runId });
    }
    return weights;
  }

  /** Runs the phase `prune` and hard pruning. Afterwards the trainers hold the pruned weights and the survivors. */
  private async pruneAndEvaluate(
    dense: Float32Array,
    denseAccuracy: number,
    layers: readonly LayerToPrune[],
  ): Promise<Scores> {
    const { training } = this;
    const { spec, model, projector } = this.context;
    const start = await this.startingWeights();
    const before = {
      weights: start ?? dense,
      denseAccuracy,
      ...(start && { trainable: nonZeroPositions(start, layers) }),
    };
    const toPrune = await methods.get(spec.method).prune(training, before, layers);
    // Checkpoints of these weights must be written before they are overwritten.
    await training.settled();
    training.dropVector();
    const { weights, supports, trainable } = await projector.pruneNetwork(layers, toPrune, toPrune);
    await training.setParameters('retrain', weights, survivorsOf(model, trainable));
    training.record({ type: 'hard-pruned', layers: countLayers(model, weights) });
    for (const units of deadUnits(model, supports)) training.record({ type: 'dead-units', ...units });
    training.checkpoint('hard-pruned', 'prune', weights, { [MASK]: masksOf(layers, trainable) });
    return training.evaluate('hardPruned');
  }

  /**
   * Trains the survivors and returns the weights of the epoch that is best on the validation part, by the metric that
   * the spec chooses. If two epochs are equal, the later one counts.
   */
  private async retrain(): Promise<Float32Array> {
    const { training } = this;
    const { spec, group, reasonToStop } = this.context;
    const epochs = epochsOf(spec).retrain;
    const resumed = await training.resume('retrain');
    if (!resumed) training.announce('retrain');
    let best = resumed && (await this.recallBest(resumed.own));
    while (training.epoch < epochs) {
      const validation = await training.trainEpoch('retrain', () => keepBest(best));
      const { epoch } = training;
      if (!best || scoreOf(spec.choose, validation) >= scoreOf(spec.choose, best.validation)) {
        best = { epoch, validation, weights: await group.fetchWeights() };
        training.checkpoint('retrain', 'retrain', best.weights);
      }
      const reason = epoch < epochs ? reasonToStop?.(epoch, validation) : undefined;
      if (reason !== undefined) {
        training.record({ type: 'run-stopped', reason });
        throw new Stopped(reason);
      }
    }
    // The final evaluation measures the weights that the trainers hold, so they need those of the best epoch.
    if (best && best.epoch < epochs) {
      await training.setParameters('retrain', best.weights, training.survivors, best.validation);
    }
    return best?.weights ?? group.fetchWeights();
  }

  /** Returns the recorded scores of a stage if the run is resumed after it. */
  private recalled(stage: 'dense' | 'hardPruned'): Scores | undefined {
    return this.recordsBefore.find((record) => record.type === 'evaluated' && record.stage === stage) as
      Scores | undefined;
  }

  /**
   * Returns the recorded scores after hard pruning if the run is resumed after it. If it is resumed directly after it,
   * the trainers then hold the pruned weights and the survivors, as they do after `pruneAndEvaluate`.
   */
  private async recallPruned(): Promise<Scores | undefined> {
    const { resumeState, model } = this.context;
    const scores = this.recalled('hardPruned');
    if (scores && resumeState && isStageEnd(resumeState.point)) {
      const { weights, trainable } = await resumeState.point.checkpoint();
      await this.training.setParameters('retrain', weights, survivorsOf(model, trainable));
    }
    return scores;
  }

  /** The records before the point at which the run is resumed. */
  private get recordsBefore(): readonly JournalRecord[] {
    const { resumeState } = this.context;
    return resumeState?.records.slice(0, resumeState.point.seq) ?? [];
  }

  private async recallBest({ values, read }: StoredPhaseState): Promise<Best | undefined> {
    const finished = this.context.resumeState?.records.find(
      (record) => record.type === 'epoch-finished' && record.phase === 'retrain' && record.epoch === values?.['epoch'],
    ) as Omit<Best, 'weights'> | undefined;
    const weights = await read('best');
    return finished && weights && { epoch: finished.epoch, validation: finished.validation, weights };
  }
}

/** The best epoch of retraining so far, with the weights after it. */
interface Best {
  epoch: number;
  validation: Evaluation;
  weights: Float32Array;
}

/** Returns the state that a snapshot keeps for `recallBest`. */
const keepBest = (best: Best | undefined): PhaseState =>
  best ? { values: { epoch: best.epoch }, tensors: { best: best.weights } } : {};

const scoresOf = ({ loss }: Spec, { validation, test }: Scores) => ({
  testAccuracy: test.accuracy,
  validationAccuracy: validation.accuracy,
  ...(test.top5 !== undefined && { testTop5: test.top5 }),
  ...(validation.top5 !== undefined && { validationTop5: validation.top5 }),
  ...(loss !== undefined && { testLoss: test.loss, validationLoss: validation.loss }),
  ...(test.metrics && { testMetrics: test.metrics }),
  ...(validation.metrics && { validationMetrics: validation.metrics }),
});
