import { describe, expect, it } from 'vitest';

import { dropoutFactors, epochOrder, evaluationBatch, evaluationBlocks, trainingBatch } from './batches.js';
import { type Dataset, type Examples, residentSplit } from './dataset.js';

/** Two images of 3x3 pixels with one channel, in which all pixels have different values. */
const part: Examples = {
  inputs: Uint8Array.from({ length: 18 }, (_, i) => 10 * (i + 1)),
  labels: Uint8Array.of(3, 8),
  count: 2,
};
const ofExamples = (examples: Examples): Dataset => {
  const split = residentSplit(examples);
  const parts = { training: split, validation: split, test: split };
  return { name: 'tiny', shape: [3, 3, 1], elementType: 'uint8', divisor: 255, classes: 10, ...parts, hash: '' };
};
const dataset = ofExamples(part);
const at = { seed: 1, phase: 1, step: 0, firstSample: 0 };

describe('epochOrder', () => {
  it('is a permutation that depends on seed, phase and epoch', () => {
    const order = epochOrder(1, 1, 0, 1000);
    expect([...order].sort((a, b) => a - b)).toEqual([...new Array(1000).keys()]);
    const others = [epochOrder(2, 1, 0, 1000), epochOrder(1, 2, 0, 1000), epochOrder(1, 1, 1, 1000)];
    expect(new Set([order, ...others].map((indices) => indices.join())).size).toBe(4);
    expect(epochOrder(1, 1, 0, 1000)).toEqual(order);
  });
});

describe('trainingBatch', () => {
  it('scales pixels to [0, 1] and picks the labels', () => {
    const { inputs, labels } = trainingBatch(dataset, part, Uint32Array.of(1, 0), { ...at, pixels: 0 });
    expect([...labels]).toEqual([8, 3]);
    expect(inputs).toEqual(
      Float32Array.from([...part.inputs.subarray(9), ...part.inputs.subarray(0, 9)], (b) => b / 255),
    );
  });

  it('translates by whole pixels, every translation in turn, zeros coming in', () => {
    const seen = new Set<string>();
    for (let step = 0; step < 400; step++) {
      const { inputs } = trainingBatch(dataset, part, Uint32Array.of(0), { ...at, step, pixels: 1 });
      const moved = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => ({ down, right })));
      const match = moved.find(({ down, right }) =>
        inputs.every((value, i) => {
          const row = Math.floor(i / 3) - down;
          const column = (i % 3) - right;
          const inside = row >= 0 && row < 3 && column >= 0 && column < 3;
          return value === (inside ? Math.fround(part.inputs[row * 3 + column] / 255) : 0);
        }),
      );
      expect(match).toBeDefined();
      seen.add(JSON.stringify(match));
    }
    expect(seen.size).toBe(9);
  });

  it('does not depend on how the batch is cut', () => {
    const whole = trainingBatch(dataset, part, Uint32Array.of(0, 1), { ...at, pixels: 2 });
    const second = trainingBatch(dataset, part, Uint32Array.of(1), { ...at, pixels: 2, firstSample: 1 });
    expect(second.inputs).toEqual(whole.inputs.subarray(9));
  });
});

describe('evaluationBatch', () => {
  it('takes images as they are', async () => {
    const { inputs, labels } = await evaluationBatch(dataset, dataset.test, 1, 1);
    expect([...labels]).toEqual([8]);
    expect(inputs).toEqual(Float32Array.from(part.inputs.subarray(9), (b) => b / 255));
  });

  it('has the images of blocks, of which the last may be shorter', async () => {
    const five: Examples = {
      inputs: Uint8Array.from({ length: 5 * 9 }, (_, i) => 5 * i),
      labels: Uint8Array.of(1, 2, 3, 4, 5),
      count: 5,
    };
    const sizes: number[] = [];
    const ofFive = ofExamples(five);
    for await (const block of evaluationBlocks(ofFive, ofFive.test, 2, 1, 2)) {
      const first = 2 + 2 * sizes.length;
      sizes.push(block.labels.length);
      expect(block).toEqual(await evaluationBatch(ofFive, ofFive.test, first, block.labels.length));
    }
    expect(sizes).toEqual([2, 1]);
  });
});

describe('dropoutFactors', () => {
  it('drops the given share and keeps the mean', () => {
    const factors = dropoutFactors(0.25, 500, 40, at);
    const dropped = factors.filter((factor) => factor === 0).length;
    expect(Math.abs(dropped - 5000)).toBeLessThan(300);
    expect(new Set(factors)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  });
});
