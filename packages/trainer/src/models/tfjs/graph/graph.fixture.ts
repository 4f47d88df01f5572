import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Attributes of a node as a GraphDef in JSON has them. */
export const attribute = {
  type: (type: string) => ({ type }),
  text: (text: string) => ({ s: Buffer.from(text).toString('base64') }),
  texts: (...texts: string[]) => ({ list: { s: texts.map((text) => Buffer.from(text).toString('base64')) } }),
  integer: (value: number) => ({ i: String(value) }),
  integers: (...values: number[]) => ({ list: { i: values.map(String) } }),
  float: (value: number) => ({ f: value }),
  flag: (value: boolean) => ({ b: value }),
};

export interface WrittenNode {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, object>;
}

export interface Constant {
  shape: number[];
  values: Float32Array | Int32Array;
}

/** A graph model of TensorFlow.js, whose input is `x` and whose output is the last node. */
export interface WrittenGraph {
  /** The shape of an example. */
  input: number[];
  constants: Record<string, Constant>;
  nodes: WrittenNode[];
}

export const node = (op: string, name: string, input: string, attr: Record<string, object> = {}): WrittenNode => ({
  name,
  op,
  input: input.split(' '),
  attr,
});

/** Numbers from -1 to 1 that follow no order. */
export const drawn = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));

export const float = (shape: number[], seed: number): Constant => ({
  shape,
  values: drawn(
    shape.reduce((product, extent) => product * extent, 1),
    seed,
  ),
});

export const integers = (...values: number[]): Constant => ({
  shape: [values.length],
  values: Int32Array.from(values),
});

export const integer = (value: number): Constant => ({ shape: [], values: Int32Array.of(value) });

const dtypeOf = ({ values }: Constant) => (values instanceof Float32Array ? 'float32' : 'int32');

/** Returns `model.json` as TensorFlow.js' converter writes it, and its weights. */
export function graphModelOf({ input, constants, nodes }: WrittenGraph) {
  const dim = [-1, ...input].map((size) => ({ size: String(size) }));
  const info = (name: string) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: { dim } });
  const stored = Object.entries(constants);
  const json = {
    format: 'graph-model',
    generatedBy: 'test',
    signature: {
      inputs: { x: info('x') },
      outputs: { y: { ...info(nodes.at(-1)?.name ?? ''), tensorShape: {} } },
    },
    modelTopology: {
      node: [
        ...stored.map(([name, each]) => ({
          ...{ name, op: 'Const' },
          attr: { dtype: attribute.type(dtypeOf(each) === 'float32' ? 'DT_FLOAT' : 'DT_INT32') },
        })),
        { name: 'x', op: 'Placeholder', attr: { dtype: attribute.type('DT_FLOAT'), shape: { shape: { dim } } } },
        ...nodes,
      ],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: stored.map(([name, each]) => ({ name, shape: each.shape, dtype: dtypeOf(each) })),
      },
    ],
  };
  const weights = Buffer.concat(
    stored.map(
      ([
        ,
        {
          values: { buffer, byteOffset, byteLength },
        },
      ]) => Buffer.from(buffer, byteOffset, byteLength),
    ),
  );
  return { json, weights };
}

/** Writes a graph model into a folder, and returns the path of its `model.json`. */
export async function writeGraphModel(folder: string, { json, weights }: { json: object; weights: Buffer }) {
  await writeFile(join(folder, 'weights.bin'), weights);
  const path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(json));
  return path;
}

const { flag, float: real, integer: whole, integers: list, text, texts, type } = attribute;
const convolution = {
  ...{ strides: list(1, 1, 1, 1), padding: text('VALID'), data_format: text('NHWC'), dilations: list(1, 1, 1, 1) },
};

/**
 * A small network of what the converter makes of Keras': operators fused with what follows them, a normalization with
 * statistics, shapes that are computed, a kernel that is stored the other way round, and a softmax.
 */
