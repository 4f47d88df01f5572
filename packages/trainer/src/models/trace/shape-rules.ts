import { backend_util as rules, slice_util as slices, util } from '@tensorflow/tfjs';
import type * as tensorflow from '@tensorflow/tfjs';

/** The inputs of a kernel of TensorFlow.js by their names. Lists, such as those of `Concat`, have numbers as names. */
export type KernelInputs = Readonly<Record<string, tensorflow.TensorInfo>>;

/**
 * Returns the shape of each output of a kernel. The names and the meaning of inputs and attributes are those of
 * TensorFlow.js (kernel_names.ts). Throws an Error if the inputs do not fit together, unless TensorFlow.js checks that
 * before it calls the kernel.
 */
export type ShapeRule = (inputs: KernelInputs, attributes: never) => number[][];

type Shape4D = [number, number, number, number];
type Shape5D = [number, number, number, number, number];

const shapesOf = (inputs: KernelInputs): number[][] => Object.values(inputs).map(({ shape }) => shape);

const same: ShapeRule = (inputs) => [shapesOf(inputs)[0]];

const broadcast: ShapeRule = (inputs) => [shapesOf(inputs).reduce((a, b) => rules.assertAndGetBroadcastShape(a, b))];

const given: ShapeRule = (_inputs, { shape }: { shape: number[] }) => [shape];

/** A reduction. TensorFlow.js names the axes of Max otherwise than those of all others. */
interface ReductionAttributes {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims?: boolean;
}

const reduced: ShapeRule = ({ x }, { axis, reductionIndices, keepDims }: ReductionAttributes) => {
  const axes = util.parseAxisParam((axis ?? reductionIndices) as number | number[], x.shape);
  const [shape] = rules.computeOutAndReduceShapes(x.shape, axes);
  return [keepDims ? rules.expandShapeToKeepDim(shape, axes) : shape];
};

const reshaped: ShapeRule = ({ x }, attributes: tensorflow.ReshapeAttrs) => {
  const size = util.sizeFromShape(x.shape);
  const shape = util.inferFromImplicitShape(attributes.shape, size);
  if (util.sizeFromShape(shape) !== size) {
    throw new Error(`[${x.shape.join(', ')}] cannot be reshaped to [${shape.join(', ')}]`);
  }
  return [shape];
};

const sliced: ShapeRule = ({ x }, attributes: tensorflow.SliceAttrs) => {
  const [begin, size] = slices.parseSliceParams(x, attributes.begin, attributes.size);
  slices.assertParamsValid(x, begin, size);
  return [size];
};

const concatenated: ShapeRule = (inputs, { axis }: tensorflow.ConcatAttrs) => {
  const shapes = shapesOf(inputs);
  const [at] = util.parseAxisParam(axis, shapes[0]);
  rules.assertParamsConsistent(shapes, at);
  return [rules.computeOutShape(shapes, at)];
};

const split: ShapeRule = ({ x }, { numOrSizeSplits, axis }: tensorflow.SplitVAttrs) => {
  const [at] = util.parseAxisParam(axis, x.shape);
  return rules.prepareSplitSize(x as tensorflow.Tensor, numOrSizeSplits, at).map((extent) => x.shape.with(at, extent));
};

const stridedSliced: ShapeRule = ({ x }, attributes: tensorflow.StridedSliceAttrs) => {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
  return [slices.sliceInfo(x.shape, begin, end, strides, ...masks).finalShape];
};

const padded: ShapeRule = ({ x }, { paddings }: { paddings: readonly (readonly number[])[] }) => [
  x.shape.map((extent, i) => paddings[i][0] + extent + paddings[i][1]),
];

const gathered: ShapeRule = ({ x, indices }, { axis, batchDims }: tensorflow.GatherV2Attrs) => {
  const [at] = util.parseAxisParam(axis, x.shape);
  const [values, positions] = [x, indices] as tensorflow.Tensor[];
  return [rules.segment_util.collectGatherOpShapeInfo(values, positions, at, batchDims ?? 0).outputShape];
};

const convolved =
  (depthwise: boolean): ShapeRule =>
  ({ x, filter }, { strides, dilations, pad, dimRoundingMode, dataFormat }: tensorflow.Conv2DAttrs) => {
    const format = rules.convertConv2DDataFormat(dataFormat ?? 'NHWC');
    const shapes = [x.shape as Shape4D, filter.shape as Shape4D] as const;
    // Layers of TensorFlow.js leave dilations out by null.
    const spread = (dilations as typeof dilations | null) ?? 1;
    return [rules.computeConv2DInfo(...shapes, strides, spread, pad, dimRoundingMode, depthwise, format).outShape];
  };

