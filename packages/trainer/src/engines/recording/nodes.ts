/** Element types that tensors of a recording may have. */
export type ElementType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

/** The values of a tensor on the host, row by row. */
export type TensorValues = Float32Array | Int32Array | Uint8Array;

/** A named constant of an operation, such as the strides of a convolution. */
export type Attribute = { name: string } & (
  | { kind: 'string'; value: string }
  | { kind: 'integer'; value: number }
  | { kind: 'integers'; value: readonly number[] }
  | { kind: 'float'; value: number }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'element-type'; value: ElementType }
);

/**
 * A node of a recorded computation. Operations and their attributes are those of TensorFlow's operation set; `inputs` are
 * names of tensors: `NODE` for a node's first output, `NODE:OUTPUT` for another one.
 */
export type Node = { name: string } & (
  | { kind: 'placeholder'; shape: readonly number[]; elementType: ElementType }
  | { kind: 'constant'; shape: readonly number[]; elementType: ElementType; values: TensorValues }
  | { kind: 'operation'; op: string; attributes: readonly Attribute[]; inputs: readonly string[] }
);

export type Placeholder = Extract<Node, { kind: 'placeholder' }>;

/** A computation of one tensor as a list of nodes: the one description of a model that every engine lowers to its device. */
export interface Recording {
  /** Each node stands behind its inputs. */
  nodes: readonly Node[];
  /** The inputs that change from run to run, in the order in which they are handed over. */
  placeholders: readonly Placeholder[];
  /** The name of the tensor that is computed. */
  output: string;
}
