import { sizeOf } from '@prunegrid/numerics/shape';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { loadTensorFlow } from '../engines/tensorflow/tensorflow.js';
import { initialParameters, models } from './index.js';

loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;

it.each([...models])('a training pass has the bits of any other: $name', (model) => {
  const count = 2;
  const inputs = Float32Array.from({ length: count * sizeOf(model.input.shape) }, (_, i) => ((7 * i) % 11) / 10);
  const weights = initialParameters(model, 5).map((value, i) => value + (i % 7) / 100 - 0.03);
  const logits = tf.tidy(() => {
    const images = tf.tensor(inputs, [count, ...model.input.shape]);
    const parameters = model.parameters.map(({ shape, offset, size }) =>
      tf.tensor(weights.subarray(offset, offset + size), shape),
    );
    return [undefined, {}].map((training) => model.forward(tf, parameters, images, training).logits.dataSync());
  });
  expect(new Set(logits[0]).size).toBeGreaterThan(count);
  expect(logits[1]).toEqual(logits[0]);
});