const convolved3D: ShapeRule = ({ x, filter }, { strides, dilations, pad }: tensorflow.Conv3DAttrs) => [
  rules.computeConv3DInfo(x.shape as Shape5D, filter.shape as Shape5D, strides, dilations, pad).outShape,
];

const pooled: ShapeRule = ({ x }, { filterSize, strides, pad, dimRoundingMode }: tensorflow.MaxPoolAttrs) => [
  rules.computePool2DInfo(x.shape as Shape4D, filterSize, strides, 1, pad, dimRoundingMode).outShape,
];

const pooled3D: ShapeRule = ({ x }, { filterSize, strides, pad, dimRoundingMode }: tensorflow.MaxPool3DAttrs) => [
  rules.computePool3DInfo(x.shape as Shape5D, filterSize, strides, 1, pad, dimRoundingMode).outShape,
];

const multiplied: ShapeRule = ({ a, b }, { transposeA, transposeB }: tensorflow.BatchMatMulAttrs) => {
  const batch = rules.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (a.shape.at(transposeA ? -2 : -1) !== b.shape.at(transposeB ? -1 : -2)) {
    throw new Error(`[${a.shape.join(', ')}] and [${b.shape.join(', ')}] cannot be multiplied`);
  }
  return [[...batch, a.shape.at(transposeA ? -1 : -2) as number, b.shape.at(transposeB ? -2 : -1) as number]];
};

/** Returns the indices of the operands and of the result of an equation such as `bij,bjk->bik`, and their extents. */
export function einsumIndices(inputs: KernelInputs, { equation }: tensorflow.EinsumAttrs) {
  const [left, result] = equation.replaceAll(/\s/g, '').split('->');
  const extents = new Map<string, number>();
  left.split(',').forEach((indices, i) => {
    [...indices].forEach((index, axis) => extents.set(index, inputs[i].shape[axis]));
  });
  return { result: [...result], extents };
}

const einsum: ShapeRule = (inputs, attributes: tensorflow.EinsumAttrs) => {
  const { result, extents } = einsumIndices(inputs, attributes);
  return [result.map((index) => extents.get(index) as number)];
};

const packed: ShapeRule = (inputs, { axis }: tensorflow.PackAttrs) => {
  const shapes = shapesOf(inputs);
  return [shapes[0].toSpliced(axis < 0 ? axis + shapes[0].length + 1 : axis, 0, shapes.length)];
};

const unpacked: ShapeRule = ({ value }, { axis }: tensorflow.UnpackAttrs) => {
  const [at] = util.parseAxisParam(axis, value.shape);
  return Array.from({ length: value.shape[at] }, () => value.shape.toSpliced(at, 1));
};

const resized: ShapeRule = ({ images }, { size }: tensorflow.ResizeBilinearAttrs) => [
  [images.shape[0], ...size, images.shape[3]],
];

const spaceFromDepth: ShapeRule = ({ x }, { blockSize, dataFormat }: tensorflow.DepthToSpaceAttrs) => {
  const channels = dataFormat === 'NCHW' ? 1 : 3;
  return [
    x.shape.map((extent, axis) =>
      axis === 0 ? extent : axis === channels ? extent / blockSize ** 2 : extent * blockSize,
    ),
  ];
};

const batchFromSpace: ShapeRule = ({ x }, { blockShape, paddings }: tensorflow.SpaceToBatchNDAttrs) => [
  x.shape.map((extent, axis) => {
    if (axis === 0) return extent * util.sizeFromShape(blockShape);
    if (axis > blockShape.length) return extent;
    const [before, after] = paddings[axis - 1];
    return (extent + before + after) / blockShape[axis - 1];
  }),
];

const spaceFromBatch: ShapeRule = ({ x }, { blockShape, crops }: tensorflow.BatchToSpaceNDAttrs) => [
  x.shape.map((extent, axis) => {
    if (axis === 0) return extent / util.sizeFromShape(blockShape);
    if (axis > blockShape.length) return extent;
    const [before, after] = crops[axis - 1];
    return extent * blockShape[axis - 1] - before - after;
  }),
];

