import type * as tensorflow from '@tensorflow/tfjs';
import { createRequire } from 'node:module';

import { type Computation, recordComputation } from '../recording/model-computations.js';
import type { Recording } from '../recording/nodes.js';
import { type Backend, prepareKernels } from '../tensorflow/kernels.js';
import { ShapeBinding } from './shape-binding.js';

type TensorFlow = typeof tensorflow;
type BackendClass = new (binding: object, packageName: string) => tensorflow.KernelBackend;

const BACKEND = 'tensorflow';

/**
 * Records computations by TensorFlow.js' kernels for Node, without the native library that they usually call. The library
 * may be in the same process, for another engine: it is what the kernels call again afterwards.
 */
export class Recorder {
  private readonly binding = new ShapeBinding();
  private readonly tf: TensorFlow;

  constructor() {
    // These packages are CommonJS. The main file of the second one would load the native library.
    const require = createRequire(import.meta.url);
    this.tf = require('@tensorflow/tfjs') as TensorFlow;
    require('@tensorflow/tfjs-node/dist/register_all_kernels.js');
    if (!this.tf.findBackendFactory(BACKEND)) {
      const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node/dist/nodejs_kernel_backend.js') as {
        NodeJSKernelBackend: BackendClass;
      };
      this.tf.registerBackend(BACKEND, () => new NodeJSKernelBackend(this.binding, '@tensorflow/tfjs-node'));
    }
    // A backend whose factory is synchronous is set before the promise is returned.
    void this.tf.setBackend(BACKEND);
    prepareKernels(this.tf);
  }

  /** Throws Failure if XLA cannot compute one of the operations. */
  record(computation: Computation): Recording {
    const backend = this.tf.findBackend(BACKEND) as unknown as Backend;
    const { binding } = backend;
    backend.binding = this.binding as unknown as Backend['binding'];
    try {
      return recordComputation(this.tf, backend, computation);
    } finally {
      backend.binding = binding;
    }
  }
}
