import { nodeHost } from '@prunegrid/core/node';
import { DataType, encodeOnnx, type OnnxAttribute, onnxNode, onnxTensor, onnxValue } from '@prunegrid/onnx';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { loadTensorFlow } from '../../../engines/tensorflow/tensorflow.js';
import type { Model } from '../../model.js';
import { openOnnxModel } from '../index.js';
import { convolutions } from './convolution.js';
import { elementwise } from './elementwise.js';
import { linear } from './linear.js';
import { normalizations } from './normalization.js';
import { pooling } from './pooling.js';
import { recurrents } from './recurrent.js';
import { reductions } from './reductions.js';
import { shapes } from './shapes.js';

const engine = loadTensorFlow(1);
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-gradients-'))));
afterAll(() => rm(folder, { recursive: true }));

const EXAMPLES = 4;
const CLASSES = 3;
/** Numbers from -1 to 1 that follow no order, at no place where an activation bends. */
const drawn = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));

type Step = [op: string, inputs: string, attributes?: Record<string, OnnxAttribute>];

/**
 * How an operator is used between two layers. It reads `h`, [n, 8], `p`, which is positive, `i`, images [n, 2, 2, 2], or
 * `s`, a sequence [1, n, 8]. An operation's output is its name in lower case; that of the last is flattened. What begins
 * with a capital is a trained tensor or a constant of the file.
 */
