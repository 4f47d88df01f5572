import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';

import { layOut, type Model, type Ops } from './model.js';

const GROUPS = 2;

/** The names of BVLC's release. */
const caffe = { fc1: 'fc6', fc2: 'fc7', fc3: 'fc8' };

/**
 * The names of torchvision's AlexNet. That network itself has other shapes, those of Krizhevsky 2014 (arXiv 1404.5997),
 * but the names are used for this one as well.
 */
const torchvision = {
  ...{ conv1: 'features.0', conv2: 'features.3', conv3: 'features.6', conv4: 'features.8', conv5: 'features.10' },
  ...{ fc1: 'classifier.1', fc2: 'classifier.4', fc3: 'classifier.6' },
};

/**
 * AlexNet (Krizhevsky et al., NIPS 2012) in the form of BVLC's release for Caffe, which is that of the paper's tables:
 * images of 227x227 pixels, two groups in conv2, conv4 and conv5, local response normalisation before pooling, and
 * 60,954,656 weights. Its inputs are normalised by the experiment. The paper's fc1, fc2 and fc3 are called fc6, fc7 and
 * fc8 by Caffe.
 *
 * Caffe draws the initial weights from normal distributions and begins with some biases of 0.1. Here they are drawn as
 * for all other models.
 */
export const alexnet: Model = {
  name: 'alexnet',
  ...layOut([
    { name: 'conv1', kind: 'convolution', shape: [11, 11, 3, 96] },
    { name: 'conv2', kind: 'convolution', shape: [5, 5, 48, 256], groups: GROUPS },
    { name: 'conv3', kind: 'convolution', shape: [3, 3, 256, 384] },
    { name: 'conv4', kind: 'convolution', shape: [3, 3, 192, 384], groups: GROUPS },
    { name: 'conv5', kind: 'convolution', shape: [3, 3, 192, 256], groups: GROUPS },
    { name: 'fc1', kind: 'dense', shape: [9216, 4096] },
    { name: 'fc2', kind: 'dense', shape: [4096, 4096] },
    { name: 'fc3', kind: 'dense', shape: [4096, 1000] },
  ]),
  input: { shape: [227, 227, 3], type: 'float32' },
  classes: 1000,
  dropouts: [
    { name: 'fc1', shape: [4096], rate: 0.5 },
    { name: 'fc2', shape: [4096], rate: 0.5 },
  ],
  layouts: [caffe, torchvision],

  forward(tf, parameters, images, training) {
    const kernel = (layer: number) => parameters[2 * layer] as Tensor4D;
    const biased = (maps: Tensor4D, layer: number): Tensor4D =>
      tf.relu(tf.add<Tensor4D>(maps, parameters[2 * layer + 1]));
    const pool = (maps: Tensor4D): Tensor4D => tf.maxPool(maps, 3, 2, 'valid');
    // Caffe divides alpha by the number of channels that are added up, TensorFlow does not.
    const normalise = (maps: Tensor4D): Tensor4D => tf.localResponseNormalization(maps, 2, 1, 1e-4 / 5, 0.75);

    const maps1 = pool(normalise(biased(tf.conv2d(images as Tensor4D, kernel(0), 4, 'valid'), 0)));
    const maps2 = pool(normalise(biased(inGroups(tf, maps1, kernel(1)), 1)));
    const maps3 = biased(tf.conv2d(maps2, kernel(2), 1, 'same'), 2);
    const maps4 = biased(inGroups(tf, maps3, kernel(3)), 3);
    const maps5 = pool(biased(inGroups(tf, maps4, kernel(4)), 4));

    const dense = (units: Tensor2D, layer: number) =>
      tf.add<Tensor2D>(tf.matMul(units, parameters[2 * layer]), parameters[2 * layer + 1]);
    const dropped = (units: Tensor2D, dropout: number) =>
      training?.dropout ? tf.mul<Tensor2D>(units, training.dropout[dropout]) : units;
    const hidden1 = dropped(tf.relu(dense(tf.reshape(maps5, [-1, 9216]), 5)), 0);
    const hidden2 = dropped(tf.relu(dense(hidden1, 6)), 1);
    return { logits: dense(hidden2, 7) };
  },
};

/**
 * Convolves each group of channels with its own part of the kernel [height, width, in / groups, out]. TensorFlow has
 * gradients of grouped convolutions only for GPUs.
 */
function inGroups(tf: Ops, maps: Tensor4D, kernel: Tensor4D): Tensor4D {
  const channels: Tensor4D[] = tf.split(maps, GROUPS, 3);
  const kernels: Tensor4D[] = tf.split(kernel, GROUPS, 3);
  const convolved = channels.map((group, i): Tensor4D => tf.conv2d(group, kernels[i], 1, 'same'));
  return tf.concat(convolved, 3);
}
