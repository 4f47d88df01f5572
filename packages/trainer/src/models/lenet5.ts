import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

import type { Model } from './model.js';
import { layOut } from './model.js';

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

  forward(tf, [conv1, conv1Bias, conv2, conv2Bias, fc1, fc1Bias, fc2, fc2Bias], images, dropout) {
    // Pooling before ReLU gives the same values and gradients as after it, on a quarter of the elements.
    const convolve = (input: Tensor4D, kernel: Tensor, bias: Tensor): Tensor4D =>
      tf.relu(tf.maxPool(tf.add<Tensor4D>(tf.conv2d(input, kernel as Tensor4D, 1, 'valid'), bias), 2, 2, 'valid'));
    const maps = convolve(convolve(images, conv1, conv1Bias), conv2, conv2Bias);
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(maps, [-1, 800]), fc1), fc1Bias));
    return tf.add(tf.matMul(dropout ? tf.mul(hidden, dropout) : hidden, fc2), fc2Bias);
  },
};
