import { create, toBinary } from '@bufbuild/protobuf';

import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx/onnx_pb.js';

/** An attribute of a node: a whole number, several, or a text. Numbers that are not whole are wrapped as `{ float }`. */
export type OnnxAttribute = number | readonly number[] | string | { float: number };

/** Returns a node. The name of an input that is left out is empty. */
export const onnxNode = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): NodeProto =>
  create(NodeProtoSchema, {
    ...{ opType, name: output[0], input: [...input], output: [...output] },
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
  });

function attributeOf(name: string, value: OnnxAttribute) {
  const attribute = create(AttributeProtoSchema, { name });
  if (typeof value === 'string') return Object.assign(attribute, { type: AttributeType.STRING, s: Buffer.from(value) });
  if (typeof value === 'number') return Object.assign(attribute, { type: AttributeType.INT, i: BigInt(value) });
  if ('float' in value) return Object.assign(attribute, { type: AttributeType.FLOAT, f: value.float });
  return Object.assign(attribute, { type: AttributeType.INTS, ints: value.map(BigInt) });
}

/** Returns a tensor of numbers, row by row. */
export function onnxTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array | Int32Array | Uint8Array | BigInt64Array,
): TensorProto {
  const dataType =
    values instanceof Float32Array
      ? DataType.FLOAT
      : values instanceof Int32Array
        ? DataType.INT32
        : values instanceof BigInt64Array
          ? DataType.INT64
          : DataType.BOOL;
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData });
}

/** Returns an input or an output of a graph. An axis that is a text is open under that name. */
export const onnxValue = (name: string, elemType: DataType, shape: readonly (number | string)[]): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType,
          shape: create(TensorShapeProtoSchema, {
            dim: shape.map((extent) =>
              create(TensorShapeProto_DimensionSchema, {
                value:
                  typeof extent === 'string'
                    ? { case: 'dimParam', value: extent }
                    : { case: 'dimValue', value: BigInt(extent) },
              }),
            ),
          }),
        }),
      },
    }),
  });

/** What a new ONNX file holds. */
export interface NewGraph {
  name: string;
  nodes: readonly NodeProto[];
  initializers: readonly TensorProto[];
  input: ValueInfoProto;
  output: ValueInfoProto;
}

/** The operator set of new files, and the version of the format that came with it. */
const [OPSET, FORMAT] = [18n, 8n];

/** Returns the bytes of a new ONNX file. */
export const encodeOnnx = (
  { name, nodes, initializers, input, output }: NewGraph,
  producer: { name: string; version: string },
): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      ...{ irVersion: FORMAT, producerName: producer.name, producerVersion: producer.version },
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: OPSET })],
      graph: create(GraphProtoSchema, {
        ...{ name, node: [...nodes], initializer: [...initializers], input: [input], output: [output] },
      }),
    }),
  );
