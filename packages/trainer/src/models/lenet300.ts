import { layOut, type Model } from './model.js';

/**
 * LeNet-300-100 (LeCun et al. 1998), as in Caffe and the paper: 784-300-100-10 with ReLU. It has 266,200 weights;
 * together with its 410 biases they are the "267K" parameters of the papers that prune it.
 */
export const lenet300: Model = {
  name: 'lenet300',
  ...layOut([
    { name: 'fc1', kind: 'dense', shape: [784, 300] },
    { name: 'fc2', kind: 'dense', shape: [300, 100] },
    { name: 'fc3', kind: 'dense', shape: [100, 10] },
  ]),
  input: { shape: [28, 28, 1], type: 'float32' },
  classes: 10,
  dropouts: [{ name: 'fc2', shape: [100] }],

  forward(tf, [fc1, fc1Bias, fc2, fc2Bias, fc3, fc3Bias], images, training) {
    const first = tf.relu(tf.add(tf.matMul(tf.reshape(images, [-1, 784]), fc1), fc1Bias));
    const second = tf.relu(tf.add(tf.matMul(first, fc2), fc2Bias));
    const kept = training?.dropout ? tf.mul(second, training.dropout[0]) : second;
    return { logits: tf.add(tf.matMul(kept, fc3), fc3Bias) };
  },
};
