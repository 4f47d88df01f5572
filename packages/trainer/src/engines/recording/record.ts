import type { KernelBackend, KernelBinding, NativeAttribute } from './kernels.js';
import type { Attribute, ElementType, Node, Placeholder, Recording, TensorValues } from './nodes.js';

/** The numbers in TensorFlow's DataType (types.proto) of the element types that models use. */
export const DATA_TYPES: Readonly<Record<ElementType, number>> = { float32: 1, int32: 3, uint8: 4, int64: 9, bool: 10 };

/**
 * Runs `compute`, which computes tensors eagerly with TensorFlow.js and returns their native ids, and records all
 * operations that it calls. If `compute` makes a tensor from one of the arrays in `fed` (the same object), the tensor
 * becomes a placeholder. All other values become constants, so they must not change from run to run.
 *
 * Throws if `compute` reads a tensor, because the recording could not depend on the value; if it uses a tensor that was
 * made before the call; or if it does not use one of the arrays in `fed`.
 */
export function record(backend: KernelBackend, fed: readonly TensorValues[], compute: () => number[]): Recording {
  const { binding } = backend;
  const nodes: Node[] = [];
  const placeholders = new Map<TensorValues, Placeholder>();
  const names = new Map<number, string>();
  const add = (node: Node, ids: number[]) => {
    nodes.push(node);
    ids.forEach((id, output) => names.set(id, output === 0 ? node.name : `${node.name}:${output}`));
  };
  const recorder: Pick<KernelBinding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, dtype, values) {
      const id = binding.createTensor(shape, dtype, values);
      const tensor = { name: `node${nodes.length}`, shape, elementType: elementTypeOf(dtype) };
      if (fed.includes(values)) {
        const placeholder = { ...tensor, kind: 'placeholder' } as const;
        placeholders.set(values, placeholder);
        add(placeholder, [id]);
      } else {
        add({ ...tensor, kind: 'constant', values }, [id]);
      }
      return id;
    },
    executeOp(op, attributes, inputs, outputs) {
      const results = binding.executeOp(op, attributes, inputs, outputs);
      const node = {
        ...({ name: `node${nodes.length}`, kind: 'operation', op } as const),
        attributes: attributes.map((each) => attributeOf(each, binding)),
        inputs: inputs.map((id) => nameOf(names, id)),
        shapes: results.map(({ shape }) => shape),
      };
      add(
        node,
        results.map(({ id }) => id),
      );
      return results;
    },
    tensorDataSync() {
      throw new Error('a model must not read its tensors while it computes');
    },
  };
  const methods = Object.entries(recorder).map(([name, value]) => [name, { value }] as const);
  backend.binding = Object.create(binding, Object.fromEntries(methods)) as KernelBinding;
  let outputs: number[];
  try {
    outputs = compute();
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
    outputs: outputs.map((output) => nameOf(names, output)),
  };
}

function nameOf(names: ReadonlyMap<number, string>, id: number): string {
  const name = names.get(id);
  if (name === undefined) throw new Error('a computation must not use tensors that were made before it');
  return name;
}

/** Returns the element type of a number in TensorFlow's DataType. Throws if no model needs it. */
export function elementTypeOf(dtype: number): ElementType {
  const found = Object.entries(DATA_TYPES).find(([, number]) => number === dtype);
  if (!found) throw new Error(`a tensor has TensorFlow's data type ${dtype}, which no model needs yet`);
  return found[0] as ElementType;
}

/** Returns an attribute in the form of recordings. */
export function attributeOf({ name, type, value }: NativeAttribute, binding: KernelBinding): Attribute {
  switch (type) {
    case binding.TF_ATTR_STRING:
      return { name, kind: 'string', value: value as string };
    case binding.TF_ATTR_INT:
      return Array.isArray(value)
        ? { name, kind: 'integers', value: value as number[] }
        : { name, kind: 'integer', value: value as number };
    case binding.TF_ATTR_FLOAT:
      return { name, kind: 'float', value: value as number };
    case binding.TF_ATTR_BOOL:
      return { name, kind: 'boolean', value: Boolean(value) };
    case binding.TF_ATTR_TYPE:
      return { name, kind: 'element-type', value: elementTypeOf(value as number) };
    default:
      throw new Error(`attribute ${name} is of a type (${type}) that no model needs yet`);
  }
}
