import { layOut } from '@prunegrid/trainer/models';

const plane = {
  name: 'plane',
  ...layOut([
    { name: 'hidden', kind: 'dense', shape: [2, 16] },
    { name: 'middle', kind: 'dense', shape: [16, 16] },
    { name: 'output', kind: 'dense', shape: [16, 2] },
  ]),
  input: { shape: [2], type: 'float32' },
  classes: 2,
  dropouts: [],

  forward(tf, [hidden, hiddenBias, middle, middleBias, output, outputBias], points) {
    const first = tf.relu(tf.add(tf.matMul(points, hidden), hiddenBias));
    const second = tf.relu(tf.add(tf.matMul(first, middle), middleBias));
    return { logits: tf.add(tf.matMul(second, output), outputBias) };
  },
};

/** Adds `model: plane`: points of the plane in two classes. */
export default function extend({ models }) {
  models.add(plane);
}
