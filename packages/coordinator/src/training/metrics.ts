import type { PhaseName } from '../experiment/spec.js';
import type { Evaluation, JournalRecord } from './records.js';

/** Metrics of one record. The names in `values` are the same in `metrics.jsonl` and MLflow. */
export interface MetricPoint {
  phase: PhaseName;
  /** Epoch within the phase, from 1. */
  epoch?: number;
  /** Iteration of ADMM, from 1. */
  iteration?: number;
  /** Epochs of the whole run so far, which are the x axis of all metrics. */
  totalEpochs: number;
  values: Record<string, number>;
}

/** The phase at whose end each stage is evaluated. */
const stagePhase = { dense: 'dense', hardPruned: 'prune', final: 'retrain' } as const;

/** `hard_pruned` rather than `hardPruned`, in line with the other names. */
const stageName = { dense: 'dense', hardPruned: 'hard_pruned', final: 'final' } as const;

/** Returns the metrics in a record, or null if it has none. */
export function metricsOf(record: JournalRecord): MetricPoint | null {
  switch (record.type) {
    case 'epoch-finished':
      return {
        phase: record.phase,
        epoch: record.epoch,
        totalEpochs: record.totalEpochs,
        values: {
          'train/loss': record.trainLoss,
          'train/accuracy': record.trainAccuracy,
          'validation/loss': record.validation.loss,
          'validation/accuracy': record.validation.accuracy,
          ...top5Of('validation/top5_accuracy', record.validation),
          ...ownOf('validation/', record.validation),
          learning_rate: record.learningRate,
          images_per_second: record.imagesPerSecond,
        },
      };
    case 'admm-iteration':
      return {
        phase: 'prune',
        iteration: record.iteration,
        totalEpochs: record.totalEpochs,
        values: Object.fromEntries(
          record.layers.flatMap(({ layer, rho, primal, dual, weightNorm, supportChange }) => [
            [`admm/${layer}/primal_residual`, primal],
            [`admm/${layer}/dual_residual`, dual],
            [`admm/${layer}/weight_norm`, weightNorm],
            [`admm/${layer}/rho`, rho],
            [`admm/${layer}/support_change`, supportChange],
          ]),
        ),
      };
    case 'mask-tightened':
      return {
        phase: 'prune',
        epoch: record.epoch,
        totalEpochs: record.totalEpochs,
        values: Object.fromEntries(record.layers.map(({ name, kept }) => [`gradual/kept/${name}`, kept])),
      };
    case 'evaluated': {
      const stage = `result/${stageName[record.stage]}`;
      return {
        phase: stagePhase[record.stage],
        totalEpochs: record.totalEpochs,
        values: {
          [`${stage}/validation_loss`]: record.validation.loss,
          [`${stage}/validation_accuracy`]: record.validation.accuracy,
          ...top5Of(`${stage}/validation_top5_accuracy`, record.validation),
          ...ownOf(`${stage}/validation_`, record.validation),
          [`${stage}/test_loss`]: record.test.loss,
          [`${stage}/test_accuracy`]: record.test.accuracy,
          ...top5Of(`${stage}/test_top5_accuracy`, record.test),
          ...ownOf(`${stage}/test_`, record.test),
        },
      };
    }
    case 'run-finished': {
      const { layers, total, seconds, epochs } = record.result;
      return {
        phase: 'retrain',
        totalEpochs: epochs,
        values: {
          'result/weights': total.weights,
          'result/kept': total.kept,
          'result/ratio': total.ratio,
          ...(total.compactBytes !== undefined && { 'result/compact_bytes': total.compactBytes }),
          'result/seconds': seconds,
          ...Object.fromEntries(layers.map(({ name, kept }) => [`result/kept/${name}`, kept])),
          ...(total.multiplyAccumulates && {
            'result/multiply_accumulates': total.multiplyAccumulates.dense,
            'result/multiply_accumulates_pruned': total.multiplyAccumulates.pruned,
          }),
        },
      };
    }
    default:
      return null;
  }
}

/** Returns the top-5 accuracy under this name, if it was measured. */
const top5Of = (name: string, { top5 }: Evaluation): Record<string, number> =>
  top5 === undefined ? {} : { [name]: top5 };

/** Returns the spec's own metrics under their names with a prefix. */
const ownOf = (prefix: string, { metrics = {} }: Evaluation): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}${name}`, value]));

/**
 * One flat line of `metrics.jsonl`, newline included: `time` in Unix milliseconds, the place in the run, then names and
 * values. Non-finite values are the strings "NaN", "Infinity" and "-Infinity", which
 * `pandas.read_json(file, lines=True)` turns into floats again.
 */
export function metricLine(time: number, { values, ...place }: MetricPoint): string {
  const line = { time, ...place, ...values };
  return `${JSON.stringify(line, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )}\n`;
}
