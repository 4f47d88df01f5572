import { type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

import { hostWith, npy, npyOf, npz, zip } from './index.js';

const x = npyOf(
  Float32Array.from({ length: 8 }, (_, i) => i),
  [4, 2],
);
const y = npyOf(Uint8Array.of(0, 1, 1, 0), [4]);
const good = npz({ x, y });
const labels = (...values: number[]) => npz({ x, y: npyOf(Float64Array.from(values), [4]) });

const cases: Record<string, [Uint8Array | string, string, Partial<DatasetChoice>?]> = {
  'an empty file': ['', 'is no .npz file: it has 0 bytes; write it with numpy.savez'],
  'a picture': ['GIF89a and more of it', 'is no .npz file: it is a picture; write it with numpy.savez'],
  'a web page': [
    '<!DOCTYPE html><html>',
    'is no .npz file: it is a web page, such as a login or an error page; write it',
  ],
  'a file that is cut off': [good.subarray(0, 200), 'is cut off or damaged'],
  'an archive of no arrays': [npz({}), 'has no arrays: say by dataset.inputs'],
  'names that say nothing': [npz({ arr_0: x, arr_1: y }), 'has the arrays arr_0, arr_1: say by dataset.inputs'],
  'inputs without labels': [npz({ x }), 'has the arrays x: say by dataset.labels'],
  'two arrays that could be meant': [npz({ x, images: x, y }), 'x or images? Say by dataset.inputs'],
  'a name that is not there': [
    good,
    'dataset.inputs: /d/a.npz has no array "z"; allowed: x, y',
    { inputs: 'z', labels: 'y' },
  ],
  'Python objects': [
    npz({ x: npy({ type: '|O', shape: [4] }, Buffer.from('cos\nsystem\n')), y }),
    'holds Python objects as a pickle',
  ],
  'a type without numbers': [
    npz({ x: npy({ type: '<U3', shape: [4] }, new Uint8Array(48)), y }),
    "x: has the type '<U3'",
  ],
  'a header that is damaged': [
    npz({ x: Buffer.from('\x93NUMPY\x01\x00\x04\x00abcd', 'latin1'), y }),
    'x: has a damaged header',
  ],
  'extents without a comma': [
    npz({ x: Buffer.from(x.toString('latin1').replace('(4, 2)', '(4  2)'), 'latin1'), y }),
    'x: has a damaged header',
  ],
  'fewer bytes than the header says': [npz({ x: x.subarray(0, x.length - 4), y }), 'x: ends 4 bytes too early'],
  'more bytes than the header says': [npz({ x: Buffer.concat([x, y]), y }), 'x: holds more bytes than its header says'],
  'a checksum that is wrong': [
    zip([
      { name: 'x.npy', data: x, crc: 1 },
      { name: 'y.npy', data: y },
    ]),
    'x: is damaged (its CRC-32 differs)',
  ],
  'a size that is wrong': [
    zip([
      { name: 'x.npy', data: x, size: 5 },
      { name: 'y.npy', data: y },
    ]),
    'x: is damaged',
  ],
  'a bomb': [
    zip([
      { name: 'x.npy', data: x, size: 0xfffffff0 },
      { name: 'y.npy', data: y },
    ]),
    'x: ',
  ],
  'a bomb by its header': [
    npz({ x: npy({ type: '<f4', shape: [4, 1e12] }, new Uint8Array(9)), y }),
    'x: takes 16000.0 GB once unpacked, more than half of',
  ],
  'an empty array': [npz({ x: npyOf(new Float32Array(), [0, 2]), y }), 'x: is an empty array of shape [0, 2]'],
  NaN: [npz({ x: npyOf(Float32Array.of(0, 1, 2, 3, 4, NaN, 6, 7), [4, 2]), y }), 'x: holds NaN in the example 2'],
  'an infinite float64': [npz({ x: npyOf(Float64Array.of(0, 1, 2, 1e300), [4]), y }), 'x: holds Infinity at 3'],
  'integers beyond 32 bits': [
    npz({ x: npyOf(BigInt64Array.of(0n, 2n ** 40n, 0n, 0n), [4]), y }),
    'x: 1099511627776 (int64) does not fit 32 bits',
  ],
  'fewer labels than inputs': [
    npz({ x, y: npyOf(Uint8Array.of(0, 1, 1), [3]) }),
    'y: has 3 labels for the 4 examples of /d/a.npz: x',
  ],
  'labels of three dimensions': [
    npz({ x, y: npyOf(new Uint8Array(8), [4, 2, 1]) }),
    'y: has the shape [4, 2, 1]: labels are class numbers',
  ],
  'labels that are not one-hot': [
    npz({ x, y: npyOf(Uint8Array.of(1, 0, 1, 1, 0, 1, 0, 1), [4, 2]) }),
    'y: the example 1 is not one-hot',
  ],
  'negative labels': [labels(0, 1, -1, 0), 'y: the example 2 has the label -1'],
  'fractional labels': [labels(0, 1, 0.5, 0), 'y: the example 2 has the label 0.5'],
  'labels beyond the classes': [
    labels(0, 1, 4, 0),
    'the example 2 has the label 4 where dataset.classes is 3',
    { classes: 3 },
  ],
  'one class': [labels(0, 0, 0, 0), 'all examples have the same label'],
  'a shape of another size': [
    good,
    'dataset.shape: [3] has 3 values, the examples of /d/a.npz: x have 2, [2]',
    { shape: [3] },
  ],
  'channels of what is no image': [
    good,
    'dataset.channels: examples of shape [2] are no images',
    { channels: 'first' },
  ],
  'no test part': [good, 'dataset.test: a.npz has no such part: say how many examples become it', { test: undefined }],
  'nothing left': [good, 'dataset.validation: 4 held out of 4', { validation: 4 }],
  'a mean of other channels': [
    good,
    'dataset.normalize.mean: has 3 numbers, the last axis of /d/a.npz has 2',
    { normalize: { mean: [1, 2, 3] } },
  ],
  'an augmentation of what is no image': [
    good,
    'dataset.augment: examples of shape [2] are no images',
    { augment: [{ shift: 1 }] },
  ],
  'other data than before': [good, 'holds other data (SHA-256', { sha256: 'a'.repeat(64) }],
};

it.each(Object.entries(cases))('%s is refused by one line that names it', async (_, [content, problem, more]) => {
  const host = await hostWith({ '/d/a.npz': content });
  const choice = { name: '/d/a.npz', validation: 1, test: 1, ...more };
  const error = await loadDataset(choice, host).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'input', message: expect.stringContaining(problem) as string });
  expect((error as Error).message).not.toContain('\n');
});

it.each([
  ['/d/none.npz', '/d/none.npz: no such file here: check the path'],
  ['/d/none', '/d/none: no such file here'],
  ['/d/other.parquet', '/d/other.parquet: is no data set that can be read: give .npz, .npy or IDX, .csv or .tsv'],
  ['/d/cut.npy.gz', '/d/cut.npy.gz: '],
  ['/e', '/e: has no arrays'],
])('%s is refused', async (name, problem) => {
  const host = await hostWith({
    '/d/other.parquet': 'PAR1',
    '/d/cut.npy.gz': gzipSync(x).subarray(0, 40),
    '/d/y.npy': y,
    '/e/readme.txt': '',
  });
  const choice = { name, validation: 1, test: 1, ...(name.endsWith('gz') && { labels: 'y' }) };
  await expect(loadDataset(choice, host)).rejects.toMatchObject({
    kind: 'input',
    message: expect.stringContaining(problem) as string,
  });
});
