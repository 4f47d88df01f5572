import { readSpec } from '@prunegrid/coordinator/experiment/load';
import { alexnet, paperNetwork } from '@prunegrid/coordinator/report/paper';
import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { catalogue } from '../api/catalogue.js';
import { imagenetIn } from './imagenet.js';
import { reproductionNamed } from './paper-tables.js';
import { plannedBy } from './planned.js';

const fileOf = (name: string) => fileURLToPath(new URL(`../../../../experiments/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prunegrid-imagenet-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Weights, weights kept and multiply-accumulates, dense and pruned, of each layer. */
const table21x = {
  conv1: [34_848, 28_190, 105_415_200, 85_274_750],
  conv2: [307_200, 61_440, 223_948_800, 44_789_760],
  conv3: [884_736, 168_090, 149_520_384, 28_407_210],
  conv4: [663_552, 132_700, 112_140_288, 22_426_300],
  conv5: [442_368, 88_480, 74_760_192, 14_953_120],
  fc1: [37_748_736, 1_060_000, 37_748_736, 1_060_000],
  fc2: [16_777_216, 990_000, 16_777_216, 990_000],
  fc3: [4_096_000, 380_000, 4_096_000, 380_000],
};
const convolutions13x = {
  ...table21x,
  conv2: [307_200, 57_600, 223_948_800, 41_990_400],
  conv3: [884_736, 39_240, 149_520_384, 6_631_560],
  conv4: [663_552, 29_430, 112_140_288, 4_973_670],
  conv5: [442_368, 19_620, 74_760_192, 3_315_780],
};

/** What the paper prints of the 21x table: thousands of weights, thousands kept, and the share kept in per cent. */
const printed = {
  conv1: [34.8, 28.19, 81],
  conv2: [307.2, 61.44, 20],
  conv3: [884.7, 168.09, 19],
  conv4: [663.5, 132.7, 20],
  conv5: [442.4, 88.48, 20],
  fc1: [37_700, 1_060, 2.8],
  fc2: [16_800, 990, 5.9],
  fc3: [4_100, 380, 9.3],
};

describe("AlexNet's experiments", () => {
  it.each([
    ['alexnet-imagenet.yaml', table21x, [60_954_656, 2_908_900, 724_406_816, 198_281_140]],
    ['alexnet-imagenet-conv.yaml', convolutions13x, [60_954_656, 2_604_080, 724_406_816, 144_616_160]],
  ])('%s keeps and computes in each layer what its table says', async (file, layers, whole) => {
    const planned = (await plannedBy(nodeHost, fileOf(file), []))!;
    const numbers = planned.layers.map(({ name, weights, kept, multiplyAccumulates }) => [
      name,
      [weights, kept, multiplyAccumulates?.dense, multiplyAccumulates?.pruned],
    ]);
    expect(Object.fromEntries(numbers)).toEqual(layers);
    const { weights, kept, multiplyAccumulates } = planned.total;
    expect([weights, kept, multiplyAccumulates?.dense, multiplyAccumulates?.pruned]).toEqual(whole);
  });

  it('have the counts that the paper prints, of which some are shares of weights that it has rounded before', () => {
    for (const [name, [weights, kept, percent]] of Object.entries(printed)) {
      const [exact, ours] = table21x[name as keyof typeof table21x];
      expect(ours / 1000).toBeCloseTo(kept, 2);
      // "663.5K" of conv4 is cut off, 663.552K rounded is 663.6K.
      expect(Math.abs(exact / 1000 - weights) / weights).toBeLessThan(0.002);
      expect(Number(((100 * ours) / exact).toPrecision(2)), name).toBe(percent);
    }
    // Of the exact 34,848, 81 % are 28.23K; 28.19K are 81 % of the rounded 34.8K. So are 168.09K (of 884.7K) instead of
    // 168.10K, and 88.48K (of 442.4K) instead of 88.47K.
    expect([34.848 * 0.81, 884.736 * 0.19, 442.368 * 0.2].map((kept) => kept.toFixed(2))).toEqual([
      '28.23',
      '168.10',
      '88.47',
    ]);
    expect([34.8 * 0.81, 884.7 * 0.19, 442.4 * 0.2].map((kept) => kept.toFixed(2))).toEqual([
      '28.19',
      '168.09',
      '88.48',
    ]);
    // "4.76 %" and "21x" are those of a rounded 2.9M of a rounded 60.9M.
    expect([2_908_900 / 60_954_656, 2.9 / 60.9].map((share) => (100 * share).toFixed(2))).toEqual(['4.77', '4.76']);
    expect([60_954_656 / 2_908_900, 60.9 / 2.9].map((ratio) => ratio.toFixed(2))).toEqual(['20.95', '21.00']);
  });

  it("reach the paper's totals where only these are known", () => {
    const names = Object.keys(table21x).slice(0, 5) as (keyof typeof table21x)[];
    const sum = (which: number) => names.reduce((total, name) => total + convolutions13x[name][which], 0);
    expect([sum(0), sum(1), (sum(0) / sum(1)).toFixed(1)]).toEqual([2_332_704, 174_080, '13.4']);
    expect(724_406_816 / 144_616_160).toBeGreaterThan(5);
    expect((724_406_816 / 198_281_140).toFixed(2)).toBe('3.65');
  });

  it('follow one recipe, and are the cells of the sweep that reproduces the tables', async () => {
    const { tables, sweep } = reproductionNamed('alexnet')!;
    const files = tables.map(({ experiment }) => experiment);
    const specs = await Promise.all(files.map((file) => readSpec(nodeHost, fileOf(file), [], catalogue)));
    const [one, other] = specs.map(({ name: _name, keep: _keep, ...recipe }) => recipe);
    expect(other).toEqual(one);
    const { base, list } = parse(readFileSync(fileOf(sweep), 'utf8'), { merge: true }) as {
      base: string;
      list: { keep: object }[];
    };
    expect(base).toBe(files[0]);
    expect(list.map(({ keep }) => keep)).toEqual(specs.map(({ keep }) => keep));
    expect(one.admm).toMatchObject({ iterations: 40, rho: 1.5e-3, optimizer: { name: 'sgd', momentum: 0.9 } });
    expect(one).toMatchObject({ model: 'alexnet', batch: { global: 256 }, choose: 'top5' });
  });

  it('are quicker with the line that the file gives', async () => {
    const text = readFileSync(fileOf('alexnet-imagenet.yaml'), 'utf8');
    const sets = [...(/^# {3}(--set dense.epochs=30.*)$/m.exec(text)?.[1] ?? '').matchAll(/--set (\S+)/g)].map(
      ([, override]) => override,
    );
    const { dense, admm, retrain } = await readSpec(nodeHost, fileOf('alexnet-imagenet.yaml'), sets, catalogue);
    expect([dense.epochs, admm.iterations, retrain.epochs]).toEqual([30, 12, 12]);
  });

  it("stand beside the paper's figures if they were trained on as many pictures as ImageNet has", () => {
    const layers = alexnet.layers.map(({ name, weights }) => ({ name, weights, kept: 1 }));
    const data = (training: number, classes: number) =>
      ({ name: '/data/train', classes, examples: { training, validation: 10_000, test: 50_000 } }) as const;
    expect(paperNetwork(layers, data(1_271_167, 1000))).toBe(alexnet);
    expect(paperNetwork(layers, data(400, 1000))).toBeUndefined();
    expect(paperNetwork(layers, data(1_271_167, 100))).toBeUndefined();
    expect(paperNetwork(layers, { name: '/data/train' })).toBeUndefined();
  });
});

describe('a folder of ImageNet', () => {
  const made = (name: string, folders: string[], files: string[] = []) => {
    const at = join(folder, name);
    mkdirSync(at);
    for (const each of folders) mkdirSync(join(at, each));
    for (const each of files) writeFileSync(join(at, each), '');
    return at;
  };
  const archives = ['ILSVRC2012_img_train.tar', 'ILSVRC2012_img_val.tar'];

  it('is read as class folders or as the archives that are downloaded', async () => {
    const unpacked = made('un packed', ['train', 'val']);
    expect(await imagenetIn(unpacked, nodeHost)).toEqual([
      `dataset.name="${unpacked}/train"`,
      `dataset.test="${unpacked}/val"`,
    ]);
    const packed = made('packed', [], [...archives, 'LOC_val_solution.csv']);
    expect(await imagenetIn(packed, nodeHost)).toEqual([
      `dataset.name="${packed}/ILSVRC2012_img_train.tar"`,
      `dataset.test="${packed}/ILSVRC2012_img_val.tar"`,
      `dataset.labels="${packed}/LOC_val_solution.csv"`,
    ]);
  });

  it.each([
    ['absent', undefined, /--data .*absent: cannot be read .*: name the folder of ImageNet$/],
    ['empty', [], /--data .*empty: does not hold train and val, or ILSVRC2012_img_train.tar and/],
    ['unlabelled', archives, /says nowhere of which classes .* put ILSVRC2012_img_val.txt or/],
  ])('is refused in one line if it is %s', async (name, files, message) => {
    const at = files ? made(name, [], files) : join(folder, name);
    const error = await imagenetIn(at, nodeHost).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).message).toMatch(message);
    expect((error as Failure).message).not.toContain('\n');
  });
});
