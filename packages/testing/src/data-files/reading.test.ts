import { type Dataset, type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { hostWith, npy, npyOf, npz } from './index.js';

const ofFiles = async (contents: Record<string, Uint8Array | string>, choice: DatasetChoice): Promise<Dataset> =>
  loadDataset(choice, await hostWith(contents));

/** Everything cut off goes to the other parts: the first `count` examples are left to train on. */
const training = (dataset: Dataset) => dataset.training.resident!;

/** Four labels, of which the last two are held out and tested. */
const y = npyOf(Uint8Array.of(0, 1, 1, 0), [4]);
const cut = { validation: 1, test: 1 };

describe('arrays of every type', () => {
  const values = [0, 1, 2, 100, 5, 6, 7, 8];
  /** Writes the values with a DataView's method, in either order of bytes. */
  const written = (bytes: number, method: string, little: boolean, of: readonly (number | bigint)[]) => {
    const view = new DataView(new ArrayBuffer(bytes * of.length));
    const set = view[`set${method}` as 'setFloat32'].bind(view) as (
      at: number,
      value: unknown,
      little: boolean,
    ) => void;
    of.forEach((value, i) => set(i * bytes, value, little));
    return new Uint8Array(view.buffer);
  };
  const halves = [0, 0x3c00, 0x4000, 0x5640, 0x4500, 0x4600, 0x4700, 0x4800];
  it.each([
    ['u1', 1, 'Uint8', values, 'uint8'],
    ['i1', 1, 'Int8', values, 'int32'],
    ['u2', 2, 'Uint16', values, 'int32'],
    ['i2', 2, 'Int16', values, 'int32'],
    ['u4', 4, 'Uint32', values, 'int32'],
    ['i4', 4, 'Int32', values, 'int32'],
    ['u8', 8, 'BigUint64', values.map(BigInt), 'int32'],
    ['i8', 8, 'BigInt64', values.map(BigInt), 'int32'],
    ['f2', 2, 'Uint16', halves, 'float32'],
    ['f4', 4, 'Float32', values, 'float32'],
    ['f8', 8, 'Float64', values, 'float32'],
  ] as const)('%s', async (type, bytes, method, numbers, stored) => {
    for (const little of [true, false]) {
      const x = npy({ type: `${little ? '<' : '>'}${type}`, shape: [4, 2] }, written(bytes, method, little, numbers));
      const dataset = await ofFiles({ '/d/a.npz': npz({ x, y }) }, { name: '/d/a.npz', ...cut });
      expect(dataset).toMatchObject({ elementType: stored, shape: [2], classes: 2 });
      expect([...training(dataset).inputs]).toEqual(values.slice(0, 4));
    }
  });

  it('negative ones, and bool as 0 and 1 that are not divided', async () => {
    const x = npy({ type: '<i8', shape: [4, 1] }, written(8, 'BigInt64', true, [-5n, 3n, 0n, 1n]));
    expect([...training(await ofFiles({ '/d/a.npz': npz({ x, y }) }, { name: '/d/a.npz', ...cut })).inputs]).toEqual([
      -5, 3,
    ]);
    const bool = npy({ type: '|b1', shape: [4, 2] }, Uint8Array.of(0, 1, 1, 1, 0, 0, 0, 0));
    const dataset = await ofFiles({ '/d/a.npz': npz({ x: bool, y }) }, { name: '/d/a.npz', ...cut });
    expect([dataset.divisor, ...training(dataset).inputs]).toEqual([undefined, 0, 1, 1, 1]);
  });

  it('in Fortran order, and of the other versions of the format', async () => {
    // Of an array [4, 2, 3] whose values count up in C order.
    const shape = [4, 2, 3];
    const fortran = new Float32Array(24);
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 2; j++) for (let k = 0; k < 3; k++) fortran[i + 4 * j + 8 * k] = 6 * i + 3 * j + k;
    for (const version of [1, 2, 3] as const) {
      const x = npy({ type: '<f4', shape, fortran: true, version }, new Uint8Array(fortran.buffer));
      const dataset = await ofFiles({ '/d/a.npz': npz({ x, y }) }, { name: '/d/a.npz', ...cut });
      expect([...training(dataset).inputs]).toEqual([...new Array(12).keys()]);
    }
  });
});

