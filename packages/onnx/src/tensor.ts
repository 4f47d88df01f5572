import { clone } from '@bufbuild/protobuf';
import { Failure } from '@prunegrid/core/failure';
import { halfToNumber } from '@prunegrid/core/half-precision';
import type { Host } from '@prunegrid/core/runtime';

import { externalPlaceOf, type OnnxFile, unreadable } from './file.js';
import { type TensorProto, TensorProto_DataType as DataType, TensorProtoSchema } from './generated/onnx/onnx_pb.js';

/**
 * The values of a tensor in row-major order. Floating-point numbers are float32; integers and truth values (0 and 1) are
 * in float64, which is exact up to 2^53.
 */
export type OnnxTensor = { shape: number[] } & (
  { type: 'float'; values: Float32Array } | { type: 'int' | 'bool'; values: Float64Array }
);

/** Returns a tensor with the same elements and another name. */
export const copyOfTensor = (tensor: TensorProto, name: string): TensorProto =>
  Object.assign(clone(TensorProtoSchema, tensor), { name });

export const shapeOf = ({ dims }: Pick<TensorProto, 'dims'>): number[] => dims.map(Number);

/** Returns the name of an element type as users know it, such as `float16`. */
export const dataTypeName = (type: number): string =>
  DataType[type]?.toLowerCase().replace(/^float$/, 'float32') ?? `type ${type}`;

/** How elements of a type are stored: the bytes of one, how to read one, and the kind of number. */
interface Encoding {
  bytes: number;
  kind: OnnxTensor['type'];
  at: (view: DataView, offset: number) => number;
}

const encodings: Readonly<Partial<Record<number, Encoding>>> = {
  [DataType.FLOAT]: { bytes: 4, kind: 'float', at: (view, at) => view.getFloat32(at, true) },
  [DataType.DOUBLE]: { bytes: 8, kind: 'float', at: (view, at) => view.getFloat64(at, true) },
  [DataType.FLOAT16]: { bytes: 2, kind: 'float', at: (view, at) => halfToNumber(view.getUint16(at, true)) },
  [DataType.BFLOAT16]: { bytes: 2, kind: 'float', at: (view, at) => bfloat16(view.getUint16(at, true)) },
  [DataType.INT64]: { bytes: 8, kind: 'int', at: (view, at) => Number(view.getBigInt64(at, true)) },
  [DataType.INT32]: { bytes: 4, kind: 'int', at: (view, at) => view.getInt32(at, true) },
  [DataType.INT8]: { bytes: 1, kind: 'int', at: (view, at) => view.getInt8(at) },
  [DataType.UINT8]: { bytes: 1, kind: 'int', at: (view, at) => view.getUint8(at) },
  [DataType.BOOL]: { bytes: 1, kind: 'bool', at: (view, at) => view.getUint8(at) },
};

/**
 * Reads the values of a tensor, wherever they are stored.
 * @throws {Failure} `input` if they are missing, have an element type that is not read, or are not as many as the shape
 *   says
 */
export async function readTensor(
  { path }: Pick<OnnxFile, 'path'>,
  tensor: TensorProto,
  host: Pick<Host, 'files'>,
): Promise<OnnxTensor> {
  const shape = shapeOf(tensor);
  const count = countOf(shape);
  const encoding = encodingOf(path, tensor);
  const bytes = await bytesOf(path, tensor, count * encoding.bytes, host);
  const own = bytes ? undefined : typedValuesOf(tensor);
  requireCount(path, tensor, bytes ? bytes.length / encoding.bytes : (own?.length ?? 0));
  const values = encoding.kind === 'float' ? new Float32Array(count) : new Float64Array(count);
  if (bytes) decode(bytes, encoding, values);
  else values.set(own as ArrayLike<number>);
  return { shape, type: encoding.kind, values } as OnnxTensor;
}

/**
 * Makes sure that a tensor's values are there, as many as its shape says. They are not read.
 * @throws {Failure} `input` as `readTensor` does
 */
