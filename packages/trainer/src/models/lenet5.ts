import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

import { layOut, type Model } from './model.js';

/** LeNet-5 as in Caffe and the paper's table: 430,500 weights; ReLU after both convolutions and fc1, 2x2 max-pooling. */
export const lenet5: Model = {
  name: 'lenet5',
  ...layOut([
    { name: 'conv1', shape: [5, 5, 1, 20] },
    { name: 'conv2', shape: [5, 5, 20, 50] },
    { name: 'fc1', shape: [800, 500] },
    { name: 'fc2', shape: [500, 10] },
  ]),
  input: [28, 28, 1],
  classes: 10,
  dropoutUnits: 500,

  forward(tf, [conv1, conv1Bias, conv2, conv2Bias, fc1, fc1Bias, fc2, fc2Bias], images, training) {
    const pool = (maps: Tensor4D): Tensor4D => tf.maxPool(maps, 2, 2, 'valid');
    // Pooling first gives the same values on a quarter of the elements. ReLU's gradients are the same, too; the bias' would be added up in another order, with
    // other bits than those of all runs so far, and only 3 % sooner.
    const convolve = (input: Tensor4D, kernel: Tensor, bias: Tensor): Tensor4D => {
      const maps = tf.conv2d(input, kernel as Tensor4D, 1, 'valid');
      return tf.relu(training ? pool(tf.add<Tensor4D>(maps, bias)) : tf.add<Tensor4D>(pool(maps), bias));
    };
    const maps = convolve(convolve(images, conv1, conv1Bias), conv2, conv2Bias);
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(maps, [-1, 800]), fc1), fc1Bias));
    return tf.add(tf.matMul(training?.dropout ? tf.mul(hidden, training.dropout) : hidden, fc2), fc2Bias);
  },
};
