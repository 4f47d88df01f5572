import type { Attribute, ElementType } from '../../engines/recording/nodes.js';

const types: Readonly<Record<ElementType, string>> = {
  float32: 'DT_FLOAT',
  int32: 'DT_INT32',
  uint8: 'DT_UINT8',
  int64: 'DT_INT64',
  bool: 'DT_BOOL',
};

export const typeName = (type: ElementType): string => types[type];

/** Returns an attribute of an element type as a GraphDef of TensorFlow in JSON has it. */
export const typeInJson = (type: ElementType): object => ({ type: typeName(type) });

/** Returns the shape of a tensor as a GraphDef of TensorFlow in JSON has it. */
export const shapeInJson = (shape: readonly number[]): object => ({
  dim: shape.map((size) => ({ size: String(size) })),
});

/** Returns an attribute as a GraphDef of TensorFlow in JSON has it. */
export function attributeInJson(attribute: Attribute): object {
  switch (attribute.kind) {
    case 'string':
      return { s: Buffer.from(attribute.value).toString('base64') };
    case 'integer':
      return { i: String(attribute.value) };
    case 'integers':
      return { list: { i: attribute.value.map(String) } };
    case 'float':
      return { f: attribute.value };
    case 'boolean':
      return { b: attribute.value };
    case 'element-type':
      return typeInJson(attribute.value);
  }
}
