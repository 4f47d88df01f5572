/** A tensor of the native binding. */
export interface NativeTensor {
  id: number;
  shape: number[];
  dtype: number;
}

export type TensorValues = Float32Array | Int32Array | Uint8Array;

export interface OpAttribute {
  name: string;
  /** One of the binding's TF_ATTR constants. */
  type: number;
  value: unknown;
}

/** What is used of the native binding of @tensorflow/tfjs-node. Element types are TensorFlow's DataType numbers. */
export interface Binding {
  readonly TF_Version: string;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  /** Returns the tensor's id; the values are copied. */
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array;
  executeOp(op: string, attributes: OpAttribute[], inputs: number[], outputs: number): NativeTensor[];
  /** Returns the session's id. */
  loadSavedModel(folder: string, tags: string): number;
  /** Names of tensors, `NODE:OUTPUT`, separated by commas. */
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): NativeTensor[];
}
