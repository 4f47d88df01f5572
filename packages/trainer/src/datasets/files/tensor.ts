import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { Inputs } from '../dataset.js';
import type { ElementFormat } from './elements.js';
import { type ByteStream, requireRoom } from './stream.js';

/** An array of a file, in C order. */
export interface Tensor {
  shape: number[];
  values: Inputs;
  /** The type of the numbers in the file, as NumPy calls it. */
  type: string;
  /** Names the array in messages. */
  where: string;
}

/** How an array lies in its file. */
export interface TensorLayout {
  shape: number[];
  format: ElementFormat;
  littleEndian: boolean;
  /** Whether the first axis varies fastest, as in Fortran. */
  fortran: boolean;
}

/** The numbers that are converted together. */
const BLOCK = 1 << 16;

/**
 * Reads the numbers of an array. Integers are kept as uint8 or int32, fractions as float32.
 * @throws {Failure} `input`, if the bytes are too few, a number is not finite, or it does not fit into its type
 */
export async function readTensor(stream: ByteStream, layout: TensorLayout): Promise<Tensor> {
  const { shape, format, littleEndian, fortran } = layout;
  const { where } = stream;
  const size = sizeOf(shape);
  const { name: type, stored } = format;
  if (size === 0) throw new Failure('input', `${where}: is an empty array of shape [${shape.join(', ')}]`);
  requireRoom(size * (stored === 'uint8' ? 1 : 4) * (fortran && shape.length > 1 ? 2 : 1), where, stream.memoryBytes);
  const values = allocate(stored, size, where);
  if (format.bytes === values.BYTES_PER_ELEMENT && littleEndian && type !== 'bool' && type !== 'uint32') {
    await stream.fill(new Uint8Array(values.buffer));
    if (stored === 'float32') requireValid(values, 0, size, layout, where);
  } else {
    for (let from = 0; from < size; from += BLOCK) {
      const to = Math.min(size, from + BLOCK);
      const bytes = await stream.take((to - from) * format.bytes);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      convert(view, format, littleEndian, values, from, to, where);
      if (stored === 'float32') requireValid(values, from, to, layout, where);
    }
  }
  return { shape, values: fortran ? fromFortranOrder(values, shape) : values, type, where };
}

function allocate(stored: ElementFormat['stored'], size: number, where: string): Inputs {
  try {
    return new { uint8: Uint8Array, int32: Int32Array, float32: Float32Array }[stored](size);
  } catch (cause) {
    throw new Failure('input', `${where}: has ${size} numbers, too many for an array in memory`, { cause });
  }
}

function convert(
  view: DataView,
  format: ElementFormat,
  littleEndian: boolean,
  values: Inputs,
  from: number,
  to: number,
  where: string,
): void {
  const { bytes, stored, name } = format;
  for (let i = from, offset = 0; i < to; i++, offset += bytes) {
    const value = format.read(view, offset, littleEndian);
    values[i] = value;
    if (stored === 'int32' && values[i] !== value) {
      throw new Failure('input', `${where}: ${value} (${name}) does not fit 32 bits: store it as float32`);
    }
  }
}

function requireValid(values: Inputs, from: number, to: number, { shape }: TensorLayout, where: string): void {
  for (let i = from; i < to; i++) {
    if (Number.isFinite(values[i])) continue;
    const number = shape.length > 1 ? ` in the example ${Math.floor(i / sizeOf(shape.slice(1)))}` : ` at ${i}`;
    throw new Failure(
      'input',
      `${where}: holds ${values[i]}${number}, which nothing can be learned from: put a number in its place`,
    );
  }
}

/** Returns the values in C order, in which the last axis varies fastest. */
function fromFortranOrder(values: Inputs, shape: readonly number[]): Inputs {
  const strides: number[] = [];
  shape.reduce((stride, extent) => {
    strides.push(stride);
    return stride * extent;
  }, 1);
  const result = values.slice();
  const position = shape.map(() => 0);
  let source = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[source];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis]++;
      source += strides[axis];
      if (position[axis] < shape[axis]) break;
      source -= strides[axis] * shape[axis];
      position[axis] = 0;
    }
  }
  return result;
}
