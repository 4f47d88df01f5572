import { nodeHost } from '@prunegrid/core/node';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadMnist, mnistFolder } from './mnist.js';

const choice = { name: 'mnist', validation: 5000 };

describe('loadMnist', () => {
  it('reads the genuine files and holds out the last images', async () => {
    const { training, validation, test } = await loadMnist(choice, nodeHost.files);
    expect([training.count, validation.count, test.count]).toEqual([55_000, 5000, 10_000]);
    // The expected values are the first labels of the distribution, and the last label of the training file.
    expect([...training.resident!.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...test.resident!.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    expect(validation.resident?.labels.at(-1)).toBe(8);
    expect(validation.resident?.inputs.length).toBe(5000 * 784);
  });

  it('takes the first images only where the spec says so', async () => {
    const { training, validation, test } = await loadMnist({ ...choice, limit: 100 }, nodeHost.files);
    expect([training.count, validation.count, test.count]).toEqual([100, 5000, 100]);
  });

  it('refuses to hold everything out', async () => {
    await expect(loadMnist({ ...choice, validation: 60_000 }, nodeHost.files)).rejects.toThrow(
      '60000 held out of 60000 leaves none',
    );
  });

  describe('names a file that is', () => {
    let folder: string;
    const file = () => join(folder, 't10k-labels-idx1-ubyte');
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'mnist-'));
      await cp(mnistFolder(), folder, { recursive: true });
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('changed in one byte', async () => {
      const bytes = await readFile(file());
      bytes[5000] ^= 1;
      await writeFile(file(), bytes);
      await expect(loadMnist(choice, nodeHost.files, folder)).rejects.toThrow(`${file()}: is not MNIST's own file`);
    });

    it('truncated', async () => {
      await truncate(file(), 6000);
      await expect(loadMnist(choice, nodeHost.files, folder)).rejects.toThrow(
        `${file()}: ends 4008 bytes too early: it is cut off`,
      );
    });

    it('of another format', async () => {
      await writeFile(file(), 'GIF89a and more');
      await expect(loadMnist(choice, nodeHost.files, folder)).rejects.toThrow(`${file()}: is no IDX file`);
    });

    it('missing', async () => {
      await rm(file());
      await expect(loadMnist(choice, nodeHost.files, folder)).rejects.toThrow(`${file()}: cannot be read`);
    });
  });
});
