import { nodeHost } from '@prunegrid/core/node';
import type { Tensor2D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { type Dataset, residentSplit } from '../../datasets/index.js';
import { layOut, type Model } from '../../models/index.js';
import type { PhaseSettings } from '../engine.js';
import { hostEngine } from '../host/engine.js';
import { loadTensorFlow } from './tensorflow.js';

/** A single dense layer. The figures below are those of torch.nn.Linear(2, 3) in PyTorch 2 with the same numbers. */
const model: Model = {
  name: 'linear',
  ...layOut([{ name: 'fc', kind: 'dense', shape: [2, 3] }]),
  input: { shape: [2], type: 'float32' },
  classes: 3,
  dropouts: [],
  forward: (tf, [weight, bias], inputs) => ({
    logits: tf.add(tf.matMul(inputs as Tensor2D, weight as Tensor2D), bias),
  }),
};
const weights = () => Float32Array.of(0.5, 0.1, -0.4, -0.25, 0.3, 0.2, 0.05, -0.1, 0.2);
const split = residentSplit({
  inputs: Float32Array.of(1, 2, -1, 0.5, 0.25, -1.5, 2, 1),
  labels: Uint16Array.of(0, 2, 1, 2),
  count: 4,
});
const dataset: Dataset = {
  ...{ name: 'made-up', shape: [2], elementType: 'float32', classes: 3, hash: '' },
  ...{ training: split, validation: split, test: split },
};
const phase: PhaseSettings = {
  ...{ seed: 1, phase: 1, globalBatch: 4, microBatches: 1, shift: 0, dropout: 0, bfloat16: false },
  optimizer: { $case: 'sgd', value: { momentum: 0, weightDecay: 0 } },
};
const engine = hostEngine(loadTensorFlow(1), nodeHost.clock);
const open = (own: Partial<PhaseSettings>) =>
  engine.openReplica({ model, dataset, phase: { ...phase, ...own }, weights: weights() });

it('top-5 accuracy counts classes among the five highest logits, the first ones of equal ones', async () => {
  const classes = 7;
  const wide: Model = {
    ...{ name: 'wide', ...layOut([{ name: 'fc', kind: 'dense', shape: [classes, classes] }]) },
    ...{ input: { shape: [classes], type: 'float32' }, classes, dropouts: [] },
    forward: (tf, [weight, bias], inputs) => ({
      logits: tf.add(tf.matMul(inputs as Tensor2D, weight as Tensor2D), bias),
    }),
  };
  // W is the unit matrix, so the inputs are the logits.
  const unit = Float32Array.from({ length: wide.size }, (_, i) => (i % (classes + 1) === 0 && i < 49 ? 1 : 0));
  const rows = [
    { logits: [6, 5, 4, 3, 2, 1, 0], label: 0, top1: true, top5: true },
    { logits: [6, 5, 4, 3, 2, 1, 0], label: 4, top1: false, top5: true },
    { logits: [6, 5, 4, 3, 2, 1, 0], label: 5, top1: false, top5: false },
    { logits: [1, 1, 1, 1, 1, 1, 1], label: 4, top1: false, top5: true },
    { logits: [1, 1, 1, 1, 1, 1, 1], label: 5, top1: false, top5: false },
    { logits: [1, 1, 1, NaN, 1, 1, 1], label: 3, top1: false, top5: false },
  ];
  const part = residentSplit({
    inputs: Float32Array.from(rows.flatMap(({ logits }) => logits)),
    labels: Uint16Array.from(rows, ({ label }) => label),
    count: rows.length,
  });
  const own = { ...dataset, shape: [classes], classes, training: part, validation: part, test: part };
  const evaluator = await engine.openEvaluator(wide, own, unit);
  for (const [row, { top1, top5 }] of rows.entries()) {
    const counted = await evaluator.evaluate({ part: 'test', blockSize: 1, firstBlock: row, blocks: 1 });
    expect(counted, `row ${row}`).toMatchObject({ correct: Number(top1), top5: Number(top5) });
  }
  const few = await open({});
  expect(await few.evaluate({ part: 'test', blockSize: 4, firstBlock: 0, blocks: 1 })).not.toHaveProperty('top5');
});

/** W.grad.T and b.grad of torch.nn.CrossEntropyLoss(label_smoothing=0.1). */
const smoothed = [
  ...[0.0686284304, 0.1505970657, -0.219225511, -0.3983185887, 0.5914640427, -0.1931454241],
  ...[0.1103763655, 0.0523704514, -0.1627468467],
];

it("gradient clipping scales the gradient as PyTorch's clip_grad_norm_ does", async () => {
  const replica = await open({ labelSmoothing: 0.1, gradientClipping: 0.25 });
  await replica.runSteps(0, [1]);
  const moved = await replica.readWeights();
  // W.grad.T and b.grad after clip_grad_norm_([W, b], 0.25), which found a norm of 0.8140355349.
  const clipped = [
    ...[0.0210765824, 0.0462500937, -0.0673266798, -0.1223282292, 0.1816454232, -0.0593171865],
    ...[0.0338978544, 0.0160835702, -0.0499814339],
  ];
  weights().forEach((w, i) => expect(w - moved[i]).toBeCloseTo(clipped[i], 6));
});

it("label smoothing gives the loss and the gradient of PyTorch's CrossEntropyLoss, and evaluation does without", async () => {
  const replica = await open({ labelSmoothing: 0.1 });
  const [[, gradient]] = await replica.computeGradients(0, [0]);
  smoothed.forEach((expected, i) => expect(gradient[i]).toBeCloseTo(expected, 6));
  expect(gradient[model.size]).toBeCloseTo(1.3500857353, 6);
  const request = { part: 'test', blockSize: 4, firstBlock: 0, blocks: 1 } as const;
  expect(await replica.evaluate(request)).toEqual(await (await open({})).evaluate(request));
});