const uses: Record<string, Step[]> = {
  ...Object.fromEntries(
    (
      'Abs Celu Cos Elu Erf Exp Gelu HardSigmoid HardSwish Identity LeakyRelu LogSoftmax Mish Neg Relu Selu Sigmoid Sin Softmax ' +
      'Softplus Softsign Swish Tanh ThresholdedRelu Dropout Flatten'
    )
      .split(' ')
      .map((op): [string, Step[]] => [op, [[op, 'h']]]),
  ),
  ...Object.fromEntries(['Log', 'Reciprocal', 'Sqrt'].map((op): [string, Step[]] => [op, [[op, 'p']]])),
  ...Object.fromEntries(
    ['Add', 'Div', 'Max', 'Mean', 'Min', 'Mul', 'Sub', 'Sum'].map((op): [string, Step[]] => [op, [[op, 'h p']]]),
  ),
  ...Object.fromEntries(
    ['Ceil', 'Floor', 'Round', 'Sign'].map((op): [string, Step[]] => [
      op,
      [
        [op, 'h'],
        ['Mul', `${op.toLowerCase()} h`],
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op): [string, Step[]] => [
      op,
      [
        [op, 'h p'],
        ['Where', `${op.toLowerCase()} h p`],
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['And', 'Or', 'Xor'].map((op): [string, Step[]] => [
      op,
      [
        ['Greater', 'h ZERO'],
        ['Less', 'p ONE'],
        [op, 'greater less'],
        ['Where', `${op.toLowerCase()} h p`],
      ],
    ]),
  ),
  Not: [
    ['Greater', 'h ZERO'],
    ['Not', 'greater'],
    ['Where', 'not h p'],
  ],
  Where: [
    ['Cast', 'h', { to: DataType.BOOL }],
    ['Where', 'cast h p'],
  ],
  Cast: [
    ['Cast', 'p', { to: DataType.INT32 }],
    ['Greater', 'cast INTEGERS'],
    ['Where', 'greater h p'],
  ],
  CastLike: [['CastLike', 'h p']],
  Clip: [['Clip', 'h MINUS_HALF HALF']],
  Mod: [['Mod', 'p HALF']],
  Pow: [['Pow', 'p h']],
  PRelu: [['PRelu', 'h VECTOR']],
  ...Object.fromEntries(Object.keys(reductions).map((op): [string, Step[]] => [op, [[op, 'i AXIS']]])),
  Gemm: [['Gemm', 'h MATRIX VECTOR', { alpha: { float: 0.5 }, transB: 1 }]],
  MatMul: [['MatMul', 's MATRIX']],
  Conv: [['Conv', 'i KERNEL VECTOR2', { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }]],
  ConvTranspose: [['ConvTranspose', 'i KERNEL', { strides: [2, 2], kernel_shape: [3, 3] }]],
  BatchNormalization: [['BatchNormalization', 'h VECTOR VECTOR OTHER POSITIVE']],
  GroupNormalization: [['GroupNormalization', 'i VECTOR2 VECTOR2', { num_groups: 2 }]],
  InstanceNormalization: [['InstanceNormalization', 'i VECTOR2 VECTOR2']],
  LayerNormalization: [['LayerNormalization', 'h VECTOR OTHER']],
  RMSNormalization: [['RMSNormalization', 'h VECTOR']],
  LRN: [['LRN', 'i', { size: 3, alpha: { float: 0.5 } }]],
  AveragePool: [['AveragePool', 'i', { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }]],
  MaxPool: [['MaxPool', 'i', { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }]],
  GlobalAveragePool: [['GlobalAveragePool', 'i']],
  GlobalMaxPool: [['GlobalMaxPool', 'i']],
  // A sequence of one step, which is split into one part.
  ...Object.fromEntries(
    Object.keys(recurrents).map((op): [string, Step[]] => [
      op,
      [
        [op, `s ${op}_INPUT ${op}_STATE`, { hidden_size: 2 }],
        ['Transpose', op.toLowerCase(), { perm: [2, 0, 1, 3] }],
      ],
    ]),
  ),
  Concat: [['Concat', 'h p h', { axis: 1 }]],
  Expand: [
    ['Unsqueeze', 'h AXIS_1'],
    ['Expand', 'unsqueeze EXPANDED'],
  ],
  Gather: [['Gather', 'h POSITIONS', { axis: 1 }]],
  Pad: [['Pad', 'h PADS']],
  Reshape: [['Reshape', 'h PAIRS']],
  Slice: [['Slice', 'h ONE_POSITION THREE_POSITIONS AXIS_1']],
  Split: [['Split', 's', { axis: 0, num_outputs: 1 }]],
  Squeeze: [['Squeeze', 's ZERO_AXIS']],
  Tile: [['Tile', 'h REPEATS']],
  Transpose: [['Transpose', 'i', { perm: [0, 2, 3, 1] }]],
  Unsqueeze: [['Unsqueeze', 'h AXIS_1']],
};

const int64 = (...values: number[]) => BigInt64Array.from(values, BigInt);
const gates: Record<string, number> = { LSTM: 4, GRU: 3, RNN: 1 };
const tensors = new Map(
  (
    [
      ['W', [2, 8], drawn(16, 1)],
      ['ZERO', [], Float32Array.of(0)],
      ['ONE', [], Float32Array.of(1)],
      ['HALF', [], Float32Array.of(0.5)],
      ['MINUS_HALF', [], Float32Array.of(-0.5)],
      ['MATRIX', [8, 8], drawn(64, 2)],
      ['VECTOR', [8], drawn(8, 3)],
      ['OTHER', [8], drawn(8, 4)],
      ['POSITIVE', [8], drawn(8, 5).map(Math.exp)],
      ['VECTOR2', [2], drawn(2, 6)],
      ['KERNEL', [2, 2, 3, 3], drawn(36, 7)],
      ...Object.entries(gates).flatMap(([op, count]) => [
        [`${op}_INPUT`, [1, 2 * count, 8], drawn(16 * count, 8)],
        [`${op}_STATE`, [1, 2 * count, 2], drawn(4 * count, 9)],
      ]),
      ['INTEGERS', [], Int32Array.of(1)],
      ['IMAGES', [4], int64(-1, 2, 2, 2)],
      ['SEQUENCE', [3], int64(1, -1, 8)],
      ['PAIRS', [3], int64(-1, 4, 2)],
      ['EXPANDED', [3], int64(1, 2, 8)],
      ['AXIS', [1], int64(2)],
      ['AXIS_1', [1], int64(1)],
      ['ZERO_AXIS', [1], int64(0)],
      ['POSITIONS', [3], int64(0, 5, 5)],
      ['ONE_POSITION', [1], int64(1)],
      ['THREE_POSITIONS', [1], int64(4)],
      ['PADS', [4], int64(0, 1, 0, 2)],
      ['REPEATS', [2], int64(1, 2)],
    ] as [string, number[], Float32Array | Int32Array | BigInt64Array][]
  ).map(([name, shape, values]) => [name, onnxTensor(name, shape, values)]),
);

/** The numbers that the second layer reads of each example, if they are not 8. */
const widths: Record<string, number> = {
  ...{
    Concat: 24,
    ConvTranspose: 50,
    Expand: 16,
    Gather: 3,
    GlobalAveragePool: 2,
    GlobalMaxPool: 2,
    Pad: 11,
    Slice: 3,
    Tile: 16,
  },
  ...Object.fromEntries(Object.keys(reductions).map((op) => [op, 4])),
  ...Object.fromEntries(Object.keys(recurrents).map((op) => [op, 2])),
};

async function open(op: string): Promise<Model> {
  const steps = uses[op];
  const inputs = widths[op] ?? 8;
  const name = (step: string) => step.toLowerCase();
  const nodes = [
    onnxNode('MatMul', ['x', 'W'], ['h']),
    onnxNode('Exp', ['h'], ['p']),
    onnxNode('Reshape', ['h', 'IMAGES'], ['i']),
    onnxNode('Reshape', ['h', 'SEQUENCE'], ['s']),
    ...steps.map(([step, read, attributes]) => onnxNode(step, read.split(' '), [name(step)], attributes)),
    onnxNode('Reshape', [name(steps.at(-1)![0]), 'FLAT'], ['flat']),
    onnxNode('MatMul', ['flat', 'LAST'], ['logits']),
  ];
  const path = join(folder, `${op}.onnx`);
  const last = onnxTensor('LAST', [inputs, CLASSES], drawn(inputs * CLASSES, 10));
  const flat = onnxTensor('FLAT', [2], int64(EXAMPLES, -1));
  const own = new Set(nodes.flatMap(({ input }) => input));
  const graph = {
    ...{ name: op, nodes },
    initializers: [...tensors.values(), last, flat].filter((tensor) => own.has(tensor.name)),
    input: onnxValue('x', DataType.FLOAT, [EXAMPLES, 2]),
    output: onnxValue('logits', DataType.FLOAT, [EXAMPLES, CLASSES]),
  };
  await writeFile(path, encodeOnnx(graph, { name: 'test', version: '1' }));
  return (await openOnnxModel(path, op, nodeHost)).read('');
}

const operators = {
  ...convolutions,
  ...elementwise,
  ...linear,
  ...normalizations,
  ...pooling,
  ...recurrents,
  ...reductions,
  ...shapes,
};

// The results of these do not depend on the data.
it.each(Object.keys(operators).filter((op) => op !== 'Shape' && op !== 'Size'))('%s trains', async (op) => {
  const model = await open(op);
  const parameters = await model.pretrained!();
  const network = engine.open(model);
  const batch = { inputs: drawn(2 * EXAMPLES, 11), labels: Int32Array.of(0, 1, 2, 1) };
  const at = (vector: Float32Array) => {
    network.setParameters(vector);
    return network.gradient(batch, 1).read();
  };
  // Running statistics are no part of what is differentiated.
  const trained = new Float32Array(model.size).fill(1);
  for (const { kind, offset, size } of model.parameters) if (kind === 'state') trained.fill(0, offset, offset + size);
  const direction = drawn(model.size, 12).map((value, i) => value * trained[i]);
  const along = (step: number) => at(parameters.map((value, i) => value + step * direction[i]))[model.size];
  const gradient = at(parameters);
  const expected = (along(1e-3) - along(-1e-3)) / 2e-3;
  const found = direction.reduce((sum, value, i) => sum + value * gradient[i], 0);
  expect(Math.abs(found - expected)).toBeLessThan(2e-3 + 1e-2 * Math.abs(expected));
  network.close();
});
