import { nodeHost } from '@prunegrid/core/node';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { datasets, evaluationBatch } from '../datasets/index.js';
import { loadTensorFlow } from '../engines/tensorflow/tensorflow.js';
import { initialParameters, models } from './index.js';

loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;

it.each([...models])('a training pass has the bits of any other: $name', async (model) => {
  const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 100 }, nodeHost);
  const { test } = dataset;
  const batch = await evaluationBatch(dataset, test, 0, test.count);
  const weights = initialParameters(model, 5).map((value, i) => value + (i % 7) / 100 - 0.03);
  const logits = tf.tidy(() => {
    const images = tf.tensor(batch.inputs, [test.count, ...model.input.shape]);
    const parameters = model.parameters.map(({ shape, offset, size }) =>
      tf.tensor(weights.subarray(offset, offset + size), shape),
    );
    return [undefined, {}].map((training) => model.forward(tf, parameters, images, training).logits.dataSync());
  });
  expect(new Set(logits[0]).size).toBeGreaterThan(test.count);
  expect(logits[1]).toEqual(logits[0]);
});
