import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';

type TensorFlow = typeof tensorflow;

/** The k of the top-k accuracy that is counted beside the top-1 accuracy of models with more classes. */
export const TOP = 5;

/** The arrays that are the inputs of a computation. */
export interface ComputationInputs {
  /** Views on W, one for each of the model's parameters, in their order. */
  parameters: Float32Array[];
  batch: Batch;
  /** The factors [batch, units] of each of the model's dropouts. It is undefined if no unit is dropped. */
  dropout?: readonly Float32Array[] | undefined;
}

/**
 * Computes the result of a training pass over a micro-batch, [model.size + 2]: for each trained parameter the gradient
 * of the batch's mean cross-entropy, and for each state the change of its value; then the mean cross-entropy in nats.
 * All of these are multiplied by `scale`. The last element is the number of correct answers.
 * @param labelSmoothing the share of each target that is spread evenly over all classes
 */
export const gradientTensor = (
  tf: TensorFlow,
  model: Model,
  inputs: ComputationInputs,
  scale: number,
  labelSmoothing = 0,
): tensorflow.Tensor1D => tf.tidy(() => tf.concat(gradientParts(tf, model, inputs, scale, labelSmoothing)));

/** Computes the vector of `gradientTensor` in parts: one for each parameter, the cross-entropy, and the correct answers. */
export function gradientParts(
  tf: TensorFlow,
  model: Model,
  { parameters, batch, dropout }: ComputationInputs,
  scale: number,
  labelSmoothing: number,
): tensorflow.Tensor1D[] {
  return tf.tidy(() => {
    const inputs = inputTensor(tf, model, batch);
    const targets = targetTensor(tf, model, batch);
    const training = {
      dropout: dropout?.map((factors, i) =>
        tf.tensor(factors, [batch.labels.length, ...model.dropouts[i].shape], 'float32'),
      ),
    };
    const all = parameterTensors(tf, model, parameters);
    const isState = model.parameters.map(({ kind }) => kind === 'state');
    const kept: tensorflow.Tensor[] = [];
    const keep = (tensor: tensorflow.Tensor) => {
      kept.push(tf.keep(tensor));
      return tensor;
    };
    let correct!: tensorflow.Tensor;
    let changes: tensorflow.Tensor[] = [];
    const { value, grads } = tf.valueAndGrads((...trained: tensorflow.Tensor[]) => {
      let next = 0;
      const tensors = all.map((tensor, i) => (isState[i] ? tensor : trained[next++]));
      const { logits, states = [] } = model.forward(tf, tensors, inputs, training);
      const before = all.filter((_tensor, i) => isState[i]);
      if (states.length !== before.length) {
        throw new Error(`${model.name} returns ${states.length} states of ${before.length} from a training pass`);
      }
      changes = before.map((state, i) => keep(tf.mul(tf.sub(states[i], state), scale)));
      correct = keep(countCorrect(tf, logits, batch, targets));
      return tf.mul(tf.mean(lossOf(tf, model, logits, targets, labelSmoothing)), scale);
    })(all.filter((_tensor, i) => !isState[i]));
    const [gradients, renewed] = [grads.values(), changes.values()];
    const flat = isState.map((state) =>
      tf.reshape<tensorflow.Rank.R1>((state ? renewed : gradients).next().value as tensorflow.Tensor, [-1]),
    );
    const parts = [...flat, tf.reshape<tensorflow.Rank.R1>(value, [1]), tf.reshape<tensorflow.Rank.R1>(correct, [1])];
    for (const tensor of kept) tensor.dispose();
    return parts;
  });
}

/**
 * Computes a vector [3 + metrics]: the summed cross-entropy in nats or the model's own loss, the number of correct
 * answers, and the number of examples whose class is among the five with the highest logits, both 0 if there are no
 * classes; then the sum of each of the model's metrics.
 */
