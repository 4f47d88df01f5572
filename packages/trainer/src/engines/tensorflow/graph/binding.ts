import type { KernelBinding, NativeTensor } from '../../recording/kernels.js';

/** The part of the native binding of @tensorflow/tfjs-node that is used here: its kernels and sessions. */
export interface Binding extends KernelBinding {
  readonly TF_Version: string;
  deleteTensor(id: number): void;
  /** Loads a SavedModel, and returns the id of its session. */
  loadSavedModel(folder: string, tags: string): number;
  /** Runs a session. The names are those of tensors, `NODE:OUTPUT`, separated by commas. */
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): NativeTensor[];
}

/** The part of TensorFlow.js' backend for Node that sessions use. */
export interface SessionBackend {
  binding: Binding;
}
