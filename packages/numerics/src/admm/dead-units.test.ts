import { describe, expect, it } from 'vitest';
import { type ConnectedLayer, findDeadUnits } from './dead-units.js';

/** 1x1 convolution to 2 channels, flattened at 2x1 pixels to 4 rows, 2 neurons. */
function network(conv: number[], fc: number[]): ConnectedLayer[] {
  return [
    { name: 'conv', shape: [1, 1, 1, 2], support: Uint32Array.from(conv) },
    { name: 'fc', shape: [4, 2], support: Uint32Array.from(fc) },
  ];
}

describe('findDeadUnits', () => {
  it('finds nothing where every unit lies on a path, however few the weights', () => {
    // Rows 0 and 2 of fc hold channel 0, rows 1 and 3 channel 1.
    expect(findDeadUnits(network([0, 1], [0, 3]))).toEqual([]);
  });

  it('maps the rows of a flattened convolution to channels, channels last', () => {
    // Rows 0 and 2 only: nothing reads channel 1.
    expect(findDeadUnits(network([0, 1], [0, 5]))).toEqual([
      { layer: 'conv', of: 2, unfed: [], unread: [1], dead: [1] },
    ]);
  });

  it('follows a dead channel to the neuron that hangs on it alone', () => {
    expect(findDeadUnits(network([0], [0, 3]))).toEqual([
      { layer: 'conv', of: 2, unfed: [1], unread: [], dead: [1] },
      { layer: 'fc', of: 2, unfed: [1], unread: [], dead: [1] },
    ]);
  });

  it('reports every unit of a layer that has lost all its weights, and what that cuts off on both sides', () => {
    expect(findDeadUnits(network([0, 1], []))).toEqual([
      { layer: 'conv', of: 2, unfed: [], unread: [0, 1], dead: [0, 1] },
      { layer: 'fc', of: 2, unfed: [0, 1], unread: [], dead: [0, 1] },
    ]);
  });

  it('reads convolution kernels as height, width, in, out', () => {
    const between = (support: number[]): ConnectedLayer[] => [
      { name: 'conv1', shape: [1, 1, 1, 2], support: 'dense' },
      { name: 'conv2', shape: [2, 1, 2, 3], support: Uint32Array.from(support) },
    ];
    // Position ((y*1 + x)*2 + in)*3 + out: (y 1, in 0, out 0), (y 0, in 0, out 1), (y 1, in 0, out 2).
    expect(findDeadUnits(between([6, 1, 8]))).toEqual([{ layer: 'conv1', of: 2, unfed: [], unread: [1], dead: [1] }]);
  });

  it('takes a layer that is not pruned as fully connected', () => {
    const layers: ConnectedLayer[] = [
      { name: 'a', shape: [3, 2], support: Uint32Array.of(0) },
      { name: 'b', shape: [2, 2], support: 'dense' },
    ];
    expect(findDeadUnits(layers)).toEqual([{ layer: 'a', of: 2, unfed: [1], unread: [], dead: [1] }]);
  });

  it('keeps a unit that a branch beside the chain feeds and reads', () => {
    // The second layer has lost unit 0, but the last one reads its sum with the first layer.
    const layers: ConnectedLayer[] = [
      { name: 'stem', shape: [2, 2], support: 'dense', reads: ['input'] },
      { name: 'branch', shape: [2, 2], support: Uint32Array.of(3), reads: ['stem'] },
      { name: 'head', shape: [2, 1], support: 'dense', reads: ['stem', 'branch'], combination: 'add' },
    ];
    expect(findDeadUnits(layers)).toEqual([{ layer: 'branch', of: 2, unfed: [0], unread: [], dead: [0] }]);
    const chain = layers.map((layer, l) => (l === 2 ? { ...layer, reads: ['branch'] } : layer));
    expect(findDeadUnits(chain)).toEqual([
      { layer: 'stem', of: 2, unfed: [], unread: [0], dead: [0] },
      { layer: 'branch', of: 2, unfed: [0], unread: [], dead: [0] },
    ]);
  });

  it('lets each group of a convolution read its own part of the channels', () => {
    // Two groups of one input and two outputs each: outputs 0 and 1 read channel 0, outputs 2 and 3 channel 1.
    const grouped = (stem: number[], support: number[] | 'dense'): ConnectedLayer[] => [
      { name: 'stem', shape: [1, 1, 1, 2], support: Uint32Array.from(stem) },
      {
        ...{ name: 'grouped', shape: [1, 1, 1, 4], groups: 2 },
        support: support === 'dense' ? support : Uint32Array.from(support),
      },
    ];
    expect(findDeadUnits(grouped([0, 1], [0, 1, 2, 3]))).toEqual([]);
    expect(findDeadUnits(grouped([0], 'dense'))).toEqual([
      { layer: 'stem', of: 2, unfed: [1], unread: [], dead: [1] },
      { layer: 'grouped', of: 4, unfed: [2, 3], unread: [], dead: [2, 3] },
    ]);
    expect(findDeadUnits(grouped([0, 1], [0, 1]))).toEqual([
      { layer: 'stem', of: 2, unfed: [], unread: [1], dead: [1] },
      { layer: 'grouped', of: 4, unfed: [2, 3], unread: [], dead: [2, 3] },
    ]);
    expect(() => findDeadUnits([grouped([0], [])[0], { ...grouped([0], [])[1], groups: 4 }])).toThrow(
      'grouped has 4 inputs, what it reads 2 units',
    );
  });

  it('numbers the units of concatenated layers one layer after another, also when they are flattened', () => {
    const head = (support: number[]): ConnectedLayer[] => [
      { name: 'left', shape: [1, 1, 1, 1], support: 'dense', reads: ['input'] },
      { name: 'right', shape: [1, 1, 1, 2], support: 'dense', reads: ['input'] },
      // Two pixels of three channels.
      {
        ...{ name: 'head', shape: [6, 1], support: Uint32Array.from(support) },
        ...{ reads: ['left', 'right'], combination: 'concatenate' },
      },
    ];
    expect(findDeadUnits(head([3, 1, 5]))).toEqual([]);
    // Channels 0 and 2.
    expect(findDeadUnits(head([0, 5]))).toEqual([{ layer: 'right', of: 2, unfed: [], unread: [0], dead: [0] }]);
    expect(() => findDeadUnits([{ ...head([])[2] }])).toThrow('head reads left, which does not stand before it');
  });

  it('refuses layers that do not follow each other, such as a flatten that is no multiple of the channels', () => {
    const layers = network([0, 1], [0]);
    expect(() => findDeadUnits([layers[0], { ...layers[1], shape: [5, 2] }])).toThrow('fc has 5 inputs');
    expect(() => findDeadUnits([layers[0], { ...layers[1], shape: [1, 1, 4, 2] }])).toThrow('fc has 4 inputs');
  });
});
