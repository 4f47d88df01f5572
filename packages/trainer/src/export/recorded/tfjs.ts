import { version } from '@prunegrid/core/version';
import { join } from 'node:path';

import type { ElementType } from '../../engines/recording/nodes.js';
import { tensorflow } from '../../engines/tensorflow/source.js';
import type { ExportedFile, ExportFormat } from '../format.js';
import { attributeInJson, shapeInJson, typeInJson, typeName } from './graph-def.js';
import { type FixedTensor, type InferenceGraph, requireWritten } from './graph.js';
import { recordInference } from './inference.js';

/** The operations of TensorFlow that models are recorded in and that TensorFlow.js' graph models compute. */
const known = new Set(
  (
    'Abs Add AddV2 ArgMax AvgPool BatchMatMulV2 BatchToSpaceND Cast Ceil Conv2D Cos ConcatV2 ' +
    'DepthwiseConv2dNative Elu Equal Erf Exp ExpandDims Floor GatherV2 Greater GreaterEqual Identity LRN LeakyRelu Less LessEqual Log ' +
    'LogSoftmax LogicalAnd LogicalNot LogicalOr Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NotEqual Pack PadV2 Pow Prelu ' +
    'Prod RealDiv Reciprocal Relu Relu6 Reshape Round Rsqrt Select SelectV2 Sigmoid Sign Sin Slice Softmax Softplus SpaceToBatchND ' +
    'Split SplitV Sqrt Square SquaredDifference Squeeze StridedSlice Sub Sum Tanh Tile Transpose Unpack'
  ).split(' '),
);

/** The largest weight file in bytes, which TensorFlow.js' own converter has, too, so that browsers keep them. */
const SHARD = 4 * 2 ** 20;

/** The network as a graph model of TensorFlow.js: a folder with `model.json`, which `loadGraphModel` reads, and weights. */
export const tfjs: ExportFormat = {
  name: 'tfjs',
  title: 'the network for TensorFlow.js, a folder',
  async files({ model, parameters, out, onInstall }) {
    await tensorflow.provision(onInstall);
    const graph = recordInference(model, parameters);
    requireWritten(model.name, graph, known, 'for TensorFlow.js');
    const fixed = [...graph.fixed.values()];
    const weights = Buffer.concat(
      fixed.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
    );
    const count = Math.max(1, Math.ceil(weights.length / SHARD));
    const shards = Array.from({ length: count }, (_, i): ExportedFile => ({
      path: join(out, `group1-shard${i + 1}of${count}.bin`),
      pieces: () => [weights.subarray(i * SHARD, (i + 1) * SHARD)],
    }));
    const text = JSON.stringify(modelJson(graph, fixed, model.classes, count));
    return [...shards, { path: join(out, 'model.json'), pieces: () => [Buffer.from(text)] }];
  },
};

/** The name of the logits in a graph model. */
const OUTPUT = 'logits';

const tensorInfo = (name: string, type: ElementType, shape: readonly number[]) => ({
  name: `${name}:0`,
  dtype: typeName(type),
  tensorShape: shapeInJson(shape),
});

function modelJson(
  { operations, input, output }: InferenceGraph,
  fixed: readonly FixedTensor[],
  classes: number,
  shards: number,
): object {
  const node = (name: string, op: string, inputs: readonly string[], attr: object) => ({
    name,
    op,
    input: inputs,
    attr,
  });
  return {
    format: 'graph-model',
    generatedBy: `prunegrid ${version}`,
    convertedBy: null,
    signature: {
      inputs: { [input.name]: tensorInfo(input.name, input.elementType, input.shape) },
      outputs: { [OUTPUT]: tensorInfo(OUTPUT, 'float32', [-1, classes]) },
    },
    modelTopology: {
      node: [
        node(input.name, 'Placeholder', [], {
          dtype: typeInJson(input.elementType),
          shape: { shape: shapeInJson(input.shape) },
        }),
        ...fixed.map(({ name, shape, elementType }) =>
          node(name, 'Const', [], {
            dtype: typeInJson(elementType),
            value: { tensor: { dtype: typeName(elementType), tensorShape: shapeInJson(shape) } },
          }),
        ),
        ...operations.map(({ name, op, inputs, attributes }) =>
          node(name, op, inputs, Object.fromEntries(attributes.map((each) => [each.name, attributeInJson(each)]))),
        ),
        node(OUTPUT, 'Identity', [output], { T: typeInJson('float32') }),
      ],
      versions: {},
    },
    weightsManifest: [
      {
        paths: Array.from({ length: shards }, (_, i) => `group1-shard${i + 1}of${shards}.bin`),
        weights: fixed.map(({ name, shape, elementType }) => ({ name, shape, dtype: elementType })),
      },
    ],
  };
}
