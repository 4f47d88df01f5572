import type { KernelBinding, NativeTensor } from '../../recording/kernels.js';

/** What is used of the native binding of @tensorflow/tfjs-node: its kernels, and sessions. */
export interface Binding extends KernelBinding {
  readonly TF_Version: string;
  deleteTensor(id: number): void;
  /** Returns the session's id. */
  loadSavedModel(folder: string, tags: string): number;
  /** Names of tensors, `NODE:OUTPUT`, separated by commas. */
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): NativeTensor[];
}

/** TensorFlow.js' backend for Node, as far as sessions use it. */
export interface SessionBackend {
  binding: Binding;
}
