import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';

type TensorFlow = typeof tensorflow;

/** The arrays that a computation is a function of. */
export interface Inputs {
  /** The model's tensors, views on W, in its order. */
  parameters: Float32Array[];
  batch: Batch;
  /** [batch, model.dropoutUnits]. */
  dropout?: Float32Array | undefined;
}

/** [model.size + 2], as `Network.gradient` returns it. */
export function gradientTensor(tf: TensorFlow, model: Model, { parameters, batch, dropout }: Inputs, scale: number) {
  return tf.tidy(() => {
    const images = imageTensor(tf, model, batch);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const training = { dropout: dropout && tf.tensor2d(dropout, [batch.labels.length, model.dropoutUnits]) };
    let correct!: tensorflow.Tensor;
    const { value, grads } = tf.valueAndGrads((...tensors: tensorflow.Tensor[]) => {
      const logits = model.forward(tf, tensors, images, training);
      correct = tf.keep(countCorrect(tf, logits, labels));
      return tf.mul(tf.mean(crossEntropy(tf, logits, labels, model.classes)), scale);
    })(parameterTensors(tf, model, parameters));
    const flat = grads.map((tensor) => tf.reshape(tensor, [-1]));
    const all = tf.concat([...flat, tf.reshape(value, [1]), tf.reshape(correct, [1])]);
    correct.dispose();
    return all;
  });
}

/** [2]: summed cross-entropy in nats, correct answers. */
export function scoreTensor(tf: TensorFlow, model: Model, { parameters, batch }: Inputs) {
  return tf.tidy(() => {
    const labels = tf.tensor1d(batch.labels, 'int32');
    const logits = model.forward(tf, parameterTensors(tf, model, parameters), imageTensor(tf, model, batch));
    return tf.stack([tf.sum(crossEntropy(tf, logits, labels, model.classes)), countCorrect(tf, logits, labels)]);
  });
}

function parameterTensors(tf: TensorFlow, model: Model, parameters: Float32Array[]): tensorflow.Tensor[] {
  return model.parameters.map(({ shape }, i) => tf.tensor(parameters[i], shape, 'float32'));
}

function imageTensor(tf: TensorFlow, model: Model, batch: Batch): tensorflow.Tensor4D {
  return tf.tensor4d(batch.images, [batch.labels.length, ...model.input]);
}

/** [batch], in nats. */
function crossEntropy(tf: TensorFlow, logits: tensorflow.Tensor2D, labels: tensorflow.Tensor1D, classes: number) {
  return tf.neg(tf.sum(tf.mul(tf.oneHot(labels, classes), tf.logSoftmax(logits)), 1));
}

function countCorrect(tf: TensorFlow, logits: tensorflow.Tensor2D, labels: tensorflow.Tensor1D) {
  return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}
