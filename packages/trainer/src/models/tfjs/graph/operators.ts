import { isSingle, type Use, type Vocabulary, vector, weight } from '../../roles.js';
import type { GraphNode } from './node.js';

/** TensorFlow's operators that are read: those whose shapes are known and through which there is a gradient, or none. */
const supported = new Set(
  [
    'Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh AvgPool BatchMatMul BatchMatMulV2',
    'BatchToSpaceND BiasAdd BroadcastTo Cast Ceil ClipByValue ConcatV2 Const Conv2D Conv2DBackpropInput Cos Cosh Cumsum',
    'DepthwiseConv2dNative Einsum Elu Equal Erf Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod FusedBatchNorm',
    'FusedBatchNormV2 FusedBatchNormV3 FusedDepthwiseConv2dNative GatherV2 Greater GreaterEqual Identity IsNan LRN',
    'LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool Maximum Mean Min',
    'Minimum Mod Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder Pow Prelu Prod Range Rank',
    'RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt Select SelectV2 Selu',
    'Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus SpaceToBatchND Split SplitV Sqrt Square SquaredDifference',
    'Squeeze StridedSlice Sub Sum Tan Tanh Tile Transpose Unpack ZerosLike _FusedConv2D _FusedMatMul',
  ].flatMap((line) => line.split(' ')),
);

/** Whether a normalization takes the mean and the variance of its own input, as that of layers in Keras does. */
export const isByOwnStatistics = ({ op, attributes }: GraphNode): boolean =>
  op.startsWith('FusedBatchNorm') && attributes.flag('is_training', true);

/** Returns why a node is not supported, as a continuation of its operator's name; undefined if it is. */
export function problemOf(node: GraphNode): string | undefined {
  const { op, attributes } = node;
  if (!supported.has(op)) return '';
  const isConvolution = op.includes('onv2d') || op.includes('onv2D');
  if (isConvolution && attributes.integers('dilations').some((dilation) => dilation > 1)) {
    return ' has dilations, of which TensorFlow.js has no gradient';
  }
  const isFirst = attributes.text('data_format').startsWith('NC') && !isByOwnStatistics(node);
  return isFirst ? ' has its channels first, which TensorFlow.js does not know' : undefined;
}

/** Operators that rearrange the elements of their first input. */
const passing = new Set(['ExpandDims', 'Identity', 'Reshape', 'SplitV', 'Squeeze', 'Transpose']);

/** The operators of a graph model; those of a layer may be joined with the bias and the activation behind it. */
export const vocabulary: Vocabulary<GraphNode> = {
  // A grouped convolution is one of each part of a kernel.
  passes: ({ op }) => (op === 'Split' ? 1 : passing.has(op) ? 0 : undefined),

  useOf({ op, attributes }, index, by, shape, follows): Use | undefined {
    switch (op) {
      case 'Conv2D':
      case 'Conv2DBackpropInput':
      case 'DepthwiseConv2dNative':
        return index === 1 ? weight('convolution', false) : undefined;
      case '_FusedConv2D':
      case 'FusedDepthwiseConv2dNative':
        return index === 1 ? weight('convolution', false) : addend(index);
      case 'MatMul':
      case '_FusedMatMul':
        if (index > 1) return addend(index);
        return weight('dense', by.length === 0 && attributes.flag(index === 1 ? 'transpose_b' : 'transpose_a', false));
      case 'BatchMatMul':
      case 'BatchMatMulV2':
      case 'Einsum':
        return shape.length > 1 ? weight('dense', false) : vector('scale');
      case 'FusedBatchNorm':
      case 'FusedBatchNormV2':
      case 'FusedBatchNormV3':
        // The statistics are constants: a graph model is a network in use, and has no training pass that renews them.
        return index === 1 ? vector('scale') : index === 2 ? vector('bias') : undefined;
      case 'GatherV2':
        return index === 0 && shape.length > 1 ? vector('embedding') : undefined;
      case 'Prelu':
        return index === 1 ? vector('scale') : undefined;
      case 'Mul':
        return follows && !isSingle(shape) ? vector('scale') : undefined;
      case 'BiasAdd':
        return vector('bias');
      case 'Add':
      case 'AddV2':
      case 'ConcatV2':
        return follows && !isSingle(shape) ? vector('bias') : undefined;
      default:
        return undefined;
    }
  },
};

/** The use of what a fused operator adds behind its product: a bias, then the slopes of a PReLU. */
const addend = (index: number): Use | undefined => (index === 0 ? undefined : vector(index === 2 ? 'bias' : 'scale'));
