// A network for prunegrid: `model: ./my-model.mjs` in an experiment names this file. It is executed by the command and by
// every trainer, and the SHA-256 of its content is a part of the experiment. It needs no other file.

/** @type {import('prunegrid/extension').ModelModule} */
export default ({ layOut }) => ({
  // Each layer has a weight and a bias, which `forward` gets in this order. Kernels are [height, width, in, out] and
  // weights of dense layers [in, out].
  ...layOut([
    { name: 'conv1', kind: 'convolution', shape: [5, 5, 1, 8] },
    { name: 'conv2', kind: 'convolution', shape: [5, 5, 8, 16] },
    { name: 'fc1', kind: 'dense', shape: [256, 64] },
    { name: 'fc2', kind: 'dense', shape: [64, 10] },
  ]),
  // One example, without the axis of the batch. Images are [height, width, channels].
  input: { shape: [28, 28, 1], type: 'float32' },
  classes: 10,
  // Where units are dropped in training, and with which probability under `dropout: network`, the default.
  dropouts: [{ name: 'fc1', shape: [64], rate: 0.1 }],

  // `tf` has TensorFlow.js' operations. Their results cannot be read: the pass is recorded once, and then run many times.
  forward(tf, [conv1, conv1Bias, conv2, conv2Bias, fc1, fc1Bias, fc2, fc2Bias], images, training) {
    const convolve = (maps, kernel, bias) =>
      tf.maxPool(tf.relu(tf.add(tf.conv2d(maps, kernel, 1, 'valid'), bias)), 2, 2, 'valid');
    const maps = convolve(convolve(images, conv1, conv1Bias), conv2, conv2Bias);
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(maps, [-1, 256]), fc1), fc1Bias));
    // The factors are there in training only: 0 for a unit that is dropped, 1 / (1 - rate) for the others.
    const kept = training?.dropout ? tf.mul(hidden, training.dropout[0]) : hidden;
    return { logits: tf.add(tf.matMul(kept, fc2), fc2Bias) };
  },
});
