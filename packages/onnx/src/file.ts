import { fromBinary } from '@bufbuild/protobuf';
import { Failure } from '@prunegrid/core/failure';
import { beside } from '@prunegrid/core/files';
import { kindOf, startBytes } from '@prunegrid/core/files/kind';
import type { Host } from '@prunegrid/core/runtime';

import { type GraphProto, type ModelProto, ModelProtoSchema } from './generated/onnx/onnx_pb.js';

/** A parsed ONNX file. Tensors in it are views of the file's bytes. */
export interface OnnxFile {
  path: string;
  model: ModelProto;
  graph: GraphProto;
  /** The version of the operator set `ai.onnx`. */
  opset: number;
  /** Absolute paths of the files that hold tensors beside this one, in a fixed order. */
  externalFiles: readonly string[];
}

/**
 * The oldest operator set that is read. Since 13, axes and similar constants are inputs rather than attributes in all
 * operators.
 */
const OLDEST = 13;

/** The longest message that Protocol Buffers allow. */
const LARGEST = 2 ** 31 - 1;

/**
 * Reads an ONNX file. Nothing of it is executed.
 * @param path absolute
 * @throws {Failure} `input`, one line that names the file, if it cannot be read or is no complete ONNX model
 */
export async function openOnnx(path: string, { files }: Pick<Host, 'files'>): Promise<OnnxFile> {
  const status = await files.status(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!status) throw new Failure('input', `${path}: there is no such file: check the path`);
  if (status.kind !== 'file') throw new Failure('input', `${path}: is no file: name the .onnx file itself`);
  if (status.size > LARGEST) {
    throw new Failure(
      'input',
      `${path}: has more than 2 GB, which ONNX does not allow: save its tensors as external data, such as by onnx.save(..., save_as_external_data=True)`,
    );
  }
  const bytes = await files.read(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const model = parsed(path, bytes);
  const { graph } = model;
  if (!graph || graph.output.length === 0) throw notOnnx(path, bytes);
  const opset = opsetOf(path, model);
  return { path, model, graph, opset, externalFiles: externalFilesOf(path, graph) };
}

function parsed(path: string, bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw notOnnx(path, bytes, cause);
  }
}

function notOnnx(path: string, bytes: Uint8Array, cause?: unknown): Failure {
  const kind = kindOf(bytes.subarray(0, startBytes));
  // An ONNX file begins with ir_version: field 1 as a varint.
  const begins = bytes[0] === 0x08;
  const what = begins
    ? 'is cut off or damaged; copy it or export it again'
    : 'is no ONNX file; export one, such as by torch.onnx.export';
  return new Failure('input', kind === undefined ? `${path}: ${what}` : `${path}: is no ONNX file: ${kind}`, { cause });
}

function opsetOf(path: string, { opsetImport }: ModelProto): number {
  const own = opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const opset = Number(own?.version ?? 0);
  if (opset >= OLDEST) return opset;
  throw new Failure(
    'input',
    `${path}: uses operator set ${opset}, and the oldest that is read is ${OLDEST}: export it with opset_version=${OLDEST} or higher, or convert it by onnx.version_converter`,
  );
}

/** Returns the place of a tensor outside of the model's file; undefined if it is in the file. */
export function externalPlaceOf(
  path: string,
  {
    name,
    dataLocation,
    externalData,
  }: { name: string; dataLocation: number; externalData: { key: string; value: string }[] },
): { file: string; offset: number; length: number | undefined } | undefined {
  const EXTERNAL = 1;
  if (dataLocation !== EXTERNAL) return undefined;
  const entry = (wanted: string) => externalData.find(({ key }) => key === wanted)?.value;
  const location = entry('location') ?? '';
  const file = beside(path, location);
  if (file === undefined) {
    throw new Failure(
      'input',
      `${path}: tensor ${name} is in "${location}", which is not in the folder of the model: save it again with its data beside it`,
    );
  }
  const [offset, length] = [Number(entry('offset') ?? 0), entry('length')];
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (!whole(offset) || (length !== undefined && !whole(Number(length)))) {
    throw new Failure('input', `${path}: tensor ${name} has an invalid place in its file: export the model again`);
  }
  return { file, offset, length: length === undefined ? undefined : Number(length) };
}

function externalFilesOf(path: string, { initializer }: GraphProto): string[] {
  const found = initializer.map((tensor) => externalPlaceOf(path, tensor)?.file);
  return [...new Set(found.filter((file) => file !== undefined))].sort();
}

export const unreadable = (path: string, cause: unknown): Failure =>
  new Failure('input', `${path}: cannot be read: ${(cause as Error).message}`, { cause });