export function scoreTensor(tf: TensorFlow, model: Model, { parameters, batch }: ComputationInputs) {
  return tf.tidy(() => {
    const targets = targetTensor(tf, model, batch);
    const { logits } = model.forward(tf, parameterTensors(tf, model, parameters), inputTensor(tf, model, batch));
    const loss = lossOf(tf, model, logits, targets, 0);
    const { metrics = [] } = model.objective ?? {};
    return tf.stack([
      tf.sum(loss),
      countCorrect(tf, logits, batch, targets),
      batch.targets ? tf.scalar(0) : countTop5(tf, logits, targets as tensorflow.Tensor1D, model.classes),
      ...metrics.map((metric) => tf.sum(metric.compute(tf, logits, targets))),
    ]);
  });
}

/** Returns the numbers of the classes, [batch], or the target values, [batch, outputs]. */
function targetTensor(tf: TensorFlow, { classes }: Model, { labels, targets }: Batch): tensorflow.Tensor {
  return targets ? tf.tensor2d(targets, [labels.length, classes], 'float32') : tf.tensor1d(labels, 'int32');
}

/** Returns the loss of each example, [batch]. */
function lossOf(
  tf: TensorFlow,
  { objective, classes }: Model,
  logits: tensorflow.Tensor2D,
  targets: tensorflow.Tensor,
  labelSmoothing: number,
): tensorflow.Tensor {
  if (objective?.loss) return objective.loss.compute(tf, logits, targets);
  return crossEntropy(tf, logits, targetsOf(tf, targets as tensorflow.Tensor1D, classes, labelSmoothing));
}

function parameterTensors(tf: TensorFlow, model: Model, parameters: Float32Array[]): tensorflow.Tensor[] {
  return model.parameters.map(({ shape }, i) => tf.tensor(parameters[i], shape, 'float32'));
}

function inputTensor(tf: TensorFlow, model: Model, batch: Batch): tensorflow.Tensor {
  return tf.tensor(batch.inputs, [batch.labels.length, ...model.input.shape], model.input.type);
}

/**
 * Returns the probabilities that each example should have, [batch, classes]: 1 - smoothing for its class, and in
 * addition smoothing / classes for every class (Szegedy et al. 2016, arXiv 1512.00567), as in PyTorch's
 * CrossEntropyLoss.
 */
function targetsOf(tf: TensorFlow, labels: tensorflow.Tensor1D, classes: number, smoothing: number) {
  const ones = tf.oneHot(labels, classes);
  return smoothing > 0 ? tf.add(tf.mul(ones, 1 - smoothing), smoothing / classes) : ones;
}

/** Returns the cross-entropy of each example, [batch], in nats. */
function crossEntropy(tf: TensorFlow, logits: tensorflow.Tensor2D, targets: tensorflow.Tensor) {
  return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1));
}

function countCorrect(tf: TensorFlow, logits: tensorflow.Tensor2D, batch: Batch, labels: tensorflow.Tensor) {
  if (batch.targets) return tf.scalar(0);
  return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}

/**
 * Counts the examples whose class is among the five with the highest logits. As with the highest one, the first of
 * classes with equal logits goes before the others, and a logit that is not a number before nobody.
 */
function countTop5(tf: TensorFlow, logits: tensorflow.Tensor2D, labels: tensorflow.Tensor1D, classes: number) {
  const ones = tf.oneHot(labels, classes);
  const own = tf.sum(tf.mul(ones, logits), 1, true);
  const isLater = tf.greater(
    tf.tensor1d(Int32Array.from({ length: classes }, (_, i) => i)),
    tf.reshape(labels, [-1, 1]),
  );
  const asFloat = (condition: tensorflow.Tensor) => tf.cast(condition, 'float32');
  const behind = tf.add(asFloat(tf.greater(own, logits)), tf.mul(asFloat(tf.equal(own, logits)), asFloat(isLater)));
  return tf.sum(asFloat(tf.greater(tf.sum(behind, 1), classes - TOP - 0.5)));
}
