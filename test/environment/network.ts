import { DataType, encodeOnnx, onnxNode, onnxTensor, onnxValue } from '@prunegrid/onnx';

const { FLOAT } = DataType;
const eighths = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i / 8);

/** Both normalizations have the same vectors, as PyTorch's exporter stores equal ones once. */
const normalization = (name: string, input: string, output: string) => {
  const [ones, zeros] = ['norm1.weight', 'norm1.bias'];
  const node = onnxNode('BatchNormalization', [input, ones, zeros, zeros, ones], [output]);
  return Object.assign(node, { name: `/${name}/BatchNormalization` });
};

/**
 * A network in the ONNX format, of two numbers and three classes: MatMul (w1, [2, 3]), BatchNormalization, MatMul (w2, [3, 3]) and
 * BatchNormalization. It is not trained.
 */
export const network = encodeOnnx(
  {
    name: 'g',
    nodes: [
      onnxNode('MatMul', ['x', 'w1'], ['a']),
      normalization('norm1', 'a', 'b'),
      onnxNode('MatMul', ['b', 'w2'], ['c']),
      normalization('norm2', 'c', 'y'),
    ],
    initializers: [
      onnxTensor('w1', [2, 3], eighths(6)),
      onnxTensor('w2', [3, 3], eighths(9)),
      onnxTensor('norm1.weight', [3], Float32Array.of(1, 1, 1)),
      onnxTensor('norm1.bias', [3], Float32Array.of(0, 0, 0)),
    ],
    input: onnxValue('x', FLOAT, ['n', 2]),
    output: onnxValue('y', FLOAT, ['n', 3]),
  },
  { name: 'onnx', version: '1' },
);

/** A table of 300 points of the plane with the classes 0, 1 and 2, which say how many of the numbers are positive. */
export const points = Array.from({ length: 300 }, (_, i) => {
  const [a, b] = [Math.sin(3 * i), Math.cos(5 * i)];
  return `${a.toFixed(3)},${b.toFixed(3)},${Number(a > 0) + Number(b > 0)}\n`;
}).join('');

/** An experiment with both, in one folder as `net.onnx` and `points.csv`. */
export const experiment = `name: points
model: ./net.onnx
dataset: { name: ./points.csv, test: 50, validation: 50 }
batch: { global: 40, microBatches: 2 }
budget: { rule: uniform, ratio: 1.5 }
dense: { epochs: 2, learningRate: { schedule: constant, value: 1e-2 } }
admm: { iterations: 1, rho: 1e-2, learningRate: { schedule: constant, value: 1e-3 } }
retrain: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
`;
