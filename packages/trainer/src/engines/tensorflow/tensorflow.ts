import type * as tensorflow from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';

import { Failure } from '@prunegrid/core/failure';
import type { NetworkProvider } from '../host/network.js';
import { type Backend, prepareKernels } from './kernels.js';
import { TensorFlowNetworks } from './network.js';

type TensorFlow = typeof tensorflow;

/**
 * Loads TensorFlow.js with libtensorflow, which then computes with `threads` threads. It may be called only once in a
 * process, because libtensorflow reads its settings when it is loaded. Throws Failure if the native binding cannot be
 * loaded.
 */
export function loadTensorFlow(threads: number): Omit<NetworkProvider, 'open'> & Pick<TensorFlowNetworks, 'open'> {
  const { tf, backend } = loadBinding(threads);
  const networks = new TensorFlowNetworks(tf, backend);
  return {
    name: 'libtensorflow',
    version: `${backend.binding.TF_Version} (TensorFlow.js ${tf.version_core})`,
    device: backend.isUsingGpuDevice ? 'GPU' : `CPU (${cpus()[0].model}), ${threads} thread${threads === 1 ? '' : 's'}`,
    memoryBytes: totalmem(),
    computesObjectives: true,
    open: (model) => networks.open(model),
  };
}

/**
 * Loads TensorFlow.js with its native binding, as `loadTensorFlow` does, with the kernels that can be recorded and with
 * the gradients that it lacks, for whoever records models by it.
 */
export function loadBinding(threads: number): { tf: TensorFlow; backend: Backend } {
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['OMP_NUM_THREADS'] = String(threads);
  // Only one operation runs at a time, because no result may depend on the order in which operations finish. It runs in
  // the calling thread, because with additional threads two trainers on two cores would slow each other down.
  process.env['TF_NUM_INTEROP_THREADS'] = '-1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  let tf: TensorFlow;
  try {
    // The package is CommonJS, and `import()` would be asynchronous.
    tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as TensorFlow;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new Failure('environment', `TensorFlow's native library cannot be loaded (${reason}): run npm run setup`, {
      cause: error,
    });
  }
  const backend = tf.backend() as unknown as Backend;
  prepareKernels(tf);
  return { tf, backend };
}
