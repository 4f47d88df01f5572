import { FromCoordinator, FromTrainer, type TensorChunk } from './generated/prunegrid/v1/coordination.js';
import { crc32 } from 'node:zlib';

/**
 * Encodes and decodes the messages of the stream. The generated code handles all messages except tensor chunks. Chunks
 * are encoded and decoded by hand, because the generated code copies their data once more and costs a third of the
 * throughput. Both produce the same protobuf bytes.
 */

/** The field `body.chunk` has number 1 and is length-delimited in both directions. */
const CHUNK_TAG = (1 << 3) | 2;
const DATA_TAG = (15 << 3) | 2;
const CRC_TAG = (7 << 3) | 5;
/**
 * The maximum size of a chunk's data in bytes. Larger chunks are not faster on the loopback interface, and gRPC
 * receives at most 4 MiB in one message.
 */
export const CHUNK_BYTES = 1 << 20;
/** The maximum size of a trainer's message in bytes. It suffices for one chunk with all its fields. */
export const MESSAGE_BYTES = CHUNK_BYTES + 1024;

/** Thrown if a message cannot be decoded, or if the CRC of a chunk does not match its data. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export type ChunkHeader = Pick<TensorChunk, 'kind' | 'generation' | 'step' | 'node'>;

/**
 * Splits `tensor` (elements of 4 bytes) into encoded chunks of at most `chunkBytes` bytes of data. The data are copied.
 */
export function* encodeTensor(
  header: ChunkHeader,
  tensor: Float32Array | Uint32Array,
  chunkBytes = CHUNK_BYTES,
): Generator<Buffer> {
  yield* encodePieces(header, tensor.length, [tensor], chunkBytes);
}

/** Does the same for a tensor of `length` elements that is given in pieces, one after another. */
export function* encodePieces(
  header: ChunkHeader,
  length: number,
  pieces: Iterable<Float32Array | Uint32Array>,
  chunkBytes = CHUNK_BYTES,
): Generator<Buffer> {
  let offset = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      yield encodeChunk(header, length, offset + start / 4, bytes.subarray(start, start + chunkBytes));
    }
    offset += piece.length;
  }
  // An empty tensor is sent as one empty chunk, because its receiver waits for a chunk that completes it.
  if (length === 0) yield encodeChunk(header, 0, 0, EMPTY);
}

function encodeChunk(header: ChunkHeader, length: number, offset: number, data: Buffer): Buffer {
  return Buffer.concat([encodeChunkHead(header, length, offset, data), data]);
}

/** The position of a chunk's data in shared memory, if the chunk does not contain them. */
type Shared = Pick<TensorChunk, 'sharedMemoryBytes' | 'sharedMemoryOffset'>;

/** Returns all bytes of an encoded chunk that precede its data. */
export function encodeChunkHead(
  header: ChunkHeader,
  length: number,
  offset: number,
  data: Uint8Array | Shared,
  crc = data instanceof Uint8Array ? crc32(data) : 0,
): Buffer {
  const dataBytes = data instanceof Uint8Array ? data.length : 0;
  const fields = Buffer.allocUnsafe(64);
  let at = 0;
  const varint = (value: number) => {
    while (value > 0x7f) {
      fields[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    fields[at++] = value;
  };
  const field = (number: number, value: number) => {
    // proto3 omits fields that are 0.
    if (value === 0) return;
    varint(number << 3);
    varint(value);
  };
  field(1, header.kind);
  field(2, header.generation);
  field(3, header.step);
  field(4, header.node);
  field(5, length);
  field(6, offset);
  if (!(data instanceof Uint8Array)) {
    field(8, data.sharedMemoryBytes);
    field(9, data.sharedMemoryOffset);
  }
  if (crc !== 0) {
    varint(CRC_TAG);
    at = fields.writeUInt32LE(crc, at);
  }
  if (dataBytes > 0) {
    varint(DATA_TAG);
    varint(dataBytes);
  }
  const fieldBytes = at;
  varint(CHUNK_TAG);
  varint(fieldBytes + dataBytes);
  return Buffer.concat([fields.subarray(fieldBytes, at), fields.subarray(0, fieldBytes)]);
}

/**
 * Decodes a chunk without copying: `data` is a view on `frame`. Throws FrameError if the frame is no chunk, or if
 * `checked` is set and the CRC does not match the data.
 */
export function decodeChunk(frame: Buffer, checked = true): TensorChunk {
  if (frame[0] !== CHUNK_TAG) throw new FrameError('something arrived where a tensor chunk is due');
  let at = 1;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= frame.length) throw new FrameError('a tensor chunk ends too early');
      const byte = frame[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new FrameError('a tensor chunk has a number of more than 32 bits');
  };
  if (varint() !== frame.length - at) throw new FrameError('a tensor chunk is not as long as it says');
  const chunk: TensorChunk = {
    ...{ kind: 0, generation: 0, step: 0, node: 0, length: 0, offset: 0 },
    ...{ crc: 0, sharedMemoryBytes: 0, sharedMemoryOffset: 0, data: EMPTY },
  };
  while (at < frame.length) {
    const tag = varint();
    if (tag === DATA_TAG) {
      const length = varint();
      if (length > frame.length - at) throw new FrameError('a tensor chunk has less data than it says');
      chunk.data = frame.subarray(at, at + length);
      at += length;
    } else if (tag === CRC_TAG) {
      if (frame.length - at < 4) throw new FrameError('a tensor chunk ends too early');
      chunk.crc = frame.readUInt32LE(at);
      at += 4;
    } else {
      const name = NUMBER_FIELDS.get(tag);
      if (name === undefined) throw new FrameError(`a tensor chunk has an unknown field (tag ${tag})`);
      chunk[name] = varint() as never;
    }
  }
  if (checked && crc32(chunk.data) !== chunk.crc) throw new FrameError('a tensor chunk arrived damaged (CRC mismatch)');
  return chunk;
}

const EMPTY = Buffer.alloc(0);
const NUMBER_FIELDS = new Map([
  ...(['kind', 'generation', 'step', 'node', 'length', 'offset'] as const).map(
    (name, index) => [(index + 1) << 3, name] as const,
  ),
  [8 << 3, 'sharedMemoryBytes'] as const,
  [9 << 3, 'sharedMemoryOffset'] as const,
]);

export const encodeFromTrainer = (body: NonNullable<FromTrainer['body']>): Buffer =>
  Buffer.from(FromTrainer.encode({ body }).finish());

export const encodeFromCoordinator = (body: NonNullable<FromCoordinator['body']>): Buffer =>
  Buffer.from(FromCoordinator.encode({ body }).finish());

/** Decodes a message of a trainer. Throws FrameError if the bytes are not such a message. */
export const decodeFromTrainer = (frame: Buffer): NonNullable<FromTrainer['body']> => decode(FromTrainer, frame);

/** Decodes a message of the coordinator. Throws FrameError if the bytes are not such a message. */
export const decodeFromCoordinator = (frame: Buffer): NonNullable<FromCoordinator['body']> =>
  decode(FromCoordinator, frame);

function decode<Body extends { $case: string }>(
  type: { decode(input: Uint8Array): { body?: Body | undefined } },
  frame: Buffer,
): Body {
  if (frame[0] === CHUNK_TAG) return { $case: 'chunk', value: decodeChunk(frame) } as unknown as Body;
  let body: Body | undefined;
  try {
    body = type.decode(frame).body;
  } catch (error) {
    throw new FrameError(`a message cannot be decoded: ${(error as Error).message}`);
  }
  if (body === undefined) throw new FrameError('a message of an unknown kind arrived: are both sides of one version?');
  return body;
}
