import { version } from '@prunegrid/core/version';

import type { ElementType } from '../../engines/recording/nodes.js';
import type { Model } from '../../models/index.js';
import { attributeInJson, shapeInJson, typeInJson, typeName } from './graph-def.js';
import { type InferenceGraph, requireWritten } from './graph.js';
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

/** A tensor of a file with weights, and how `model.json` describes it. */
export interface StoredTensor {
  spec: object;
  bytes: Buffer;
}

/**
 * Returns a network as a graph model of TensorFlow.js: the content of `model.json`, and the weights that it names.
 * @param parameters all of the model's, in its own layout
 * @throws {Failure} `input`, one line, if the network has operations that TensorFlow.js does not know
 */
export function recordedTfjs(model: Model, parameters: Float32Array): { json: object; weights: StoredTensor[] } {
  const graph = recordInference(model, parameters);
  requireWritten(model.name, graph, known, 'for TensorFlow.js');
  const weights = [...graph.fixed.values()].map(({ name, shape, elementType, values }) => ({
    spec: { name, shape, dtype: elementType },
    bytes: Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  }));
  return { json: modelJson(graph, model.classes), weights };
}

/** The name of the logits in a graph model. */
const OUTPUT = 'logits';

const tensorInfo = (name: string, type: ElementType, shape: readonly number[]) => ({
  name: `${name}:0`,
  dtype: typeName(type),
  tensorShape: shapeInJson(shape),
});

function modelJson({ operations, input, output, fixed }: InferenceGraph, classes: number): object {
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
        ...[...fixed.values()].map(({ name, shape, elementType }) =>
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
  };
}
