import type * as tensorflow from '@tensorflow/tfjs';
import { basename, extname } from 'node:path';

import { parseReference } from '../models/reference.js';

type Ops = typeof tensorflow;

/**
 * A loss that specs can name in the field `loss`. Its targets are the numbers of the examples' classes, [batch] as int32, or
 * the values that the outputs are compared with, [batch, outputs] as float32.
 */
export interface Loss {
  readonly name: string;
  readonly targets: 'classes' | 'values';
  /**
   * Computes the loss of each example, [batch], in TensorFlow.js' operations, which have gradients.
   * @param outputs the network's outputs [batch, outputs]; of a classifier its logits
   */
  compute(tf: Ops, outputs: tensorflow.Tensor2D, targets: tensorflow.Tensor): tensorflow.Tensor;
}

/** A metric of evaluations: the mean over all examples of what it computes for each. */
export interface Metric {
  readonly name: string;
  /** Computes the metric of each example, [batch] as float32, from what `Loss.compute` gets. */
  compute(tf: Ops, outputs: tensorflow.Tensor2D, targets: tensorflow.Tensor): tensorflow.Tensor;
}

/** What a network is trained for and measured by, beyond cross-entropy and accuracy. */
export interface Objective {
  /** Cross-entropy if it is undefined. */
  readonly loss?: Loss | undefined;
  readonly metrics: readonly Metric[];
}

/** The default export of a module that an experiment names as its loss. */
export type LossModule = Omit<Loss, 'name'>;

/** The default export of a module that an experiment names among its metrics. The metric has the name of the file. */
export type MetricModule = Omit<Metric, 'name'>;

/** What a spec says of loss and metrics: names, or references to modules with absolute paths. */
export interface ObjectiveChoice {
  loss?: string | undefined;
  metrics?: readonly string[] | undefined;
}

/** A choice with the hashes of its modules, and what it means. */
export interface LoadedObjective {
  choice: { loss?: string; metrics?: string[] };
  objective: Objective;
}

/** The name of a metric by the path of its module. */
export const metricName = (reference: string): string => {
  const { path } = parseReference(reference);
  return basename(path, extname(path));
};
