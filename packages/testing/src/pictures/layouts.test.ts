import { nodeHost } from '@prunegrid/core/node';
import { type Dataset, type DatasetChoice, evaluationBatch, loadDataset } from '@prunegrid/trainer/datasets';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { drawPicture, tarOf } from './index.js';

let folder: string;
const red: Record<string, Buffer> = {};
const blue: Record<string, Buffer> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-pictures-'));
  for (const name of ['0', '1', '2']) {
    const width = 20 + 3 * Number(name);
    red[name] = await drawPicture({ width, colour: [220, 10, 10] });
    blue[name] = await drawPicture({ width, colour: [10, 10, 220], format: 'png' });
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function put(files: Record<string, Uint8Array | string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

const load = (choice: Partial<DatasetChoice> & { name: string }): Promise<Dataset> => {
  const absolute = (path: unknown) => (typeof path === 'string' && path.includes('/') ? join(folder, path) : path);
  const paths = Object.fromEntries(Object.entries(choice).map(([key, value]) => [key, absolute(value)]));
  return loadDataset({ shape: [8, 8, 3], validation: 1, test: 1, ...paths } as DatasetChoice, nodeHost);
};

/** Whether each picture of the training part is red by its upper left corner, and its class. */
async function redness({ training }: Dataset): Promise<[red: boolean, label: number][]> {
  const { inputs, labels } = await training.read(Uint32Array.from({ length: training.count }, (_, i) => i));
  const size = inputs.length / training.count;
  return Array.from(labels, (label, i) => [inputs[i * size] > inputs[i * size + 2], label]);
}

/** Files of each layout: two classes of three pictures, red ones before blue ones. */
const layouts: Record<string, { files: () => Record<string, Uint8Array | string>; choice: DatasetChoice }> = {
  'class folders, with folders in them': {
    files: () => ({
      ...{ 'a/f/red/0.jpg': red[0], 'a/f/red/1.JPEG': red[1], 'a/f/red/more/2.jpeg': red[2] },
      ...{
        'a/f/steel/0.png': blue[0],
        'a/f/steel/1.png': blue[1],
        'a/f/steel/2.PNG': blue[2],
        'a/f/steel/notes.txt': '',
      },
    }),
    choice: { name: 'a/f' },
  },
  'a tar archive of class folders': {
    files: () => ({
      'b/all.tar': tarOf({
        ...{ './set/red/0.jpg': red[0], './set/red/1.jpg': red[1], './set/red/2.jpg': red[2] },
        ...{ './set/steel/0.png': blue[0], './set/steel/1.png': blue[1], './set/steel/2.png': blue[2] },
      }),
    }),
    choice: { name: 'b/all.tar' },
  },
  "ImageNet's training archive": {
    files: () => ({
      'c/train.tar': tarOf({
        'n02.tar': tarOf({ 'b_0.JPEG': blue[0], 'b_1.JPEG': blue[1], 'b_2.JPEG': blue[2] }),
        'n01.tar': tarOf({ 'a_0.JPEG': red[0], 'a_1.JPEG': red[1], 'a_2.JPEG': red[2] }),
      }),
    }),
    choice: { name: 'c/train.tar' },
  },
  "WebDataset's shards": {
    files: () => ({
      'd/w-00.tar': tarOf({
        'x/1.jpg': red[0],
        'x/1.cls': '0\n',
        'x/2.cls': '1',
        'x/2.png': blue[0],
        'x/2.json': '{}',
      }),
      'd/w-01.tar': tarOf({ '3.jpg': red[1], '3.cls': '0', '4.jpg': red[2], '4.cls': '0' }),
      'd/w-02.tar': tarOf({
        [`${'long'.repeat(60)}.png`]: blue[1],
        [`${'long'.repeat(60)}.cls`]: '1',
        '5.png': blue[2],
        '5.cls': '1',
      }),
    }),
    choice: { name: 'd/w-{00..02}.tar' },
  },
  'pictures with a file of labels': {
    files: () => ({
      'e/p.tar': tarOf({
        '5.png': blue[2],
        '0.jpg': red[0],
        '1.jpg': red[1],
        '2.jpg': red[2],
        '3.png': blue[0],
        '4.png': blue[1],
      }),
      'e/classes.csv': 'ImageId,PredictionString\n0,red 1 2\n1,red 3\n2,red\n3,blue\n4,blue\n5,blue\n',
    }),
    choice: { name: 'e/p.tar', labels: './e/classes.csv' },
  },
};

describe('pictures of every layout', () => {
  it.each(Object.entries(layouts))('%s', async (_, { files, choice }) => {
    await put(files());
    const dataset = await load(choice);
    expect(dataset).toMatchObject({ classes: 2, shape: [8, 8, 3], files: { covers: 'content' } });
    expect(dataset.origin?.test).toBe('drawn from 6 by seed 1');
    const seen = await redness(dataset);
    expect(seen).toHaveLength(4);
    const [[isRed, label]] = seen;
    // One class has all red ones, and the other one all blue ones.
    expect(seen.map(([colour, of]) => (colour === isRed) === (of === label))).toEqual([true, true, true, true]);
  });

  it("ImageNet's two archives, and labels beside the second", async () => {
    const val = { 'v_00000002.JPEG': blue[1], 'v_00000001.JPEG': red[0] };
    await put({ 'i/img_train.tar': layouts["ImageNet's training archive"].files()['c/train.tar'] });
    await put({ 'i/img_val.tar': tarOf(val), 'i/img_val.txt': 'v_00000001.JPEG 0\nv_00000002.JPEG 1\n' });
    await put({ 'i/names.txt': 'n01\nn02\n' });
    const named = await load({ name: 'i/img_train.tar', test: 'i/img_val.tar', labels: 'i/names.txt' }).catch(
      (error: unknown) => error,
    );
    expect(named).not.toBeInstanceOf(Error);
    for (const dataset of [named as Dataset, await load({ name: 'i/img_train.tar', test: 'i/img_val.tar' })]) {
      expect(dataset.classNames).toEqual(['n01', 'n02']);
      expect(dataset.origin?.test).toBe('img_val.tar');
      expect([...(await evaluationBatch(dataset, dataset.test, 0, 2)).labels]).toEqual([0, 1]);
    }
  });

  it('the parts of a folder', async () => {
    for (const part of ['train', 'val', 'test']) {
      await put({ [`p/${part}/red/0.jpg`]: red[0], [`p/${part}/blue/0.png`]: blue[0] });
    }
    const dataset = await load({ name: 'p/', validation: undefined, test: undefined });
    expect([dataset.training, dataset.validation, dataset.test].map(({ count }) => count)).toEqual([2, 2, 2]);
    expect(dataset.classNames).toEqual(['blue', 'red']);
  });

  it('a hash that tells other pictures and other classes', async () => {
    const hashOf = async (files: Record<string, Uint8Array>) => {
      await rm(join(folder, 'h'), { recursive: true, force: true });
      await put(files);
      return (await load({ name: 'h/' })).hash;
    };
    const files = { 'h/a/0.jpg': red[0], 'h/a/1.jpg': red[1], 'h/b/2.png': blue[0], 'h/b/3.png': blue[1] };
    const [first, again, other, moved] = [
      await hashOf(files),
      await hashOf(files),
      await hashOf({ ...files, 'h/a/0.jpg': red[2] }),
      await hashOf({ 'h/b/0.jpg': red[0], 'h/a/1.jpg': red[1], 'h/b/2.png': blue[0], 'h/b/3.png': blue[1] }),
    ];
    expect(again).toBe(first);
    expect(new Set([first, other, moved]).size).toBe(3);
  });
});

describe('refuses in one line', () => {
  const member = (name: string) => () => ({ 'z/t.tar': tarOf({ [name]: red[0] }) });
  const cases: Record<string, [() => Record<string, Uint8Array | string>, string, Partial<DatasetChoice>?]> = {
    'a path to above an archive': [member('../../etc/0.jpg'), 'holds the path "../../etc/0.jpg", which leads out'],
    'an absolute path in an archive': [member('/etc/0.jpg'), 'holds the path "/etc/0.jpg", which leads out'],
    'an archive that is cut off': [
      () => ({ 'z/t.tar': tarOf({ 'a/0.jpg': red[0] }).subarray(0, 700) }),
      'bytes too early in a/0.jpg: it is cut off',
    ],
    'a picture that is called .tar': [() => ({ 'z/t.tar': red[0] }), 'is no tar archive: write it with tar'],
    'an empty file': [() => ({ 'z/t.tar': '' }), 'is no tar archive: it has 0 bytes'],
    'an archive of no pictures': [member('readme.txt'), 'holds no .jpg, .jpeg or .png'],
    'a picture of a shard without a label': [
      () => ({ 'z/t.tar': tarOf({ '0.jpg': red[0], '0.cls': '0', '1.jpg': red[1] }) }),
      '1.jpg: has no label: put 1.cls beside it',
    ],
    'pictures without labels': [member('0.jpg'), 'holds pictures without labels: put t.txt beside it'],
    'a label that is no class': [
      () => ({ 'z/t.tar': tarOf({ '0.jpg': red[0], '0.cls': '0', '1.jpg': red[1], '1.cls': '7' }) }),
      '1.jpg: has the label "7", which is none of the 2 classes',
      { classes: 2 },
    ],
    'numbers of another list of classes': [
      () => ({ 'z/t.tar': tarOf({ '0.jpg': red[0] }), 'z/ILSVRC2012_validation_ground_truth.txt': '490\n' }),
      "numbers the classes as the development kit's meta.mat does",
      { labels: 'z/ILSVRC2012_validation_ground_truth.txt' },
    ],
    'pictures of any size': [
      () => ({ 'z/t.tar': tarOf({ 'a/0.jpg': red[0], 'b/1.jpg': red[1], 'b/2.jpg': red[2] }) }),
      'dataset.shape: ',
      { shape: undefined },
    ],
  };
  it.each(Object.entries(cases))('%s', async (_, [files, message, choice]) => {
    await put(files());
    const error = await load({ name: 'z/t.tar', ...choice }).catch((reason: unknown) => reason);
    expect(String(error)).toContain(message);
    expect(error).toMatchObject({ name: 'Failure', kind: 'input' });
    expect((error as Error).message).not.toContain('\n');
  });

  it('a folder with pictures beside its classes', async () => {
    await put({ 'y/red/0.jpg': red[0], 'y/1.jpg': red[1] });
    await expect(load({ name: 'y/' })).rejects.toThrow("1.jpg: lies in no class's folder");
  });
});
