import { nodeHost } from '@prunegrid/core/node';
import {
  type Dataset,
  type DatasetChoice,
  evaluationBatch,
  loadDataset,
  TrainingBatches,
} from '@prunegrid/trainer/datasets';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { drawClassFolders, drawPicture } from './index.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-pictures-'));
  await drawClassFolders(folder, 2, 12);
});
afterEach(() => rm(folder, { recursive: true }));

const load = (choice: Partial<DatasetChoice> = {}, host = nodeHost): Promise<Dataset> =>
  loadDataset({ name: folder, validation: 4, test: 4, shape: [16, 16, 3], ...choice }, host);

const first = (dataset: Dataset, count = 16) => dataset.training.read(Uint32Array.from({ length: count }, (_, i) => i));

const plan = { seed: 5, phase: 1, globalBatch: 8, shift: 0, dropout: 0 };
const resizedCrop = { size: 12, scale: [0.2, 1], ratio: [3 / 4, 4 / 3] };
const random: DatasetChoice['augment'] = [
  { resizedCrop },
  { flip: 'horizontal' },
  { colorJitter: { brightness: 0.4, contrast: 0, saturation: 0 } },
] as never;

describe('training examples', () => {
  it.each([
    ['windows of the whole picture', { shape: undefined as never, augment: random }],
    ['windows of decoded pictures', { augment: random }],
    ['decoded pictures', {}],
  ])('of %s are the same however a batch is divided', async (_, choice) => {
    const normalize = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] };
    const batchesOf = async (microBatches: number) => {
      const batches = new TrainingBatches(await load({ normalize, ...choice }), { ...plan, microBatches }, []);
      const inputs: number[] = [];
      for (let step = 0; step < 3; step++) {
        for (let each = 0; each < microBatches; each++) inputs.push(...(await batches.take(step, each)).inputs);
      }
      return inputs;
    };
    const [alone, four] = [await batchesOf(1), await batchesOf(4)];
    expect(four).toEqual(alone);
    const size = alone.length / 3 / 8;
    expect(alone.slice(0, size)).not.toEqual(alone.slice(size, 2 * size));
  });

  it('are the same whether decoded pictures are kept in memory or not', async () => {
    const small = { ...nodeHost, machine: { ...nodeHost.machine, memoryBytes: 1000 } };
    const [kept, read] = [await load(), await load({}, small)];
    for (let pass = 0; pass < 2; pass++) expect((await first(kept)).inputs).toEqual((await first(read)).inputs);
  });
});

/** Puts one picture in the place of all others. */
async function replaceAll(picture: Buffer): Promise<void> {
  for (const name of ['n0000', 'n0001']) {
    for (const file of await readdir(join(folder, name))) await writeFile(join(folder, name, file), picture);
  }
}

describe('a picture', () => {
  it.each([
    ['jpeg', 3, 2],
    ['jpeg', 1, 2],
    ['png', 3, 0],
  ] as const)('of the kind %s in %i channels has the values that sharp reads', async (format, channels, most) => {
    const picture = await drawPicture({ width: 48, height: 40, format });
    await replaceAll(picture);
    const { inputs } = await first(await load({ shape: [40, 40, channels] }), 1);
    const pixels = await sharp(picture).extract({ left: 4, top: 0, width: 40, height: 40 }).raw().toBuffer();
    const luma = (_: number, i: number) =>
      0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
    const expected = channels === 3 ? [...pixels] : Array.from({ length: 1600 }, luma);
    expect(inputs).toHaveLength(expected.length);
    expect(Math.max(...expected.map((value, i) => Math.abs(value - inputs[i])))).toBeLessThanOrEqual(most);
  });

  it.each([
    [12, 'smaller'],
    [96, 'larger'],
  ])('is resized by a triangle filter, as Pillow does: to %i pixels, which is %s', async (size) => {
    const [from, channels] = [48, 3];
    const picture = await drawPicture({ width: from, height: from, format: 'jpeg' });
    await replaceAll(picture);
    const { inputs } = await first(await load({ shape: [size, size, channels] }), 1);
    const pixels = await sharp(picture).raw().toBuffer();
    const taps = Array.from({ length: size }, (_, i) => triangle(i, from / size, from));
    const largest = taps.flatMap((rows, row) =>
      taps.flatMap((columns, column) =>
        Array.from({ length: channels }, (_, channel) => {
          const sum = rows.reduce(
            (all, [y, v]) =>
              all + v * columns.reduce((part, [x, w]) => part + w * pixels[(y * from + x) * channels + channel], 0),
            0,
          );
          return Math.abs(sum - inputs[(row * size + column) * channels + channel]);
        }),
      ),
    );
    expect(Math.max(...largest)).toBeLessThan(1.6);
  });

  /** The pixels of which pixel `i` is made, with their weights. */
  function triangle(i: number, scale: number, from: number): [pixel: number, weight: number][] {
    const centre = (i + 0.5) * scale;
    const weightOf = (pixel: number) => Math.max(0, 1 - Math.abs(pixel + 0.5 - centre) / Math.max(scale, 1));
    const weights = Array.from({ length: from }, (_, pixel) => weightOf(pixel));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.flatMap((weight, pixel) => (weight > 0 ? [[pixel, weight / total] as [number, number]] : []));
  }
});

