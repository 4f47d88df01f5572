import type * as tensorflow from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import util from 'node:util';

import { Failure } from '@prunegrid/core/failure';
import type { Engine } from '../engine.js';
import { type Backend, TensorFlowNetworks } from './network.js';

type TensorFlow = typeof tensorflow;

/**
 * TensorFlow.js on libtensorflow, computing with `threads` threads. To be called once in a process: libtensorflow reads its
 * settings when it is loaded. Throws Failure where the native binding cannot be loaded.
 */
export function loadTensorFlow(threads: number): Engine {
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['OMP_NUM_THREADS'] = String(threads);
  // One operation at a time, since no result may depend on which of two finished first; and in the thread that asks for it, since otherwise two trainers on two
  // cores push each other's threads about.
  process.env['TF_NUM_INTEROP_THREADS'] = '-1';
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
  const backend = tf.backend() as unknown as Backend;
  const networks = new TensorFlowNetworks(tf, backend);
  return {
    name: 'libtensorflow',
    version: `${backend.binding.TF_Version} (TensorFlow.js ${tf.version_core})`,
    device: backend.isUsingGpuDevice ? 'GPU' : `CPU (${cpus()[0].model}), ${threads} thread${threads === 1 ? '' : 's'}`,
    memoryBytes: totalmem(),
    open: (model) => networks.open(model),
  };
}
