import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { alexnet } from '../alexnet.js';
import { lenet5 } from '../lenet5.js';
import { layOut, type Model } from '../model.js';
import { graphOf } from './graph.js';

it('finds the layers of LeNet-5 one after another, with what follows each', () => {
  expect(graphOf(lenet5)).toEqual([
    { layers: [], operations: [], reads: [] },
    { layers: ['conv1'], operations: ['max pool 2x2', 'relu'], reads: [0] },
    { layers: ['conv2'], operations: ['max pool 2x2', 'relu'], reads: [1] },
    { layers: ['fc1'], operations: ['relu'], reads: [2] },
    { layers: ['fc2'], operations: [], reads: [3] },
  ]);
});

it('makes one part of a convolution in groups', () => {
  const graph = graphOf(alexnet);
  expect(graph.map(({ layers }) => layers.join())).toEqual(['', ...alexnet.layers.map(({ name }) => name)]);
  expect(graph[2]).toEqual({
    ...{ layers: ['conv2'], reads: [1] },
    operations: ['relu', 'local response norm', 'max pool 3x3'],
  });
});

it('finds where branches meet', () => {
  const residual: Model = {
    name: 'residual',
    ...layOut([
      { name: 'stem', kind: 'convolution', shape: [3, 3, 1, 4] },
      { name: 'branch', kind: 'convolution', shape: [3, 3, 4, 4] },
      { name: 'head', kind: 'dense', shape: [4, 2] },
    ]),
    input: { shape: [8, 8, 1], type: 'float32' },
    classes: 2,
    dropouts: [],
    forward(tf, [stem, stemBias, branch, branchBias, head, headBias], images) {
      const convolve = (maps: Tensor, kernel: Tensor, bias: Tensor) =>
        tf.add<Tensor4D>(tf.conv2d(maps as Tensor4D, kernel as Tensor4D, 1, 'same'), bias);
      const maps = tf.relu(convolve(images, stem, stemBias));
      const sum = tf.relu(tf.add(maps, convolve(maps, branch, branchBias)));
      return { logits: tf.add(tf.matMul(tf.mean(sum, [1, 2]), head), headBias) };
    },
  };
  expect(graphOf(residual)).toEqual([
    { layers: [], operations: [], reads: [] },
    { layers: ['stem'], operations: ['relu'], reads: [0] },
    { layers: ['branch'], operations: [], reads: [1] },
    { layers: [], operations: ['add', 'relu', 'mean'], reads: [1, 2] },
    { layers: ['head'], operations: [], reads: [3] },
  ]);
});
