import type { KernelBinding, NativeAttribute, NativeTensor } from '../recording/kernels.js';
import type { TensorValues } from '../recording/nodes.js';
import { attributeOf, DATA_TYPES, elementTypeOf } from '../recording/record.js';
import { Body, type Value } from './lowering/body.js';
import { loweringOf } from './lowering/lower.js';

/** A tensor without values, unless it was made of values on the host. */
interface Shaped extends Value {
  readonly values?: TensorValues;
}

/**
 * Stands for TensorFlow's native binding while models are recorded, so that XLA needs none of its libraries. Nothing is
 * computed: each operation is lowered into a program that is thrown away, by which the shapes and types of its results are
 * known.
 */
export class ShapeBinding implements KernelBinding {
  // The numbers of TF_AttrType in TensorFlow's C interface, and of its DataType.
  readonly TF_ATTR_STRING = 0;
  readonly TF_ATTR_INT = 1;
  readonly TF_ATTR_FLOAT = 2;
  readonly TF_ATTR_BOOL = 3;
  readonly TF_ATTR_TYPE = 4;
  readonly TF_ATTR_SHAPE = 5;
  readonly TF_FLOAT = DATA_TYPES.float32;
  readonly TF_INT32 = DATA_TYPES.int32;
  readonly TF_UINT8 = DATA_TYPES.uint8;
  readonly TF_STRING = 7;
  readonly TF_COMPLEX64 = 8;
  readonly TF_INT64 = DATA_TYPES.int64;
  readonly TF_BOOL = DATA_TYPES.bool;
  readonly TF_RESOURCE = 20;

  private readonly tensors = new Map<number, Shaped>();
  private next = 0;

  isUsingGpuDevice(): boolean {
    return false;
  }

  createTensor(shape: number[], dtype: number, values: TensorValues): number {
    return this.add({ name: '', shape: [...shape], type: elementTypeOf(dtype), values });
  }

  deleteTensor(id: number): void {
    this.tensors.delete(id);
  }

  tensorDataSync(): never {
    throw new Error('nothing is computed while a model is recorded');
  }

  /** Throws Failure if XLA cannot compute the operation. */
  executeOp(op: string, attributes: NativeAttribute[], inputs: number[]): NativeTensor[] {
    const given = inputs.map((id) => this.tensors.get(id) as Shaped);
    const described = attributes.map((each) => attributeOf(each, this));
    const results = loweringOf(op)({
      body: new Body('HIGHEST'),
      node: { kind: 'operation', name: op, op, attributes: described, inputs: [], shapes: [] },
      inputs: given,
      constant(input) {
        const { values } = given[input];
        if (!values) throw new Error(`input ${input} of ${op} is no constant`);
        return [...values];
      },
    });
    return [results].flat().map(({ shape, type }) => {
      const id = this.add({ name: '', shape, type });
      return { id, shape: [...shape], dtype: DATA_TYPES[type as keyof typeof DATA_TYPES] };
    });
  }

  private add(tensor: Shaped): number {
    this.tensors.set(this.next, tensor);
    return this.next++;
  }
}
