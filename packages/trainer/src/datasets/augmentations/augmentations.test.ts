import { RandomStream } from '@prunegrid/core/randomness/philox';
import { describe, expect, it } from 'vitest';

import {
  type AugmentationEntry,
  augmentationsOf,
  augmentationSchema,
  augment,
  type Image,
  withoutChance,
} from './index.js';

const imageOf = (height: number, width: number, channels: number): Image => {
  const random = new RandomStream(7, 1_000_001);
  const values = Float32Array.from({ length: height * width * channels }, () => random.nextFraction());
  return { height, width, channels, values };
};
const shapeOf = ({ height, width, channels }: Image) => [height, width, channels];
const at = { seed: 1, phase: 1, step: 0, sample: 0 };
const entryOf = (entry: unknown) => augmentationSchema.parse(entry);

/** One of each kind, the shape of a [6, 8, 3] image that it leaves, and whether it moves values without changing any. */
const kinds: [name: string, entry: unknown, shape: number[], moves: boolean][] = [
  ['shift', { shift: 2 }, [6, 8, 3], true],
  ['horizontal flip', { flip: 'horizontal' }, [6, 8, 3], true],
  ['vertical flip', { flip: 'vertical' }, [6, 8, 3], true],
  ['crop', { crop: { size: 4, padding: 1 } }, [4, 4, 3], true],
  ['resized crop', { resizedCrop: { size: [5, 7] } }, [5, 7, 3], false],
  ['colour jitter', { colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 } }, [6, 8, 3], false],
];

describe.each(kinds)('%s', (_, entry, shape, moves) => {
  const image = imageOf(6, 8, 3);
  const augmentations = augmentationsOf([entryOf(entry)], shapeOf(image));
  const draw = (position: Partial<typeof at> = {}, own = image) => augment(augmentations, own, { ...at, ...position });

  it('is a function of seed, phase, step and example, whoever computes it and after whatever', () => {
    const first = draw();
    for (let step = 0; step < 10; step++) draw({ step });
    expect(draw()).toEqual(first);
    const others = (['seed', 'phase', 'step', 'sample'] as const).map((key) =>
      [...new Array(20).keys()].map((i) => draw({ [key]: i + 2 }).values.join()),
    );
    // Every place draws of its own: not all results are the first one's, in none of the four.
    for (const drawn of others) expect(drawn.some((values) => values !== first.values.join())).toBe(true);
  });

  it('leaves its argument as it is, and images of its shape', () => {
    const before = image.values.slice();
    for (let step = 0; step < 50; step++) expect(shapeOf(draw({ step }))).toEqual(shape);
    expect(image.values).toEqual(before);
    expect(shapeOf(withoutChance(augmentations, image))).toEqual(shape);
    expect(augmentations[0].shapeOf([6, 8, 3])).toEqual(shape);
  });

  it('keeps values between 0 and 1', () => {
    const known = new Set(image.values);
    for (let step = 0; step < 50; step++) {
      const { values } = draw({ step });
      expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
      if (moves) expect(values.every((value) => value === 0 || known.has(value))).toBe(true);
    }
  });

  it('keeps an image of one colour so, apart from what comes in and from the colour itself', () => {
    const plain = { ...image, values: new Float32Array(6 * 8 * 3).fill(0.5) };
    for (let step = 0; step < 20; step++) {
      const seen = new Set([...draw({ step }, plain).values].map((value) => Math.round(value * 1e5)));
      seen.delete(0);
      expect(seen.size).toBe(1);
    }
  });
});

describe('augmentations', () => {
  const count = (entry: AugmentationEntry, image: Image, wanted: number[]) => {
    const augmentations = augmentationsOf([entry], shapeOf(image));
    let found = 0;
    for (let step = 0; step < 400; step++) {
      if ([...augment(augmentations, image, { ...at, step }).values].join() === wanted.join()) found++;
    }
    return found;
  };
  const rows = { height: 2, width: 2, channels: 1, values: Float32Array.of(1, 2, 3, 4) };

  it('flip every other image', () => {
    for (const [direction, flipped] of [
      ['horizontal', [2, 1, 4, 3]],
      ['vertical', [3, 4, 1, 2]],
    ] as const) {
      expect(Math.abs(count({ flip: direction }, rows, [...flipped]) - 200)).toBeLessThan(60);
    }
  });

  it('shift by every distance, zeros coming in', () => {
    for (const moved of [
      [1, 2, 3, 4],
      [0, 1, 0, 3],
      [0, 0, 1, 2],
      [4, 0, 0, 0],
    ]) {
      expect(Math.abs(count({ shift: 1 }, rows, moved) - 400 / 9)).toBeLessThan(30);
    }
  });

  it('crop at every place within the padding, and at the centre what is evaluated', () => {
    const entry = entryOf({ crop: { size: 2, padding: 1 } });
    for (const moved of [
      [1, 2, 3, 4],
      [0, 1, 0, 3],
      [4, 0, 0, 0],
    ]) {
      expect(Math.abs(count(entry, rows, moved) - 400 / 9)).toBeLessThan(30);
    }
    const image = imageOf(5, 5, 1);
    const centre = withoutChance(augmentationsOf([entryOf({ crop: { size: 3 } })], [5, 5, 1]), image);
    expect([...centre.values.subarray(0, 3)]).toEqual([...image.values.subarray(6, 9)]);
  });

  it('resize what is evaluated as Pillow does: bilinear, averaging where it shrinks', () => {
    const image = { height: 1, width: 4, channels: 1, values: Float32Array.of(0, 1, 2, 3) };
    const to = (size: [number, number]) => [
      ...withoutChance(augmentationsOf([entryOf({ resizedCrop: { size } })], [1, 4, 1]), image).values,
    ];
    expect(to([1, 4])).toEqual([0, 1, 2, 3]);
    // PIL.Image.fromarray(numpy.float32([[0, 1, 2, 3]])).resize((2, 1), PIL.Image.BILINEAR), of the window of a 2:1 size.
    const wide = { height: 2, width: 4, channels: 1, values: Float32Array.of(0, 1, 2, 3, 0, 1, 2, 3) };
    const halved = withoutChance(augmentationsOf([entryOf({ resizedCrop: { size: [1, 2] } })], [2, 4, 1]), wide);
    [...halved.values].forEach((value, i) => expect(value).toBeCloseTo([0.7142857, 2.2857143][i], 6));
  });

  it('follow one another, each with numbers of its own', () => {
    const entries = [{ shift: 1 }, { shift: 1 }].map(entryOf);
    const both = augmentationsOf(entries, [2, 2, 1]);
    const one = augmentationsOf(entries.slice(1), [2, 2, 1]);
    const twice = [...new Array(50).keys()].map((step) => {
      const first = augment(one, rows, { ...at, step });
      return augment(one, first, { ...at, step }).values.join() === augment(both, rows, { ...at, step }).values.join();
    });
    expect(twice).toContain(false);
  });

  it.each([
    [[{ crop: { size: 9 } }], 'dataset.augment: crop: 9x9 pixels do not fit into an image of 6x8 with a padding of 0'],
    [[{ crop: { size: 4 } }, { crop: { size: 5 } }], 'crop: 5x5 pixels do not fit into an image of 4x4'],
    [[{ colorJitter: { contrast: 1 } }], 'colorJitter: needs images of 1 or 3 channels, not of 4'],
  ])('refuse images that they do not fit: %j', (entries, message) => {
    expect(() => augmentationsOf(entries.map(entryOf), [6, 8, 4])).toThrow(message);
  });
});
