import type { TensorValues } from './nodes.js';

/** A tensor of the native binding. */
export interface NativeTensor {
  id: number;
  shape: number[];
  /** TensorFlow's DataType number. */
  dtype: number;
}

/** An attribute as TensorFlow.js hands it to the native binding. */
export interface NativeAttribute {
  name: string;
  /** One of the binding's TF_ATTR constants. */
  type: number;
  value: unknown;
}

/** The functions of @tensorflow/tfjs-node's native binding through which all kernels of TensorFlow.js compute. */
export interface KernelBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  /** Returns the tensor's id; the values are copied. */
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  tensorDataSync(id: number): Float32Array;
  executeOp(op: string, attributes: NativeAttribute[], inputs: number[], outputs: number): NativeTensor[];
}

/** The part of TensorFlow.js' backend for Node through which its kernels reach the native binding. */
export interface KernelBackend {
  binding: KernelBinding;
}