export async function requireTensor(
  { path }: Pick<OnnxFile, 'path'>,
  tensor: TensorProto,
  { files }: Pick<Host, 'files'>,
): Promise<void> {
  const { bytes } = encodingOf(path, tensor);
  const place = externalPlaceOf(path, tensor);
  if (!place) {
    const { rawData } = tensor;
    requireCount(path, tensor, rawData && rawData.length > 0 ? rawData.length / bytes : typedValuesOf(tensor).length);
    return;
  }
  const { file, offset, length = Infinity } = place;
  const status = await files.status(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  if (!status) throw withoutData(path, file, tensor);
  const expected = countOf(shapeOf(tensor)) * bytes;
  requireCount(path, tensor, Math.max(0, Math.min(status.size - offset, length, expected)) / bytes);
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

function encodingOf(path: string, { name, dataType = 0 }: TensorProto): Encoding {
  const encoding = encodings[dataType];
  if (encoding) return encoding;
  throw new Failure(
    'input',
    `${path}: tensor ${name} has elements of ${dataTypeName(dataType)}, which are not read: export it in float32`,
  );
}

function requireCount(path: string, tensor: TensorProto, found: number): void {
  const shape = shapeOf(tensor);
  if (found === countOf(shape)) return;
  throw new Failure(
    'input',
    `${path}: tensor ${tensor.name} of shape [${shape.join(', ')}] has ${found} elements instead of ${countOf(shape)}: export it again`,
  );
}

const withoutData = (path: string, file: string, { name }: TensorProto, cause?: unknown): Failure =>
  new Failure('input', `${path}: needs ${file}, which holds tensor ${name}: put it beside the model`, { cause });

function decode(bytes: Uint8Array, encoding: Encoding, values: Float32Array | Float64Array): void {
  if (encoding === encodings[DataType.FLOAT]) {
    new Uint8Array(values.buffer, values.byteOffset, bytes.length).set(bytes);
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < values.length; i++) values[i] = encoding.at(view, i * encoding.bytes);
}

/**
 * Returns the bytes of a tensor that lies in a file of its own.
 * @throws {Failure} `input` if they cannot be read or are too few
 */
export async function tensorBytes(
  { path }: Pick<OnnxFile, 'path'>,
  tensor: TensorProto,
  host: Pick<Host, 'files'>,
): Promise<Uint8Array> {
  const count = shapeOf(tensor).reduce((product, extent) => product * extent, 1);
  const size = encodings[tensor.dataType]?.bytes;
  const bytes = await bytesOf(path, tensor, size === undefined ? Infinity : count * size, host);
  return bytes ?? new Uint8Array(0);
}

/** Returns the bytes of a tensor; undefined if its values are numbers of the message. */
async function bytesOf(
  path: string,
  tensor: TensorProto,
  expected: number,
  { files }: Pick<Host, 'files'>,
): Promise<Uint8Array | undefined> {
  const place = externalPlaceOf(path, tensor);
  if (!place) return tensor.rawData && tensor.rawData.length > 0 ? tensor.rawData : undefined;
  const { file, offset, length = expected } = place;
  const pieces: Buffer[] = [];
  try {
    for await (const piece of files.readPieces(file, offset, offset + Math.min(length, expected))) pieces.push(piece);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw unreadable(file, error);
    throw withoutData(path, file, tensor, error);
  }
  return Buffer.concat(pieces);
}

/** Returns the values that are not raw bytes. Elements of few bytes are stored in int32, halves as their bits. */
function typedValuesOf(tensor: TensorProto): ArrayLike<number> {
  const type: DataType = tensor.dataType;
  switch (type) {
    case DataType.FLOAT:
      return tensor.floatData;
    case DataType.DOUBLE:
      return tensor.doubleData;
    case DataType.INT64:
      return tensor.int64Data.map(Number);
    case DataType.FLOAT16:
      return tensor.int32Data.map(halfToNumber);
    case DataType.BFLOAT16:
      return tensor.int32Data.map(bfloat16);
    default:
      return tensor.int32Data;
  }
}

const word = new DataView(new ArrayBuffer(4));

/** Returns the number whose float32 begins with these bits. */
function bfloat16(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
