import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import type { Binding, OpAttribute } from './binding.js';
import type { Node } from './recording.js';

/** The tag by which the graph is found in its SavedModel. */
export const GRAPH_TAG = 'prunegrid';

/** TensorFlow's GraphDef version: of 2.16 and later; it is what decides which defaults and checks apply to the nodes. */
const GRAPH_PRODUCER = 1882;

/**
 * `saved_model.pb` of a SavedModel without variables. The few messages and fields that it takes, of TensorFlow's saved_model.proto, meta_graph.proto,
 * graph.proto, node_def.proto, attr_value.proto, tensor.proto and tensor_shape.proto, are written by hand: they have not changed since 2015.
 */
export function encodeSavedModel(nodes: readonly Node[], binding: Binding): Uint8Array {
  const writer = new BinaryWriter();
  varint(writer, 1, 1); // saved_model_schema_version
  message(writer, 2, () => {
    message(writer, 1, () => writer.tag(4, WireType.LengthDelimited).string(GRAPH_TAG)); // meta_info_def.tags
    message(writer, 2, () => {
      for (const node of nodes) message(writer, 1, () => writeNode(writer, node, binding));
      message(writer, 4, () => varint(writer, 1, GRAPH_PRODUCER)); // versions.producer
    });
  });
  return writer.finish();
}

const OPS = { placeholder: 'Placeholder', constant: 'Const' } as const;

function writeNode(writer: BinaryWriter, node: Node, binding: Binding): void {
  writer.tag(1, WireType.LengthDelimited).string(node.name);
  writer.tag(2, WireType.LengthDelimited).string(node.kind === 'operation' ? node.op : OPS[node.kind]);
  const attribute = (name: string, write: () => void) =>
    message(writer, 5, () => {
      writer.tag(1, WireType.LengthDelimited).string(name);
      message(writer, 2, write);
    });
  if (node.kind === 'operation') {
    for (const input of node.inputs) writer.tag(3, WireType.LengthDelimited).string(input);
    for (const each of node.attributes) attribute(each.name, () => writeValue(writer, each, binding));
    return;
  }
  const { shape, dtype } = node;
  attribute('dtype', () => varint(writer, 6, dtype));
  if (node.kind === 'placeholder') {
    attribute('shape', () => message(writer, 7, () => writeShape(writer, shape)));
    return;
  }
  const { buffer, byteOffset, byteLength } = node.values;
  attribute('value', () =>
    message(writer, 8, () => {
      varint(writer, 1, dtype);
      message(writer, 2, () => writeShape(writer, shape));
      writer.tag(4, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength)); // tensor_content
    }),
  );
}

function writeShape(writer: BinaryWriter, shape: readonly number[]): void {
  for (const extent of shape) message(writer, 2, () => varint(writer, 1, extent));
}

/** An AttrValue. */
function writeValue(writer: BinaryWriter, { name, type, value }: OpAttribute, binding: Binding): void {
  switch (type) {
    case binding.TF_ATTR_STRING:
      writer.tag(2, WireType.LengthDelimited).string(value as string);
      break;
    case binding.TF_ATTR_INT:
      if (Array.isArray(value)) {
        message(writer, 1, () =>
          message(writer, 3, () => {
            for (const each of value as number[]) writer.int64(each);
          }),
        );
      } else {
        varint(writer, 3, value as number);
      }
      break;
    case binding.TF_ATTR_FLOAT:
      writer.tag(4, WireType.Bit32).float(value as number);
      break;
    case binding.TF_ATTR_BOOL:
      writer.tag(5, WireType.Varint).bool(Boolean(value));
      break;
    case binding.TF_ATTR_TYPE:
      varint(writer, 6, value as number);
      break;
    default:
      throw new Error(`attribute ${name} is of a type (${type}) that no model needs yet`);
  }
}

function varint(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}