const unary =
  'Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil ClipByValue Cos Cosh Cumprod Cumsum Elu Erf Exp Expm1 Floor FusedBatchNorm ' +
  'Identity IsFinite IsInf IsNan LRN LeakyRelu Log Log1p LogSoftmax LogicalNot Neg OnesLike Reciprocal Relu Relu6 Reverse ' +
  'Round Rsqrt Selu Sigmoid Sign Sin Sinh Softmax Softplus Sqrt Square Step Tan Tanh ZerosLike TensorScatterUpdate AddN';
const binary =
  'Add Atan2 Equal FloorDiv Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor Maximum Minimum Mod Multiply ' +
  'NotEqual Pow Prelu RealDiv SquaredDifference Sub';
const reductions = 'All Any ArgMax ArgMin Max Mean Min Prod Sum';

const ruleFor = (kernels: string, rule: ShapeRule): Record<string, ShapeRule> =>
  Object.fromEntries(kernels.split(' ').map((kernel) => [kernel, rule]));

/** The shape rules of the kernels that forward passes use, by the kernel's name. */
export const shapeRules: Readonly<Record<string, ShapeRule>> = {
  ...ruleFor(unary, same),
  ...ruleFor(binary, broadcast),
  ...ruleFor(reductions, reduced),
  ...ruleFor('Fill ScatterNd BroadcastTo', given),
  ...ruleFor('Conv2D FusedConv2D', convolved(false)),
  ...ruleFor('DepthwiseConv2dNative FusedDepthwiseConv2D', convolved(true)),
  ...ruleFor('BatchMatMul _FusedMatMul', multiplied),
  ...ruleFor('AvgPool MaxPool', pooled),
  ...ruleFor('AvgPool3D MaxPool3D', pooled3D),
  ...ruleFor('PadV2 MirrorPad', padded),
  ...ruleFor('ResizeBilinear ResizeNearestNeighbor', resized),
  Conv2DBackpropInput: (_inputs, { inputShape }: tensorflow.Conv2DBackpropInputAttrs) => [inputShape],
  Conv3DBackpropInputV2: (_inputs, { inputShape }: tensorflow.Conv3DBackpropInputV2Attrs) => [inputShape],
  Conv3D: convolved3D,
  Einsum: einsum,
  Reshape: reshaped,
  Concat: concatenated,
  SplitV: split,
  Slice: sliced,
  StridedSlice: stridedSliced,
  GatherV2: gathered,
  GatherNd: ({ params, indices }) => [[...indices.shape.slice(0, -1), ...params.shape.slice(indices.shape.at(-1))]],
  Pack: packed,
  Unpack: unpacked,
  Transpose: ({ x }, { perm }: tensorflow.TransposeAttrs) => [perm.map((axis) => x.shape[axis])],
  Tile: ({ x }, { reps }: tensorflow.TileAttrs) => [x.shape.map((extent, axis) => extent * reps[axis])],
  ExpandDims: ({ input }, { dim }: tensorflow.ExpandDimsAttrs) => [
    input.shape.toSpliced(dim < 0 ? dim + input.shape.length + 1 : dim, 0, 1),
  ],
  OneHot: ({ indices }, { depth }: tensorflow.OneHotAttrs) => [[...indices.shape, depth]],
  Select: ({ t }) => [t.shape],
  TopK: ({ x }, { k }: tensorflow.TopKAttrs) => [x.shape.with(-1, k), x.shape.with(-1, k)],
  Range: (_inputs, { start, stop, step }: tensorflow.RangeAttrs) => [[Math.max(0, Math.ceil((stop - start) / step))]],
  LinSpace: (_inputs, { num }: tensorflow.LinSpaceAttrs) => [[num]],
  DepthToSpace: spaceFromDepth,
  SpaceToBatchND: batchFromSpace,
  BatchToSpaceND: spaceFromBatch,
};

const boolean = new Set(
  'All Any Equal Greater GreaterEqual IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr LogicalXor NotEqual'.split(
    ' ',
  ),
);

/** Returns the element type of a kernel's output number `output`. */
export function elementTypeOf(
  kernel: string,
  inputs: KernelInputs,
  { dtype }: { dtype?: tensorflow.DataType },
  output: number,
): tensorflow.DataType {
  if (boolean.has(kernel)) return 'bool';
  if (kernel === 'ArgMax' || kernel === 'ArgMin' || (kernel === 'TopK' && output === 1)) return 'int32';
  if (kernel === 'Select') return inputs['t'].dtype;
  if (kernel === 'ScatterNd') return inputs['updates'].dtype;
  return dtype ?? Object.values(inputs).at(0)?.dtype ?? 'float32';
}
