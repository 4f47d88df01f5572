import type { Binding, OpAttribute, TensorValues } from './binding.js';

/** A node of a TensorFlow graph. Inputs are names of tensors: `NODE`, or `NODE:OUTPUT` for another output than the first. */
export type Node = { name: string } & (
  | { kind: 'placeholder'; shape: number[]; dtype: number }
  | { kind: 'constant'; shape: number[]; dtype: number; values: TensorValues }
  | { kind: 'operation'; op: string; attributes: OpAttribute[]; inputs: string[] }
);

export type Placeholder = Extract<Node, { kind: 'placeholder' }>;

export interface Recording {
  /** Each after its inputs. */
  nodes: Node[];
  /** One for each of the `fed` arrays, in their order. */
  placeholders: Placeholder[];
  /** The name of the tensor that was computed. */
  output: string;
}

/** The part of TensorFlow.js' backend through which all its kernels reach the native binding. */
export interface Recorded {
  binding: Binding;
}

/**
 * Runs `compute`, which computes one tensor eagerly and returns its native id, and notes every operation on the way. The arrays in `fed`, recognised by
 * identity where a tensor is made of them, become the graph's inputs; other values become constants, so whatever `compute` makes of them must not change
 * from run to run. Throws where `compute` reads a tensor, since the graph could not depend on what it read.
 */
export function record(backend: Recorded, fed: readonly TensorValues[], compute: () => number): Recording {
  const { binding } = backend;
  const nodes: Node[] = [];
  const placeholders = new Map<TensorValues, Placeholder>();
  const names = new Map<number, string>();
  const add = (node: Node, ids: number[]) => {
    nodes.push(node);
    ids.forEach((id, output) => names.set(id, output === 0 ? node.name : `${node.name}:${output}`));
  };
  const recorder: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, dtype, values) {
      const id = binding.createTensor(shape, dtype, values);
      const name = `node${nodes.length}`;
      if (fed.includes(values)) {
        const placeholder = { name, kind: 'placeholder', shape, dtype } as const;
        placeholders.set(values, placeholder);
        add(placeholder, [id]);
      } else {
        add({ name, kind: 'constant', shape, dtype, values }, [id]);
      }
      return id;
    },
    executeOp(op, attributes, inputs, outputs) {
      const results = binding.executeOp(op, attributes, inputs, outputs);
      const node = { kind: 'operation', op, attributes, inputs: inputs.map((id) => nameOf(names, id)) } as const;
      add(
        { name: `node${nodes.length}`, ...node },
        results.map(({ id }) => id),
      );
      return results;
    },
    tensorDataSync() {
      throw new Error('a model must not read its tensors while it computes');
    },
  };
  const methods = Object.entries(recorder).map(([name, value]) => [name, { value }] as const);
  backend.binding = Object.create(binding, Object.fromEntries(methods)) as Binding;
  let output: number;
  try {
    output = compute();
  } finally {
    backend.binding = binding;
  }
  return {
    nodes,
    placeholders: fed.map((values) => {
      const placeholder = placeholders.get(values);
      if (!placeholder) throw new Error('the computation does not use one of its inputs');
      return placeholder;
    }),
    output: nameOf(names, output),
  };
}

function nameOf(names: ReadonlyMap<number, string>, id: number): string {
  const name = names.get(id);
  if (name === undefined) throw new Error('a computation must not use tensors that were made before it');
  return name;
}
