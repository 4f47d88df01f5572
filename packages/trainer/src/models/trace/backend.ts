import { sizeOf } from '@prunegrid/numerics/shape';
import * as tf from '@tensorflow/tfjs';

import { elementTypeOf, type KernelInputs, shapeRules } from './shape-rules.js';

/** A call of a kernel of TensorFlow.js. */
export interface KernelCall {
  kernel: string;
  inputs: KernelInputs;
  attributes: object;
  outputs: tf.TensorInfo[];
}

const NAME = 'prunegrid-shapes';

/** The kernels that return a list of tensors, even of one. All others return a tensor. */
const LISTING = new Set(['SplitV', 'Unpack', 'TopK']);

/** The most elements of a tensor of one example, which are 1 GiB. */
const MOST_ELEMENTS = 2 ** 28;

function requireSize(shape: readonly number[]): void {
  const fits = shape.every((extent) => Number.isInteger(extent) && extent >= 0);
  if (fits && sizeOf(shape) <= MOST_ELEMENTS) return;
  throw new RangeError(`computes a tensor of shape [${shape.join(', ')}] for one example`);
}

/** A backend of TensorFlow.js whose kernels return tensors that have shapes but no values. */
export class ShapeBackend extends tf.KernelBackend {
  constructor(private readonly onCall: (call: KernelCall) => void) {
    super();
  }

  /** Returns a tensor without values. */
  tensor(shape: number[], dtype: tf.DataType): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo({ dataId: {}, shape, dtype }, this);
  }

  run(kernel: string, inputs: KernelInputs, attributes: object): tf.TensorInfo | tf.TensorInfo[] {
    // Optional inputs, such as a fused bias, can be there with the value undefined.
    const given = Object.fromEntries(Object.entries(inputs).filter(([, input]) => input));
    const outputs = shapeRules[kernel](given, attributes as never).map((shape, i) => {
      requireSize(shape);
      return { ...{ dataId: {}, shape }, dtype: elementTypeOf(kernel, given, attributes, i) };
    });
    this.onCall({ kernel, inputs: given, attributes, outputs });
    return LISTING.has(kernel) ? outputs : outputs[0];
  }

  override write(): object {
    return {};
  }

  override readSync(): never {
    throw new Error('a model must not read its tensors while it computes');
  }

  override async read(): Promise<never> {
    return this.readSync();
  }

  override disposeData(): boolean {
    return true;
  }

  override incRef(): void {
    // There is nothing to be kept in memory.
  }

  override numDataIds(): number {
    return 0;
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    // There is nothing in memory.
  }
}

/**
 * Calls `run` while TensorFlow.js uses `backend`. TensorFlow.js has one current backend for the whole process, which may
 * be that of an engine: it is the current one again afterwards.
 */
export function withBackend<T>(backend: ShapeBackend, run: () => T): T {
  if (tf.getKernelsForBackend(NAME).length === 0) {
    for (const kernelName of Object.keys(shapeRules)) {
      const kernelFunc: tf.KernelFunc = ({ inputs, attrs = {}, backend }) =>
        (backend as ShapeBackend).run(kernelName, inputs as KernelInputs, attrs);
      tf.registerKernel({ kernelName, backendName: NAME, kernelFunc });
    }
  }
  const engine = tf.engine();
  const { backendName: previous } = engine;
  tf.registerBackend(NAME, () => backend);
  try {
    // A backend whose factory is synchronous is set before the promise is returned.
    void tf.setBackend(NAME);
    return run();
  } finally {
    tf.removeBackend(NAME);
    if (previous) void tf.setBackend(previous);
  }
}
