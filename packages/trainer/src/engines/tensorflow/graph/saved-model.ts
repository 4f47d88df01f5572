import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import type { Attribute, Node } from '../../recording/nodes.js';
import { DATA_TYPES } from '../../recording/record.js';

/** The tag by which TensorFlow finds the graph in its SavedModel. */
export const GRAPH_TAG = 'prunegrid';

/** The GraphDef version of TensorFlow 2.16 and later. It determines which defaults and checks apply to the nodes. */
const GRAPH_PRODUCER = 1882;

/**
 * Encodes recorded nodes as the `saved_model.pb` of a SavedModel without variables. It needs only a few messages and
 * fields of TensorFlow's saved_model.proto, meta_graph.proto, graph.proto, node_def.proto, attr_value.proto,
 * tensor.proto and tensor_shape.proto. They are encoded by hand, because they have not changed since 2015.
 */
export function encodeSavedModel(nodes: readonly Node[]): Uint8Array {
  const writer = new BinaryWriter();
  varint(writer, 1, 1); // saved_model_schema_version
  message(writer, 2, () => {
    message(writer, 1, () => writer.tag(4, WireType.LengthDelimited).string(GRAPH_TAG)); // meta_info_def.tags
    message(writer, 2, () => {
      for (const node of nodes) message(writer, 1, () => writeNode(writer, node));
      message(writer, 4, () => varint(writer, 1, GRAPH_PRODUCER)); // versions.producer
    });
  });
  return writer.finish();
}

const OPS = { placeholder: 'Placeholder', constant: 'Const' } as const;

function writeNode(writer: BinaryWriter, node: Node): void {
  writer.tag(1, WireType.LengthDelimited).string(node.name);
  writer.tag(2, WireType.LengthDelimited).string(node.kind === 'operation' ? node.op : OPS[node.kind]);
  const attribute = (name: string, write: () => void) =>
    message(writer, 5, () => {
      writer.tag(1, WireType.LengthDelimited).string(name);
      message(writer, 2, write);
    });
  if (node.kind === 'operation') {
    for (const input of node.inputs) writer.tag(3, WireType.LengthDelimited).string(input);
    for (const each of node.attributes) attribute(each.name, () => writeValue(writer, each));
    return;
  }
  const { shape } = node;
  const dtype = DATA_TYPES[node.elementType];
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

/** Writes the fields of an AttrValue. */
function writeValue(writer: BinaryWriter, attribute: Attribute): void {
  switch (attribute.kind) {
    case 'string':
      writer.tag(2, WireType.LengthDelimited).string(attribute.value);
      break;
    case 'integers':
      message(writer, 1, () =>
        message(writer, 3, () => {
          for (const each of attribute.value) writer.int64(each);
        }),
      );
      break;
    case 'integer':
      varint(writer, 3, attribute.value);
      break;
    case 'float':
      writer.tag(4, WireType.Bit32).float(attribute.value);
      break;
    case 'boolean':
      writer.tag(5, WireType.Varint).bool(attribute.value);
      break;
    case 'element-type':
      varint(writer, 6, DATA_TYPES[attribute.value]);
      break;
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
