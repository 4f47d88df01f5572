import { create, toBinary } from '@bufbuild/protobuf';
import { Failure } from '@prunegrid/core/failure';
import { HALF_OVERFLOW } from '@prunegrid/core/half-precision';
import type { Host } from '@prunegrid/core/runtime';

import { encodeValues } from './encoding.js';
import type { OnnxFile } from './file.js';
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
} from './generated/onnx/onnx_pb.js';
import { tensorBytes } from './tensor.js';

/** The bytes of an ONNX file, and of the file beside it that holds tensors for it, if there is one. */
export interface OnnxContent {
  model: Uint8Array;
  data?: Uint8Array[];
}

/** Tensors in a data file begin at multiples of the size of a page, so that they can be mapped into memory. */
const PAGE = 4096;

/**
 * Returns the content of an ONNX file in which some tensors have other values. Everything else is as it was; what lay in
 * files beside the model lies in a single one. The messages of `file` are changed.
 *
 * @param values by tensor, as many as its shape says
 * @param dataFile the name of the file for what does not lie in the model
 * @throws {Failure} `input` if the data of a tensor cannot be read, or its values are beyond what its type can hold
 */
export async function replaceValues(
  file: OnnxFile,
  values: ReadonlyMap<TensorProto, Float32Array>,
  dataFile: string,
  host: Pick<Host, 'files'>,
): Promise<OnnxContent> {
  const data: Uint8Array[] = [];
  let end = 0;
  for (const tensor of tensorsOf(file)) {
    const replaced = values.get(tensor);
    const isExternal = tensor.dataLocation === DataLocation.EXTERNAL;
    if (!replaced && !isExternal) continue;
    const bytes = replaced ? encoded(file, tensor, replaced) : await tensorBytes(file, tensor, host);
    if (!isExternal) {
      Object.assign(tensor, { rawData: bytes, floatData: [], doubleData: [], int32Data: [] });
      continue;
    }
    const padding = (PAGE - (end % PAGE)) % PAGE;
    if (padding > 0) data.push(new Uint8Array(padding));
    data.push(bytes);
    place(tensor, { location: dataFile, offset: String(end + padding), length: String(bytes.length) });
    end += padding + bytes.length;
  }
  return { model: toBinary(ModelProtoSchema, file.model), ...(data.length > 0 && { data }) };
}

function encoded({ path }: OnnxFile, { name, dataType }: TensorProto, values: Float32Array): Uint8Array {
  const type: DataType = dataType;
  const isTooLarge = type === DataType.FLOAT16 && values.some((value) => Math.abs(value) >= HALF_OVERFLOW);
  if (!isTooLarge) return encodeValues(type, values);
  throw new Failure(
    'input',
    `${path}: tensor ${name} is of float16, and its trained values are beyond that: export the network in float32 before it is pruned`,
  );
}

/** The tensors of the graph in a fixed order: those with names, then those that nodes have as attributes. */
function* tensorsOf({ graph }: OnnxFile): Generator<TensorProto> {
  yield* graph.initializer;
  for (const { attribute } of graph.node) for (const { t } of attribute) if (t) yield t;
}

function place(tensor: TensorProto, entries: Readonly<Record<string, string>>): void {
  tensor.dataLocation = DataLocation.EXTERNAL;
  tensor.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  );
}
