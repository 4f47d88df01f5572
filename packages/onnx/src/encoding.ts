import { numberToHalf } from '@prunegrid/core/half-precision';

import { TensorProto_DataType as DataType } from './generated/onnx/onnx_pb.js';

/** How a number of an element type is written: the bytes of one, and how to write it. */
const encoders: Readonly<Partial<Record<number, [number, (view: DataView, at: number, value: number) => void]>>> = {
  [DataType.FLOAT]: [4, (view, at, value) => view.setFloat32(at, value, true)],
  [DataType.DOUBLE]: [8, (view, at, value) => view.setFloat64(at, value, true)],
  [DataType.FLOAT16]: [2, (view, at, value) => view.setUint16(at, numberToHalf(value), true)],
  [DataType.BFLOAT16]: [2, (view, at, value) => view.setUint16(at, toBfloat16(value), true)],
};

const word = new DataView(new ArrayBuffer(4));

/** Returns the upper half of the float32, rounded to the nearest, of two as near to the even one. */
function toBfloat16(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  if (Number.isNaN(value)) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Returns numbers as the bytes that a tensor of the element type has for them. */
export function encodeValues(type: DataType, values: Float32Array): Uint8Array {
  if (type === DataType.FLOAT) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const encoder = encoders[type];
  if (!encoder) throw new RangeError(`no numbers of type ${type} are written`);
  const [size, write] = encoder;
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, i) => write(view, i * size, value));
  return new Uint8Array(view.buffer);
}
