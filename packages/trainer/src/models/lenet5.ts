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
    const first = tf.relu(tf.maxPool(tf.add(tf.conv2d(images, conv1 as never, 1, 'valid'), conv1Bias) as never, 2, 2, 'valid'));
    const second = tf.relu(tf.maxPool(tf.add(tf.conv2d(first as never, conv2 as never, 1, 'valid'), conv2Bias) as never, 2, 2, 'valid'));
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(second, [-1, 800]), fc1), fc1Bias));
    const kept = dropout ? tf.mul(hidden, dropout) : hidden;
    return tf.add(tf.matMul(kept, fc2), fc2Bias);
  },
};