describe('where the arrays are', () => {
  const arrays = {
    x_train: npyOf(Uint8Array.of(1, 2, 3, 4, 5), [5, 1]),
    y_train: npyOf(Uint8Array.of(0, 1, 0, 1, 0), [5]),
    x_test: npyOf(Uint8Array.of(9, 8), [2, 1]),
    y_test: npyOf(Uint8Array.of(1, 0), [2]),
  };
  const expectParts = (dataset: Dataset) => {
    expect([...training(dataset).inputs]).toEqual([1, 2, 3, 4]);
    expect([...dataset.validation.resident!.inputs]).toEqual([5]);
    expect([...dataset.test.resident!.inputs]).toEqual([9, 8]);
    expect(dataset.origin).toEqual({ validation: 'last of 5', test: 'own part' });
  };
  const asFiles = (gz = false) =>
    Object.fromEntries(
      Object.entries(arrays).map(([name, data]) => [`/d/${name}.npy${gz ? '.gz' : ''}`, gz ? gzipSync(data) : data]),
    );

  it.each([
    ['one archive', { '/d/k.npz': npz(arrays) }, '/d/k.npz'],
    ['a folder of .npy files', asFiles(), '/d'],
    ['a folder of packed files', asFiles(true), '/d'],
    ['a file beside the others', asFiles(), '/d/x_train.npy'],
  ] as const)('%s', async (_, contents, name) => expectParts(await ofFiles(contents, { name, validation: 1 })));

  it('IDX files as those of MNIST, also packed', async () => {
    const idx = (shape: number[], ...data: number[]) => {
      const extents = Buffer.alloc(4 * shape.length);
      shape.forEach((extent, i) => extents.writeUInt32BE(extent, 4 * i));
      return gzipSync(Buffer.concat([Buffer.of(0, 0, 8, shape.length), extents, Buffer.from(data)]));
    };
    const contents = {
      '/d/train-images-idx3-ubyte.gz': idx([3, 1, 2], 1, 2, 3, 4, 5, 6),
      '/d/train-labels-idx1-ubyte.gz': idx([3], 0, 1, 2),
      '/d/t10k-images-idx3-ubyte.gz': idx([1, 1, 2], 7, 8),
      '/d/t10k-labels-idx1-ubyte.gz': idx([1], 2),
    };
    for (const name of ['/d', '/d/train-images-idx3-ubyte.gz']) {
      const dataset = await ofFiles(contents, { name, validation: 1 });
      expect(dataset).toMatchObject({ shape: [1, 2, 1], classes: 3, divisor: 255 });
      expect([...dataset.test.resident!.inputs]).toEqual([7, 8]);
    }
  });

  it('names that the spec gives, and their like of other parts', async () => {
    const { x_train: a, y_train: b, x_test: c, y_test: d } = arrays;
    const contents = { '/d/k.npz': npz({ train_a: a, train_b: b, test_a: c, test_b: d, other: a }) };
    expectParts(await ofFiles(contents, { name: '/d/k.npz', inputs: 'train_a', labels: 'train_b', validation: 1 }));
  });

  it('files of the parts', async () => {
    const { x_train, y_train, x_test, y_test } = arrays;
    const contents = {
      '/d/k.npz': npz({ x: x_train, y: y_train }),
      '/d/t.npz': npz({ x: x_test, y: y_test }),
      '/d/v.npz': npz({ images: x_test, labels: y_test }),
    };
    const dataset = await ofFiles(contents, { name: '/d/k.npz', validation: '/d/v.npz', test: '/d/t.npz' });
    expect([dataset.training.count, dataset.validation.count, dataset.test.count]).toEqual([5, 2, 2]);
    expect(dataset.origin).toEqual({ validation: 'v.npz', test: 't.npz' });
  });
});

describe('examples and labels', () => {
  const x = npyOf(
    Float32Array.from({ length: 48 }, (_, i) => i),
    [4, 12],
  );
  const load = (arrays: Record<string, Uint8Array>, choice: Partial<DatasetChoice> = {}) =>
    ofFiles({ '/d/a.npz': npz(arrays) }, { name: '/d/a.npz', ...cut, ...choice });

  it('takes numbers of any kind and one-hot for labels', async () => {
    const labels = [
      npyOf(BigInt64Array.of(0n, 2n, 1n, 0n), [4]),
      npyOf(Float64Array.of(0, 2, 1, 0), [4, 1]),
      npyOf(Float32Array.of(1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0), [4, 3]),
    ];
    for (const y of labels) {
      const dataset = await load({ x, y });
      expect([dataset.classes, ...training(dataset).labels]).toEqual([3, 0, 2]);
    }
    expect((await load({ x, y: labels[0] }, { classes: 300 })).training.resident!.labels).toBeInstanceOf(Uint16Array);
  });

  it('lays examples out as the spec says, channels last', async () => {
    const image = await load({ x, y }, { shape: [2, 3, 2] });
    expect([image.shape, training(image).inputs[1]]).toEqual([[2, 3, 2], 1]);
    const turned = await load({ x, y }, { shape: [2, 2, 3], channels: 'first' });
    expect(turned.shape).toEqual([2, 3, 2]);
    expect([...training(turned).inputs.subarray(0, 12)]).toEqual([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
  });

  it('has the same hash wherever the same content lies, and another one for another byte', async () => {
    const a = await load({ x, y });
    const other = Buffer.from(x);
    other[other.length - 1] ^= 1;
    const contents = { '/e/b.npz': npz({ x, y }), '/e/c.npz': npz({ x: other, y }) };
    const [b, c] = [
      await ofFiles(contents, { name: '/e/b.npz', ...cut }),
      await ofFiles(contents, { name: '/e/c.npz', ...cut }),
    ];
    expect([b.hash, b.files]).toEqual([a.hash, { sha256: a.hash, covers: 'content' }]);
    expect(c.hash).not.toBe(a.hash);
  });
});
