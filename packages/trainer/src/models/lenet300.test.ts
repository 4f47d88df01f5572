import { nodeHost } from '@prunegrid/core/node';
import { expect, it } from 'vitest';

import { datasets, evaluationBatch } from '../datasets/index.js';
import { loadTensorFlow } from '../engines/tensorflow/tensorflow.js';
import { initialParameters } from './initial.js';
import { lenet300 } from './lenet300.js';

const parameters = initialParameters(lenet300, 3);

/** Computes the output of a dense layer for `input`, element by element. */
function through(layer: string, input: readonly number[]): number[] {
  const [weight, bias] = lenet300.parameters.filter((parameter) => parameter.layer === layer);
  return Array.from({ length: bias.size }, (_, output) =>
    input.reduce(
      (sum, value, i) => sum + value * parameters[weight.offset + i * bias.size + output],
      parameters[bias.offset + output],
    ),
  );
}

const relu = (values: number[]): number[] => values.map((value) => Math.max(0, value));

it('LeNet-300-100 is two hidden layers with ReLU and a linear one', async () => {
  const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 20 }, nodeHost);
  const { test } = dataset;
  const batch = await evaluationBatch(dataset, test, 0, test.count);
  const scores = Array.from(batch.labels, (label, i) => {
    const image = Array.from(batch.inputs.subarray(i * 784, (i + 1) * 784));
    const logits = through('fc3', relu(through('fc2', relu(through('fc1', image)))));
    const largest = Math.max(...logits);
    const normaliser = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
    return { loss: normaliser - logits[label], correct: logits.indexOf(largest) === label };
  });
  const network = loadTensorFlow(1).open(lenet300);
  network.setParameters(parameters);
  const { loss, correct } = network.score(batch);
  expect(correct).toBe(scores.filter((score) => score.correct).length);
  expect(loss).toBeCloseTo(
    scores.reduce((sum, score) => sum + score.loss, 0),
    3,
  );
});
