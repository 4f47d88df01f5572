import { nodeHost } from '@prunegrid/core/node';
import { describe, expect, it } from 'vitest';

import { type NamedTensor, piecesOf, type Tensor } from '@prunegrid/core/safetensors';
import { fromFile, toFile } from './files.js';
import { initialParameters } from './initial.js';
import { lenet300 } from './lenet300.js';
import { lenet5 } from './lenet5.js';
import { layOut, type ModelDescription } from './model.js';

const parameters = initialParameters(lenet5, 5);
const same = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
/** Returns the tensor in the form in which it is read from a file. */
function stored({ shape, data }: NamedTensor): Tensor {
  const whole = new Float32Array(data.length);
  let at = 0;
  for (const piece of piecesOf(data)) {
    whole.set(piece, at);
    at += piece.length;
  }
  return { shape: [...shape], data: whole };
}
const inFile = (model: ModelDescription, values: Float32Array) =>
  new Map(toFile(model, values).map((tensor) => [tensor.name, stored(tensor)]));
const tensors = () => inFile(lenet5, parameters);
const weightsOf = ({ layers }: ModelDescription) => layers.map(({ name, weights }) => ({ name, weights }));
/** A model with a single dense layer. */
const dense = (shape: [number, number, number], inputs: number, outputs: number): ModelDescription => ({
  name: 'dense',
  ...layOut([{ name: 'fc', kind: 'dense', shape: [inputs, outputs] }]),
  ...{ input: { shape, type: 'float32' }, classes: outputs, dropouts: [] },
});

describe('LeNet-5', () => {
  it("has the paper's weights", () => {
    expect(weightsOf(lenet5)).toEqual([
      { name: 'conv1', weights: 500 },
      { name: 'conv2', weights: 25_000 },
      { name: 'fc1', weights: 400_000 },
      { name: 'fc2', weights: 5000 },
    ]);
    expect(lenet5.size).toBe(430_500 + 580);
  });
});

describe('LeNet-300-100', () => {
  it("has the paper's weights", () => {
    expect(weightsOf(lenet300)).toEqual([
      { name: 'fc1', weights: 235_200 },
      { name: 'fc2', weights: 30_000 },
      { name: 'fc3', weights: 1000 },
    ]);
    expect(lenet300.size).toBe(266_200 + 410);
  });

  it("is laid out in a file as PyTorch's, pixels in the image's own order", async () => {
    const ours = initialParameters(lenet300, 5);
    const file = inFile(lenet300, ours);
    expect([...file].map(([name, { shape }]) => [name, shape])).toEqual([
      ['fc1.weight', [300, 784]],
      ['fc1.bias', [300]],
      ['fc2.weight', [100, 300]],
      ['fc2.bias', [100]],
      ['fc3.weight', [10, 100]],
      ['fc3.bias', [10]],
    ]);
    // This is the weight of fc1 from the pixel in row 9, column 20 to output 17.
    expect(file.get('fc1.weight')?.data[17 * 784 + 9 * 28 + 20]).toBe(ours[(9 * 28 + 20) * 300 + 17]);
    expect(same(await fromFile(nodeHost.clock, lenet300, file, 'a.safetensors'), ours)).toBe(true);
  });
});

