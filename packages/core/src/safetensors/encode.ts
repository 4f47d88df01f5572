import { elementsOf, isReserved, maxHeaderBytes, quoted } from './header.js';

/** A tensor to be stored as float32, row-major. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  /** As many elements as the shape has. */
  data: TensorData;
}

/** An array, whose own memory is written, or what makes the elements while they are written. */
export type TensorData = Float32Array | Pieces;

/** A tensor that is nowhere in memory as a whole. */
export interface Pieces {
  /** Elements of all pieces together. */
  length: number;
  /** From the first element to the last, the same each time. A piece is good until the next is asked for, which may take its memory. */
  pieces: () => Iterable<Float32Array>;
}

/** Of an array, the array itself. */
export const piecesOf = (data: TensorData): Iterable<Float32Array> =>
  data instanceof Float32Array ? [data] : data.pieces();

/**
 * The bytes of a safetensors file, in pieces to be written one after the other, each before the next is asked for. Arrays' own
 * memory is handed out, not copied. The same tensors in the same order give the same bytes.
 *
 * @throws {RangeError} a name comes twice or is reserved, or a shape does not fit its data. At once, not with the first piece.
 */
export function encode(
  tensors: readonly NamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Iterable<Uint8Array> {
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
  return headerAndData(encodeHeader(header), tensors);
}

function* headerAndData(header: Uint8Array, tensors: readonly NamedTensor[]): Generator<Uint8Array> {
  yield header;
  for (const { data } of tensors) for (const piece of piecesOf(data)) yield bytesOf(piece);
}

/** The JSON's length as a little-endian u64, and the JSON padded with spaces so that the data starts at a multiple of 8. */
function encodeHeader(header: Map<string, unknown>): Uint8Array {
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
