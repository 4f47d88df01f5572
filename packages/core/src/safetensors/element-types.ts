import { halfToNumber } from '../half-precision.js';

/**
 * How the elements of a stored tensor are converted to float32. Files and supported machines are both little-endian.
 */
export interface ElementType {
  /** The size of one element in bytes. */
  bytes: number;
  /**
   * Converts the bytes of a tensor. `raw` must own its buffer and start at its first byte; the result may reuse the
   * memory.
   */
  toFloat32(raw: Uint8Array<ArrayBuffer>): Float32Array;
}

/** The element types that can be read, by their name in the header. */
export const elementTypes: ReadonlyMap<unknown, ElementType> = new Map([
  ['F32', { bytes: 4, toFloat32: (raw) => new Float32Array(raw.buffer) }],
  ['F64', { bytes: 8, toFloat32: (raw) => Float32Array.from(new Float64Array(raw.buffer)) }],
  ['F16', { bytes: 2, toFloat32: (raw) => Float32Array.from(new Uint16Array(raw.buffer), halfToNumber) }],
  ['BF16', { bytes: 2, toFloat32: brainFloatToFloat32 }],
  // PyTorch's batch normalisations count their batches in a tensor.
  ['I64', { bytes: 8, toFloat32: (raw) => Float32Array.from(new BigInt64Array(raw.buffer), Number) }],
] satisfies [string, ElementType][]);

/** bfloat16 is the upper half of a float32. */
function brainFloatToFloat32(raw: Uint8Array<ArrayBuffer>): Float32Array {
  return new Float32Array(Uint32Array.from(new Uint16Array(raw.buffer), (bits) => bits << 16).buffer);
}