export const cnn: WrittenGraph = {
  input: [6, 6, 1],
  constants: {
    'net/input/scale': { shape: [1, 1, 1, 1], values: Float32Array.of(0.5) },
    'net/conv/Conv2D_weights': float([3, 3, 1, 4], 1),
    'net/conv/Conv2D_bn_offset': float([4], 2),
    'net/depth/depthwise/ReadVariableOp': float([3, 3, 4, 2], 3),
    'net/norm/gamma': float([8], 4),
    'net/norm/beta': float([8], 5),
    'net/norm/mean': float([8], 6),
    'net/norm/variance': { shape: [8], values: drawn(8, 7).map(Math.exp) },
    'net/split/axis': integer(3),
    'net/first': integers(0),
    'net/second': integers(1),
    'net/size': integer(16),
    'net/rows': integers(-1, 4, 4),
    'net/fc1/MatMul/ReadVariableOp': float([5, 16], 8),
    'net/fc1/BiasAdd/ReadVariableOp': float([5], 9),
    'net/mixed/einsum/Einsum/ReadVariableOp': float([4, 4], 10),
    'net/slope': float([5], 11),
    'net/backwards': integers(0, -1),
    'net/ends': integers(0, -6),
    'net/steps': integers(1, -1),
    'net/fc2/MatMul/ReadVariableOp': float([5, 3], 12),
  },
  nodes: [
    node('Mul', 'net/scaled', 'x net/input/scale'),
    node('_FusedConv2D', 'net/conv/Relu', 'net/scaled net/conv/Conv2D_weights net/conv/Conv2D_bn_offset', {
      ...{ ...convolution, fused_ops: texts('BiasAdd', 'Relu'), num_args: whole(1), epsilon: real(0) },
    }),
    node(
      'DepthwiseConv2dNative',
      'net/depth/depthwise',
      'net/conv/Relu net/depth/depthwise/ReadVariableOp',
      convolution,
    ),
    node(
      'FusedBatchNormV3',
      'net/norm/n',
      'net/depth/depthwise net/norm/gamma net/norm/beta net/norm/mean net/norm/variance',
      {
        ...{ epsilon: real(1e-3), is_training: flag(false), data_format: text('NHWC') },
      },
    ),
    node('Split', 'net/split', 'net/split/axis net/norm/n', { num_split: whole(2) }),
    node('Sigmoid', 'net/gate', 'net/split:1'),
    node('Mul', 'net/gated', 'net/split net/gate'),
    node('Shape', 'net/shape', 'net/gated', { out_type: type('DT_INT32') }),
    node('StridedSlice', 'net/batch', 'net/shape net/first net/second net/second', { shrink_axis_mask: whole(1) }),
    node('Pack', 'net/flat', 'net/batch net/size', { axis: whole(0), N: whole(2) }),
    node('Reshape', 'net/mixed/rows', 'net/gated net/rows'),
    node('Einsum', 'net/mixed/einsum/Einsum', 'net/mixed/rows net/mixed/einsum/Einsum/ReadVariableOp', {
      ...{ equation: text('bij,kj->bki'), N: whole(2) },
    }),
    node('Reshape', 'net/flatten', 'net/mixed/einsum/Einsum net/flat'),
    node('_FusedMatMul', 'net/fc1/Tanh', 'net/flatten net/fc1/MatMul/ReadVariableOp net/fc1/BiasAdd/ReadVariableOp', {
      ...{ transpose_a: flag(false), transpose_b: flag(true), fused_ops: texts('BiasAdd'), num_args: whole(1) },
      epsilon: real(0),
    }),
    node('Prelu', 'net/prelu', 'net/fc1/Tanh net/slope'),
    node('StridedSlice', 'net/turned', 'net/prelu net/backwards net/ends net/steps', {
      ...{ begin_mask: whole(1), end_mask: whole(1) },
    }),
    node('MatMul', 'net/fc2/MatMul', 'net/turned net/fc2/MatMul/ReadVariableOp', { transpose_b: flag(false) }),
    node('Softmax', 'net/fc2/Softmax', 'net/fc2/MatMul'),
    node('Identity', 'Identity', 'net/fc2/Softmax ^net/batch'),
  ],
};
