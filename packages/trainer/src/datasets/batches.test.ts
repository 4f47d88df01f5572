import { describe, expect, it } from 'vitest';

import { augmentationsOf } from './augmentations/index.js';
import { dropoutFactors, epochOrder, evaluationBatch, evaluationBlocks, trainingBatch } from './batches.js';
import { type Dataset, type Examples, residentSplit } from './dataset.js';
import { TrainingBatches } from './training-batches.js';

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

describe('a data set with mean and deviation', () => {
  const colours: Examples = {
    inputs: Uint8Array.from({ length: 27 }, (_, i) => 9 * i),
    labels: Uint8Array.of(1),
    count: 1,
  };
  const standardization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const of = (inputs: Examples['inputs'], elementType: Dataset['elementType'], more: Partial<Dataset>): Dataset => ({
    ...ofExamples({ ...colours, inputs }),
    ...{ shape: [3, 3, 3], elementType, ...more },
  });
  /** What PyTorch computes: each step rounded to float32. */
  const expected = (value: number, i: number, divisor = 255) => {
    const { mean, std } = standardization;
    const centred = Math.fround(Math.fround(value / divisor) - Math.fround(mean[i % 3]));
    return Math.fround(centred / Math.fround(std[i % 3]));
  };

  it.each([
    ['uint8', Uint8Array],
    ['int32', Int32Array],
    ['float32', Float32Array],
  ] as const)('has them for each channel, from %s', async (type, Values) => {
    const dataset = of(Values.from(colours.inputs), type, { standardization });
    const { inputs } = await evaluationBatch(dataset, dataset.test, 0, 1);
    expect([...inputs]).toEqual(Array.from(colours.inputs, (value, i) => expected(value, i)));
  });

  it('has one number for all channels, and no division if there is no divisor', async () => {
    const one = { mean: [0.5], std: [2] };
    const dataset = of(Float32Array.of(...colours.inputs), 'float32', { divisor: undefined, standardization: one });
    const { inputs } = await evaluationBatch(dataset, dataset.test, 0, 1);
    expect([...inputs]).toEqual(Array.from(colours.inputs, (value) => (value - 0.5) / 2));
  });

  it('gets black from outside when it is shifted, which the mean makes another number', () => {
    const dataset = of(new Uint8Array(27).fill(255), 'uint8', { standardization });
    const black = [0, 1, 2].map((i) => expected(0, i));
    const white = [0, 1, 2].map((i) => expected(255, i));
    const seen = new Set<number>();
    for (let step = 0; step < 20; step++) {
      const { inputs } = trainingBatch(
        dataset,
        { ...colours, inputs: new Uint8Array(27).fill(255) },
        Uint32Array.of(0),
        {
          ...{ ...at, step, pixels: 1 },
        },
      );
      inputs.forEach((value, i) => {
        expect([black[i % 3], white[i % 3]]).toContain(value);
        if (value === black[i % 3]) seen.add(i % 3);
      });
    }
    expect(seen.size).toBe(3);
  });

  it('is augmented between the division and these, in training and in what is evaluated', async () => {
    const augmentations = augmentationsOf([{ crop: { size: 1, padding: 0 } }], [3, 3, 3]);
    const dataset = of(colours.inputs, 'uint8', { standardization, augmentations });
    const { inputs, labels } = await evaluationBatch(dataset, dataset.test, 0, 1);
    expect([[...labels], [...inputs]]).toEqual([[1], [12, 13, 14].map((i) => expected(9 * i, i))]);
    const drawn = trainingBatch(dataset, colours, Uint32Array.of(0, 0), { ...at, pixels: 0 });
    expect(drawn.inputs).toHaveLength(6);
    const later = trainingBatch(dataset, colours, Uint32Array.of(0), { ...at, firstSample: 1, pixels: 0 });
    expect(later.inputs).toEqual(drawn.inputs.subarray(3));
  });
});

describe('dropoutFactors', () => {
  it('drops the given share and keeps the mean', () => {
    const factors = dropoutFactors(0.25, 500, 40, at);
    const dropped = factors.filter((factor) => factor === 0).length;
    expect(Math.abs(dropped - 5000)).toBeLessThan(300);
    expect(new Set(factors)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  });

  it('have the rate of each dropout, or one for all', async () => {
    const plan = { seed: 1, phase: 1, globalBatch: 2, microBatches: 1, shift: 0 };
    const factorsAt = async (dropout: number | number[]) =>
      (await new TrainingBatches(dataset, { ...plan, dropout }, [10, 20]).take(0, 0)).dropout;
    const both = await factorsAt(0.25);
    expect(both?.map((factors) => factors.filter((factor) => factor === 0).length > 0)).toEqual([true, true]);
    const ones = new Float32Array(20).fill(1);
    expect(await factorsAt([0, 0.25])).toEqual([ones, both?.[1]]);
    expect(await factorsAt([0, 0])).toBeUndefined();
    expect(await factorsAt(0)).toBeUndefined();
  });
});
