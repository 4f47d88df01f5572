import { layOut, type Model } from '@prunegrid/trainer/models';

/** A perceptron of 320 weights with one hidden layer, for the images of `smallDataset`. */
export const smallModel: Model = {
  name: 'small',
  ...layOut([
    { name: 'hidden', kind: 'dense', shape: [16, 16] },
    { name: 'output', kind: 'dense', shape: [16, 4] },
  ]),
  input: { shape: [4, 4, 1], type: 'float32' },
  classes: 4,
  dropouts: [{ name: 'hidden', shape: [16] }],

  forward(tf, [hidden, hiddenBias, output, outputBias], images, training) {
    const units = tf.relu(tf.add(tf.matMul(tf.reshape(images, [-1, 16]), hidden), hiddenBias));
    const kept = training?.dropout ? tf.mul(units, training.dropout[0]) : units;
    return { logits: tf.add(tf.matMul(kept, output), outputBias) };
  },
};