describe('model files', () => {
  it('take the channels of an image first where a dense layer flattens the input itself', () => {
    // The model's order has red, green and blue for each pixel; the file's order has all of red, then all of green,
    // then all of blue.
    const file = inFile(dense([1, 2, 3], 2 * 3, 1), Float32Array.of(10, 20, 30, 11, 21, 31, 0));
    expect(file.get('fc.weight')?.data).toEqual(Float32Array.of(10, 11, 20, 21, 30, 31));
  });

  it("hold PyTorch's names and shapes", () => {
    expect([...tensors()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['conv1.weight', [20, 1, 5, 5]],
      ['conv1.bias', [20]],
      ['conv2.weight', [50, 20, 5, 5]],
      ['conv2.bias', [50]],
      ['fc1.weight', [500, 800]],
      ['fc1.bias', [500]],
      ['fc2.weight', [10, 500]],
      ['fc2.bias', [10]],
    ]);
  });

  it('put every weight where PyTorch looks for it', () => {
    const ours = (name: string, position: number) =>
      parameters[
        (lenet5.parameters.find((parameter) => parameter.name === name) as { offset: number }).offset + position
      ];
    const file = tensors();
    const theirs = (name: string, position: number) => file.get(name)?.data[position];
    // This is the weight of conv2 for output 7, input 3, row 1 and column 4.
    expect(theirs('conv2.weight', ((7 * 20 + 3) * 5 + 1) * 5 + 4)).toBe(
      ours('conv2.weight', ((1 * 5 + 4) * 20 + 3) * 50 + 7),
    );
    // This is the weight of fc1 to output 11. Its input is channel 9, row 2, column 3 of 50 feature maps of 4x4.
    expect(theirs('fc1.weight', 11 * 800 + (9 * 4 + 2) * 4 + 3)).toBe(
      ours('fc1.weight', ((2 * 4 + 3) * 50 + 9) * 500 + 11),
    );
    // This is the weight of fc2 from input 123 to output 6.
    expect(theirs('fc2.weight', 6 * 500 + 123)).toBe(ours('fc2.weight', 123 * 10 + 6));
  });

  it('come back as they were', async () => {
    expect(same(await fromFile(nodeHost.clock, lenet5, tensors(), 'a.safetensors'), parameters)).toBe(true);
  });

  it.each([
    ['of many outputs', dense([1, 1, 1], 1100, 1000), 1],
    ['of a part of one output', dense([500, 400, 3], 500 * 400 * 3, 2), 3],
  ])('put a large layer in order by pieces %s, of 2 MiB at most, in the same memory', async (_, model, channels) => {
    const ours = Float32Array.from({ length: model.size }, (_value, i) => i);
    const [weight] = toFile(model, ours);
    const pieces = [...piecesOf(weight.data)];
    expect(pieces.length).toBeGreaterThan(1);
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(1);
    expect(pieces[0].buffer.byteLength).toBeLessThanOrEqual(2 ** 21);

    const [outputs, inputs] = weight.shape;
    const cells = inputs / channels;
    const misplaced = stored(weight).data.findIndex((value, i) => {
      const [output, channel, cell] = [Math.floor(i / inputs), Math.floor((i % inputs) / cells), i % cells];
      return value !== (cell * channels + channel) * outputs + output;
    });
    expect(misplaced).toBe(-1);
    expect(same(await fromFile(nodeHost.clock, model, inFile(model, ours), 'a.safetensors'), ours)).toBe(true);
  });

  it('are refused where a tensor is missing or has another shape', async () => {
    const file = tensors();
    file.set('fc2.weight', { shape: [500, 10], data: new Float32Array(5000) });
    await expect(fromFile(nodeHost.clock, lenet5, file, 'a.safetensors')).rejects.toThrow(
      'a.safetensors: is no lenet5, and its first tensor is "conv1.weight": fc2.weight has shape [500, 10] where lenet5 has [10, 500]; name',
    );
    file.delete('conv1.bias');
    // All of it at once.
    await expect(fromFile(nodeHost.clock, lenet5, file, 'a.safetensors')).rejects.toThrow(
      ': has no tensor "conv1.bias"; fc2.weight has shape [500, 10] where lenet5 has [10, 500]; name',
    );
  });
});

describe('initialParameters', () => {
  it('depends on the seed alone and stays within +-1/sqrt(fan-in)', () => {
    expect(same(initialParameters(lenet5, 5), parameters)).toBe(true);
    expect(same(initialParameters(lenet5, 6), parameters)).toBe(false);
    for (const { kind, offset, size } of lenet5.parameters.filter((parameter) => parameter.layer === 'fc1')) {
      const values = parameters.subarray(offset, offset + size);
      const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(800));
      expect(largest).toBeGreaterThan((kind === 'weight' ? 0.999 : 0.95) / Math.sqrt(800));
    }
  });
});
