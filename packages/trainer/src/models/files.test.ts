import { describe, expect, it } from 'vitest';

import { fromFile, toFile } from './files.js';
import { initialParameters } from './initial.js';
import { lenet300 } from './lenet300.js';
import { lenet5 } from './lenet5.js';
import { layOut, type ModelDescription } from './model.js';

const parameters = initialParameters(lenet5, 5);
const same = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
const tensors = () => new Map(toFile(lenet5, parameters).map((tensor) => [tensor.name, tensor]));

describe('LeNet-5', () => {
  it("has the paper's weights", () => {
    expect(lenet5.layers).toEqual([
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
    expect(lenet300.layers).toEqual([
      { name: 'fc1', weights: 235_200 },
      { name: 'fc2', weights: 30_000 },
      { name: 'fc3', weights: 1000 },
    ]);
    expect(lenet300.size).toBe(266_200 + 410);
  });

  it("is laid out in a file as PyTorch's, pixels in the image's own order", () => {
    const ours = initialParameters(lenet300, 5);
    const file = toFile(lenet300, ours);
    expect(file.map(({ name, shape }) => [name, shape])).toEqual([
      ['fc1.weight', [300, 784]],
      ['fc1.bias', [300]],
      ['fc2.weight', [100, 300]],
      ['fc2.bias', [100]],
      ['fc3.weight', [10, 100]],
      ['fc3.bias', [10]],
    ]);
    // fc1: out 17, from the pixel in row 9, column 20.
    expect(file[0].data[17 * 784 + 9 * 28 + 20]).toBe(ours[(9 * 28 + 20) * 300 + 17]);
    const named = new Map(file.map((tensor) => [tensor.name, tensor]));
    expect(same(fromFile(lenet300, named, 'a.safetensors'), ours)).toBe(true);
  });
});

describe('model files', () => {
  it('take the channels of an image first where a dense layer flattens the input itself', () => {
    const model: ModelDescription = {
      name: 'colours',
      ...layOut([{ name: 'fc', shape: [2 * 3, 1] }]),
      input: [1, 2, 3],
      classes: 1,
      dropoutUnits: 1,
    };
    // Here: pixel by pixel, red, green, blue; there: all of red, all of green, all of blue.
    const [{ data }] = toFile(model, Float32Array.of(10, 20, 30, 11, 21, 31, 0));
    expect([...data]).toEqual([10, 11, 20, 21, 30, 31]);
  });

  it("hold PyTorch's names and shapes", () => {
    expect([...tensors().values()].map(({ name, shape }) => [name, shape])).toEqual([
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
    const theirs = (name: string, position: number) => (file.get(name) as { data: Float32Array }).data[position];
    // conv2: out 7, in 3, row 1, column 4.
    expect(theirs('conv2.weight', ((7 * 20 + 3) * 5 + 1) * 5 + 4)).toBe(
      ours('conv2.weight', ((1 * 5 + 4) * 20 + 3) * 50 + 7),
    );
    // fc1: out 11; its input is channel 9, row 2, column 3 of 50 maps of 4x4.
    expect(theirs('fc1.weight', 11 * 800 + (9 * 4 + 2) * 4 + 3)).toBe(
      ours('fc1.weight', ((2 * 4 + 3) * 50 + 9) * 500 + 11),
    );
    // fc2: out 6, in 123.
    expect(theirs('fc2.weight', 6 * 500 + 123)).toBe(ours('fc2.weight', 123 * 10 + 6));
  });

  it('come back as they were', () => {
    expect(same(fromFile(lenet5, tensors(), 'a.safetensors'), parameters)).toBe(true);
  });

  it('are refused where a tensor is missing or has another shape', () => {
    const file = tensors();
    file.set('fc2.weight', { name: 'fc2.weight', shape: [500, 10], data: new Float32Array(5000) });
    expect(() => fromFile(lenet5, file, 'a.safetensors')).toThrow(
      'a.safetensors: fc2.weight has shape [500, 10] where lenet5 has [10, 500]',
    );
    file.delete('conv1.bias');
    expect(() => fromFile(lenet5, file, 'a.safetensors')).toThrow('a.safetensors: has no tensor conv1.bias');
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
