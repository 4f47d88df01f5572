import type { TensorValues } from './nodes.js';

/** A tensor of the native binding. */
export interface NativeTensor {
  id: number;
  shape: number[];
  /** The number of the element type in TensorFlow's DataType. */
  dtype: number;
}

/** An attribute in the form in which TensorFlow.js passes it to the native binding. */
export interface NativeAttribute {
  name: string;
  /** One of the TF_ATTR constants of the binding. */
  type: number;
  value: unknown;
}

/** The functions of the native binding of @tensorflow/tfjs-node that all kernels of TensorFlow.js call. */
export interface KernelBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  /** Creates a tensor with a copy of the values, and returns its id. */
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  tensorDataSync(id: number): Float32Array;
  executeOp(op: string, attributes: NativeAttribute[], inputs: number[], outputs: number): NativeTensor[];
}

/** The part of TensorFlow.js' backend for Node through which its kernels call the native binding. */
export interface KernelBackend {
  binding: KernelBinding;
}
