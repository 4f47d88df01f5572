import { type Dataset, type Examples, slice, TrainingBatches } from '@prunegrid/trainer/datasets';
import type { PhaseSettings } from '@prunegrid/trainer/engines';

import { smallModel } from '../engine/model.js';

/**
 * Computes the loss of `smallModel` in double precision and without an engine, with neither translations nor dropout.
 */
export function lossOf(dataset: Dataset, phase: PhaseSettings) {
  const indices = new TrainingBatches(dataset, phase, []).indices(0, 0);
  const training = dataset.training.resident as Examples;
  const mean = (weights: ArrayLike<number>, examples: readonly number[], all: Examples, smoothing = 0) =>
    examples.reduce((sum, example) => sum + crossEntropy(weights, slice(all, example, 1), smoothing), 0) /
    examples.length;
  return {
    /** The indices of the training examples of step 0's first micro-batch. */
    indices,
    /** Returns the mean cross-entropy of these examples in nats, as a function of W. */
    loss: (weights: ArrayLike<number>) => mean(weights, [...indices], training, phase.labelSmoothing),
    /** Returns the mean cross-entropy of the test set in nats. */
    testLoss: (weights: ArrayLike<number>) =>
      mean(weights, [...new Array(dataset.test.count).keys()], dataset.test.resident as Examples),
  };
}

function crossEntropy(weights: ArrayLike<number>, { inputs, labels }: Examples, smoothing: number): number {
  const tensor = (name: string) => {
    const { offset } = smallModel.parameters.find((parameter) => parameter.name === name) as { offset: number };
    return (i: number) => weights[offset + i];
  };
  const layer = (name: string, values: readonly number[], outputs: number) => {
    const [weight, bias] = [tensor(`${name}.weight`), tensor(`${name}.bias`)];
    return Array.from({ length: outputs }, (_, o) =>
      values.reduce((sum, value, i) => sum + value * weight(i * outputs + o), bias(o)),
    );
  };
  const pixels = Array.from(inputs, (byte) => byte / 255);
  const logits = layer(
    'output',
    layer('hidden', pixels, 16).map((value) => Math.max(0, value)),
    4,
  );
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  const ofClass = logits.map((logit) => total - logit);
  // PyTorch's CrossEntropyLoss: the cross-entropies of all classes count as much as `smoothing` says.
  const ofAll = ofClass.reduce((sum, value) => sum + value, 0) / logits.length;
  return (1 - smoothing) * ofClass[labels[0]] + smoothing * ofAll;
}
