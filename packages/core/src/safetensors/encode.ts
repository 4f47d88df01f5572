import { elementsOf, isReserved, maxHeaderBytes, quoted } from './header.js';

/** A tensor to be stored as float32, row-major. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  /** The elements, as many as the shape has. */
  data: TensorData;
}

/** Either an array, which is written without a copy, or pieces that are computed while they are written. */
export type TensorData = Float32Array | Pieces;

/** A tensor that is never completely in memory. */
export interface Pieces {
  /** The number of elements of all pieces together. */
  length: number;
  /**
   * Yields the elements from the first to the last, and the same ones at each call. A piece is valid until the next one
   * is requested, which may reuse its memory.
   */
  pieces: () => Iterable<Float32Array>;
}

/** Returns the pieces of a tensor. An array is its only piece. */
export const piecesOf = (data: TensorData): Iterable<Float32Array> =>
  data instanceof Float32Array ? [data] : data.pieces();

/**
 * Returns the bytes of a safetensors file in pieces, which are to be written in their order. Each piece must be written
 * before the next one is requested. The memory of arrays is returned without a copy. The same tensors in the same order
 * give the same bytes.
 *
 * @throws {RangeError} immediately, if a name is reserved or occurs twice, or a shape does not fit its data
 */
export function encode(
  tensors: readonly NamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Iterable<Uint8Array> {
  return headerAndData(headerOf(tensors, metadata), tensors);
}

/** Returns the JSON of a header as it is in the file, padding included. It throws the same errors as `encode`. */
export const headerText = (tensors: readonly NamedTensor[], metadata?: Readonly<Record<string, string>>): string =>
  headerOf(tensors, metadata).toString('utf8', 8);

function headerOf(tensors: readonly NamedTensor[], metadata?: Readonly<Record<string, string>>): Buffer {
  const header = new Map<string, unknown>();
  if (metadata) {
    const reserved = Object.keys(metadata).find(isReserved);
    if (reserved !== undefined) throw new RangeError(`metadata may not use the key ${quoted(reserved)}`);
    header.set('__metadata__', metadata);
  }
  let end = 0;
  for (const { name, shape, data } of tensors) {
    if (isReserved(name) || header.has(name)) throw new RangeError(`tensor name ${quoted(name)} is reserved or taken`);
    if (elementsOf(shape) !== data.length) {
      throw new RangeError(`tensor ${quoted(name)}: shape [${shape.join(', ')}] does not hold ${data.length} elements`);
    }
    const begin = end;
    end += data.length * Float32Array.BYTES_PER_ELEMENT;
    header.set(name, { dtype: 'F32', shape, data_offsets: [begin, end] });
  }
  return encodeHeader(header);
}

function* headerAndData(header: Uint8Array, tensors: readonly NamedTensor[]): Generator<Uint8Array> {
  yield header;
  for (const { data } of tensors) for (const piece of piecesOf(data)) yield bytesOf(piece);
}

/**
 * Returns the length of the JSON as a little-endian u64, followed by the JSON. The JSON is padded with spaces so that
 * the data start at a multiple of 8.
 */
function encodeHeader(header: Map<string, unknown>): Buffer {
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes)
    throw new RangeError(`a header of ${length} bytes is over the limit of ${maxHeaderBytes}`);
  const bytes = Buffer.alloc(8 + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.set(json, 8);
  return bytes;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