it('evaluates the share cropPct of the centre', async () => {
  const wide = await drawPicture({ width: 160, height: 80, format: 'png', colour: [0, 0, 0] });
  await replaceAll(wide);
  const augment = [{ resizedCrop: { ...resizedCrop, size: 10, cropPct: 0.5 } }] as never;
  const { inputs } = await evaluationBatch(...partOf(await load({ shape: undefined as never, augment })), 0, 1);
  // Both axes fade from black to white: the window is the middle quarter of the width and the middle half of the height.
  const [corner, end] = [inputs[0], inputs[inputs.length - 1]];
  expect(corner).toBeCloseTo((20 / 80 + 60 / 160) / 2, 1);
  expect(end).toBeCloseTo((60 / 80 + 100 / 160) / 2, 1);
});

const partOf = (dataset: Dataset) => [dataset, dataset.test] as const;

it('takes grey, transparent and 16-bit pictures as what they show', async () => {
  const colour = sharp({
    create: { width: 20, height: 20, channels: 4, background: { r: 90, g: 90, b: 90, alpha: 0.5 } },
  });
  const grey = await colour.clone().greyscale().png().toBuffer();
  const deep = await colour.clone().removeAlpha().toColourspace('rgb16').png().toBuffer();
  for (const [i, bytes] of [await colour.clone().png().toBuffer(), grey, deep].entries()) {
    for (const name of ['n0000', 'n0001']) await writeFile(join(folder, name, `00${i}.jpg`), bytes);
  }
  for (const name of ['n0000', 'n0001']) {
    for (const file of (await readdir(join(folder, name))).slice(3)) await rm(join(folder, name, file));
  }
  for (const channels of [1, 3]) {
    const dataset = await load({ shape: [4, 4, channels], validation: 1, test: 1 });
    const { inputs } = await first(dataset, 4);
    expect(inputs).toHaveLength(4 * 4 * 4 * channels);
    for (const value of inputs) expect(Math.abs(value - 90)).toBeLessThanOrEqual(1);
  }
});

/** Damaged files, and what is said of them. */
const damaged: Record<string, [bytes: () => Promise<Buffer>, says: string]> = {
  'n0000/003.jpg': [async () => Buffer.alloc(0), 'has 0 bytes'],
  'n0000/006.jpg': [async () => (await drawPicture()).subarray(0, -50), 'cannot be decoded ('],
  'n0000/009.jpg': [async () => Buffer.from('<html>'.repeat(50)), 'is no picture'],
  'n0001/003.jpg': [
    async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    'is a picture of the type svg, not JPEG or PNG',
  ],
  'n0001/006.jpg': [
    async () => {
      // A file of some hundred bytes whose header speaks of gigabytes.
      const png = await drawPicture({ format: 'png' });
      png.writeUInt32BE(60_000, 16);
      png.writeUInt32BE(60_000, 20);
      return png;
    },
    'would unpack to 60000x60000 pixels, more than 89478485',
  ],
};

it('counts and skips damaged pictures, until they are too many', async () => {
  const all = { validation: 1, test: 1, maxCorrupt: 0.25 };
  const sound = await first(await load(all), 22);
  for (const [name, [bytes]] of Object.entries(damaged)) await writeFile(join(folder, name), await bytes());
  const dataset = await load(all);
  const skipped = await first(dataset, 22);
  await first(dataset, 22);
  const lines = dataset.takeNotices?.() ?? [];
  for (const [name, [, says]] of Object.entries(damaged)) {
    expect(lines.filter((line) => line.includes(`${name}: ${says}`))).toHaveLength(1);
  }
  expect(lines).toHaveLength(5);
  expect(dataset.takeNotices?.()).toEqual([]);
  const size = 16 * 16 * 3;
  const of = ({ inputs, labels }: typeof sound, i: number) => [labels[i], ...inputs.subarray(i * size, (i + 1) * size)];
  let replaced = 0;
  for (let i = 21; i >= 0; i--) {
    if (isDeepStrictEqual(of(skipped, i), of(sound, i))) continue;
    replaced++;
    // The next sound picture is in its place, with its label.
    expect(of(skipped, i)).toEqual(of(skipped, (i + 1) % 22));
  }
  expect(replaced).toBe(5);
  await expect(first(await load({ ...all, maxCorrupt: 0.17 }), 22)).rejects.toThrow(
    /is damaged picture 5 of 24: dataset.maxCorrupt lets 4 be skipped; repair or remove it$/,
  );
});
