import type * as tensorflow from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import util from 'node:util';

import type { Batch } from '../datasets/index.js';
import { Failure } from '../failure.js';
import type { Model } from '../models/index.js';
import type { Engine } from './engine.js';

type TensorFlow = typeof tensorflow;

/**
 * TensorFlow.js on libtensorflow, computing with `threads` threads. To be called once in a process: libtensorflow reads its
 * settings when it is loaded. Throws Failure where the native binding cannot be loaded.
 */
export function loadTensorFlow(threads: number): Engine {
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['OMP_NUM_THREADS'] = String(threads);
  // One operation at a time: its result must not depend on which of two finished first.
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // TensorFlow.js 4.22 calls this function, which Node 23 removed.
  (util as { isNullOrUndefined?: unknown }).isNullOrUndefined ??= (value: unknown) =>
    value === null || value === undefined;
  let tf: TensorFlow;
  try {
    // A require, since the package is CommonJS and its import would be asynchronous.
    tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as TensorFlow;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new Failure('environment', `TensorFlow's native library cannot be loaded (${reason}): run npm run setup`, {
      cause: error,
    });
  }
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean; binding: { TF_Version: string } };
  return {
    name: 'libtensorflow',
    version: `${backend.binding.TF_Version} (TensorFlow.js ${tf.version_core})`,
    device: backend.isUsingGpuDevice ? 'GPU' : `CPU (${cpus()[0].model}), ${threads} thread${threads === 1 ? '' : 's'}`,
    memoryBytes: totalmem(),
    gradient: (...args) => gradient(tf, ...args),
    score: (...args) => score(tf, ...args),
  };
}

function gradient(
  tf: TensorFlow,
  model: Model,
  parameters: Float32Array,
  batch: Batch,
  scale: number,
  dropout?: Float32Array,
): Float32Array {
  const result = tf.tidy(() => {
    const images = imageTensor(tf, model, batch);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const factors = dropout && tf.tensor2d(dropout, [batch.labels.length, model.dropoutUnits]);
    let correct!: tensorflow.Tensor;
    const { value, grads } = tf.valueAndGrads((...tensors: tensorflow.Tensor[]) => {
      const logits = model.forward(tf, tensors, images, factors);
      correct = tf.keep(countCorrect(tf, logits, labels));
      return tf.mul(tf.mean(crossEntropy(tf, logits, labels, model.classes)), scale);
    })(parameterTensors(tf, model, parameters));
    const flat = grads.map((tensor) => tf.reshape(tensor, [-1]));
    const all = tf.concat([...flat, tf.reshape(value, [1]), tf.reshape(correct, [1])]);
    correct.dispose();
    return all;
  });
  const values = result.dataSync<'float32'>();
  result.dispose();
  return values;
}

function score(tf: TensorFlow, model: Model, parameters: Float32Array, batch: Batch) {
  const result = tf.tidy(() => {
    const labels = tf.tensor1d(batch.labels, 'int32');
    const logits = model.forward(tf, parameterTensors(tf, model, parameters), imageTensor(tf, model, batch));
    return tf.stack([tf.sum(crossEntropy(tf, logits, labels, model.classes)), countCorrect(tf, logits, labels)]);
  });
  const [loss, correct] = result.dataSync();
  result.dispose();
  return { loss, correct };
}

function parameterTensors(tf: TensorFlow, model: Model, parameters: Float32Array): tensorflow.Tensor[] {
  return model.parameters.map(({ shape, offset, size }) =>
    tf.tensor(parameters.subarray(offset, offset + size), shape, 'float32'),
  );
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
