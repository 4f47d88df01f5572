import type { Tensor, Tensor2D, Tensor3D, Tensor4D, Tensor5D } from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

import { loadTensorFlow } from '../../engines/tensorflow/tensorflow.js';
import { alexnet } from '../alexnet.js';
import { lenet300 } from '../lenet300.js';
import { lenet5 } from '../lenet5.js';
import { layOut, type Model, type Ops } from '../model.js';
import { traceModel } from './trace.js';

// The engine's backend is the current one while models are traced.
const network = loadTensorFlow(1).open(lenet300);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as Ops;

/** Returns a model with these weights, of which each is a layer, for examples of the shape `input`. */
function modelOf(
  weights: Record<string, number[]>,
  input: number[],
  logits: (tf: Ops, weights: Tensor[], inputs: Tensor) => Tensor,
): Model {
  const layers = layOut(Object.entries(weights).map(([name, shape]) => ({ name, kind: 'dense', shape })));
  return {
    ...{ name: 'traced', ...layers, input: { shape: input, type: 'float32' }, classes: 1, dropouts: [] },
    forward: (ops, parameters, inputs) => ({
      logits: logits(
        ops,
        parameters.filter((_tensor, i) => layers.parameters[i].kind === 'weight'),
        inputs,
      ) as Tensor2D,
    }),
  };
}

