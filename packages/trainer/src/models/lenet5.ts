import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

import { layOut, type Model } from './model.js';

/**
 * LeNet-5 as in Caffe and in the paper's table: it has 430,500 weights, ReLU after both convolutions and after fc1, and
 * 2x2 max-pooling.
 */
export const lenet5: Model = {
  name: 'lenet5',
  ...layOut([
    { name: 'conv1', kind: 'convolution', shape: [5, 5, 1, 20] },
    { name: 'conv2', kind: 'convolution', shape: [5, 5, 20, 50] },
    { name: 'fc1', kind: 'dense', shape: [800, 500] },
    { name: 'fc2', kind: 'dense', shape: [500, 10] },
  ]),
  input: { shape: [28, 28, 1], type: 'float32' },
  classes: 10,
  dropouts: [{ name: 'fc1', shape: [500] }],

  forward(tf, [conv1, conv1Bias, conv2, conv2Bias, fc1, fc1Bias, fc2, fc2Bias], images, training) {
    const pool = (maps: Tensor4D): Tensor4D => tf.maxPool(maps, 2, 2, 'valid');
    // Pooling before ReLU would give the same values with a quarter of the elements. The gradients of ReLU would also
    // be the same, but those of the biases would be added up in another order. The last bits would then differ from
    // those of all earlier runs, for a gain of only 3 % in speed.
    const convolve = (input: Tensor4D, kernel: Tensor, bias: Tensor): Tensor4D => {
      const maps = tf.conv2d(input, kernel as Tensor4D, 1, 'valid');
      return tf.relu(training ? pool(tf.add<Tensor4D>(maps, bias)) : tf.add<Tensor4D>(pool(maps), bias));
    };
    const maps = convolve(convolve(images as Tensor4D, conv1, conv1Bias), conv2, conv2Bias);
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(maps, [-1, 800]), fc1), fc1Bias));
    const kept = training?.dropout ? tf.mul(hidden, training.dropout[0]) : hidden;
    return { logits: tf.add(tf.matMul(kept, fc2), fc2Bias) };
  },
};
