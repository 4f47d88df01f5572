/** The element types of tensors in a recording. */
export type ElementType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

/** The values of a tensor on the host, in row-major order. */
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
 * A node of a recorded computation. Operations and their attributes are those of TensorFlow's operation set. `inputs`
 * are the names of tensors: `NODE` is the first output of a node, and `NODE:OUTPUT` is another one.
 */
export type Node = { name: string } & (
  | { kind: 'placeholder'; shape: readonly number[]; elementType: ElementType }
  | { kind: 'constant'; shape: readonly number[]; elementType: ElementType; values: TensorValues }
  | {
      kind: 'operation';
      op: string;
      attributes: readonly Attribute[];
      inputs: readonly string[];
      /** The shapes of the outputs. */
      shapes: readonly (readonly number[])[];
    }
);

export type Placeholder = Extract<Node, { kind: 'placeholder' }>;

/** A computation of one or more tensors as a list of nodes. Every engine lowers this form of a model to its device. */
export interface Recording {
  /** The nodes in an order in which each node comes after its inputs. */
  nodes: readonly Node[];
  /** The inputs that change from run to run, in the order in which they are passed. */
  placeholders: readonly Placeholder[];
  /** The names of the resulting tensors. */
  outputs: readonly string[];
}