describe('traceModel', () => {
  it('gives shapes and multiply-accumulates of each layer', () => {
    expect(traceModel(lenet5)).toEqual({
      layers: [
        { name: 'conv1', input: [28, 28, 1], output: [24, 24, 20], multiplyAccumulates: 288_000 },
        { name: 'conv2', input: [12, 12, 20], output: [8, 8, 50], multiplyAccumulates: 1_600_000 },
        { name: 'fc1', input: [800], output: [500], multiplyAccumulates: 400_000 },
        { name: 'fc2', input: [500], output: [10], multiplyAccumulates: 5_000 },
      ],
      otherMultiplyAccumulates: 0,
      multiplyAccumulates: 2_293_000,
      output: [10],
    });
  });

  it('puts the groups of a convolution side by side', () => {
    const { layers } = traceModel(alexnet);
    expect(layers.map(({ name, input, output }) => [name, input, output])).toEqual([
      ['conv1', [227, 227, 3], [55, 55, 96]],
      ['conv2', [27, 27, 96], [27, 27, 256]],
      ['conv3', [13, 13, 256], [13, 13, 384]],
      ['conv4', [13, 13, 384], [13, 13, 384]],
      ['conv5', [13, 13, 384], [13, 13, 256]],
      ['fc1', [9216], [4096]],
      ['fc2', [4096], [4096]],
      ['fc3', [4096], [1000]],
    ]);
  });

  it("leaves the engine's backend as it was", () => {
    const before = tf.getBackend();
    network.setParameters(new Float32Array(lenet300.size).fill(0.01));
    const batch = { inputs: new Float32Array(784).fill(1), labels: Int32Array.of(3), count: 1 };
    const { loss } = network.score(batch);
    const tensors = tf.memory().numTensors;
    traceModel(lenet300);
    expect(() => traceModel(modelOf({}, [4], (ops, _weights, x) => ops.matMul(x, x)))).toThrow('cannot be multiplied');
    expect(tf.getBackend()).toBe(before);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(network.score(batch).loss).toBe(loss);
  });

  it('knows a weight that was transposed, sliced, cast or computed from', () => {
    const model = modelOf({ one: [6, 4], two: [4, 8], three: [4, 5] }, [6], (ops, [one, two, three], x) => {
      const first = ops.matMul(x, ops.transpose(ops.reshape(one, [4, 6])));
      const half = ops.slice(ops.cast(two as Tensor2D, 'float32'), [0, 4], [4, 4]);
      const scaled = ops.div(three, ops.norm(three));
      return ops.matMul(ops.matMul(first, half), scaled);
    });
    expect(traceModel(model).layers).toEqual([
      { name: 'one', input: [6], output: [4], multiplyAccumulates: 24 },
      { name: 'two', input: [4], output: [4], multiplyAccumulates: 16 },
      { name: 'three', input: [4], output: [5], multiplyAccumulates: 20 },
    ]);
  });

  it('divides a product among the weights that were concatenated for it, and leaves out zeros that pad them', () => {
    const model = modelOf({ own: [3, 8], recurrent: [5, 8] }, [8], (ops, [own, recurrent], x) =>
      ops.matMul(x, ops.concat([own, recurrent], 0)),
    );
    expect(traceModel(model).layers.map((layer) => layer.multiplyAccumulates)).toEqual([24, 40]);
    const padded = modelOf({ own: [3, 8] }, [8], (ops, [own], x) =>
      ops.matMul(
        x,
        ops.pad(own, [
          [5, 0],
          [0, 0],
        ]),
      ),
    );
    expect(traceModel(padded)).toMatchObject({
      layers: [{ multiplyAccumulates: 24 }],
      otherMultiplyAccumulates: 40,
      multiplyAccumulates: 64,
    });
  });

  it('adds up the uses of a weight at each time step', () => {
    const model = modelOf({ cell: [3 + 5, 20] }, [7, 3], (ops, [kernel], x) => {
      let state: [Tensor2D, Tensor2D] = [ops.zeros([1, 5]), ops.zeros([1, 5])];
      for (const step of ops.unstack(x, 1)) {
        state = ops.basicLSTMCell(ops.scalar(1), kernel as Tensor2D, ops.zeros([20]), step as Tensor2D, ...state);
      }
      return state[1];
    });
    expect(traceModel(model)).toMatchObject({
      layers: [{ name: 'cell', input: [8], output: [20], multiplyAccumulates: 7 * 8 * 20 }],
      output: [5],
    });
  });

  it('counts what attention multiplies without weights as of no layer', () => {
    const model = modelOf({ query: [4, 4], key: [4, 4] }, [9, 4], (ops, [query, key], x) => {
      const by = (weight: Tensor) => ops.reshape(ops.matMul(ops.reshape(x, [9, 4]), weight as Tensor2D), [1, 9, 4]);
      const scores = ops.softmax(ops.matMul(by(query), by(key), false, true));
      return ops.mean(ops.matMul(scores, x as Tensor3D), 1);
    });
    expect(traceModel(model)).toEqual({
      layers: ['query', 'key'].map((name) => ({ name, input: [9, 4], output: [9, 4], multiplyAccumulates: 144 })),
      otherMultiplyAccumulates: 2 * 9 * 9 * 4,
      multiplyAccumulates: 2 * 144 + 2 * 324,
      output: [4],
    });
  });

  it('counts depthwise, transposed and three-dimensional convolutions', () => {
    const model = modelOf(
      { depthwise: [3, 3, 2, 2], transposed: [2, 2, 3, 4], volume: [1, 2, 2, 3, 5] },
      [8, 8, 2],
      (ops, [depthwise, transposed, volume], x) => {
        const maps = ops.depthwiseConv2d(x as Tensor4D, depthwise as Tensor4D, 1, 'same');
        const larger = ops.conv2dTranspose(maps, transposed as Tensor4D, [1, 16, 16, 3], 2, 'valid');
        return ops.conv3d(ops.expandDims<Tensor5D>(larger, 1), volume as Tensor5D, 2, 'valid');
      },
    );
    expect(traceModel(model).layers).toEqual([
      { name: 'depthwise', input: [8, 8, 2], output: [8, 8, 4], multiplyAccumulates: 64 * 4 * 9 },
      { name: 'transposed', input: [8, 8, 4], output: [16, 16, 3], multiplyAccumulates: 64 * 4 * 4 * 3 },
      { name: 'volume', input: [1, 16, 16, 3], output: [1, 8, 8, 5], multiplyAccumulates: 64 * 5 * 4 * 3 },
    ]);
  });

  it('names what it cannot trace', () => {
    const unknown = modelOf({ one: [4, 4] }, [4], (ops, [one]) => ops.fft(ops.complex(one, one)));
    expect(() => traceModel(unknown)).toThrow('traced: uses the operation Complex, whose shapes are not known');
    const misfit = modelOf({ one: [4, 4] }, [5], (ops, [one], x) => ops.matMul(x, one));
    expect(() => traceModel(misfit)).toThrow('traced: its forward pass fails for one example of shape [5]: ');
    const reshaped = modelOf({}, [5], (ops, _weights, x) => ops.reshape(x, [-1, 4]));
    expect(() => traceModel(reshaped)).toThrow('traced: its forward pass fails for one example of shape [5]: ');
    const reading = modelOf({ one: [4, 4] }, [4], (_ops, [one]) => (one.dataSync(), one));
    expect(() => traceModel(reading)).toThrow('a model must not read its tensors while it computes');
  });

  it('leaves a layer without shapes whose weights are never multiplied by', () => {
    const model = modelOf({ table: [4, 4] }, [4], (ops, [table], x) => ops.add(x, ops.sum(table)));
    expect(traceModel(model).layers).toEqual([{ name: 'table', multiplyAccumulates: 0 }]);
  });
});
